/** One prompt beside one response: {prompt, response}, TRL's {prompt, completion}, Alpaca's {instruction, input, output}. */
import type { Message, PromptInput } from '../../../preload/contract/domain.ts'
import type { Fields, Layout, PromptDraft, SftDraft } from '../layout.ts'
import { has, isBlank, messagesAt, ownId, promptAt, refuse, textAt } from '../layout.ts'

export const promptResponse: Layout<SftDraft> = {
  name: 'prompt/response',
  roles: { prompt: 'prompt', response: 'response' },
  example: '{"prompt": …, "response": …}',
  fits: (row) => has(row, 'prompt', 'response'),
  read: (row) => ({ ...ownId(row as Fields), prompt: promptAt(row as Fields, 'prompt'), response: textAt(row as Fields, 'response') }),
}

export const promptCompletion: Layout<SftDraft> = {
  name: 'prompt/completion',
  roles: { prompt: 'prompt', response: 'completion' },
  example: '{"prompt": …, "completion": …}',
  fits: (row) => has(row, 'prompt', 'completion'),
  read: (row) => ({ ...ownId(row as Fields), prompt: promptAt(row as Fields, 'prompt'), response: completionOf(row as Fields) }),
}

/** TRL's conversational form writes the completion as a list of one assistant message. */
function completionOf(row: Fields): string {
  if (typeof row.completion === 'string') return textAt(row, 'completion')
  const [only, ...others] = messagesAt(row, 'completion')
  if (only?.role !== 'assistant' || others.length > 0) refuse('has a "completion" that is not one assistant message')
  return only.content.trim() === '' ? refuse('is empty in "completion"') : only.content
}

/** Alpaca's instruction over its input; LLaMA-Factory's earlier turns and system message stand before them. */
export function alpacaPrompt(row: Fields): PromptInput {
  const instruction = textAt(row, 'instruction')
  const text = isBlank(row.input) ? instruction : `${instruction}\n\n${textAt(row, 'input')}`
  const history = Array.isArray(row.history) ? row.history.flat() : []
  if (history.length === 0 && isBlank(row.system)) return text
  const system: Message[] = isBlank(row.system) ? [] : [{ role: 'system', content: textAt(row, 'system') }]
  return [...system, ...(history.length === 0 ? [] : messagesAt({ history }, 'history')), { role: 'user', content: text }]
}

const alpacaRoles = { prompt: 'instruction', input: 'input', system: 'system' }

export const alpaca: Layout<SftDraft> = {
  name: 'alpaca',
  example: '{"instruction": …, "input": …, "output": …}',
  roles: { ...alpacaRoles, response: 'output' },
  fits: (row) => has(row, 'instruction', 'output'),
  read: (row) => ({ ...ownId(row as Fields), prompt: alpacaPrompt(row as Fields), response: textAt(row as Fields, 'output') }),
}

export const alpacaPrompts: Layout<PromptDraft> = {
  name: 'alpaca',
  example: '{"instruction": …, "input": …}',
  roles: alpacaRoles,
  fits: (row) => has(row, 'instruction'),
  read: (row) => ({ ...ownId(row as Fields), prompt: alpacaPrompt(row as Fields) }),
}
