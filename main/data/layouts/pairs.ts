/** One prompt beside one response: {prompt, response}, TRL's {prompt, completion}, Alpaca's {instruction, input, output}. */
import type { Fields, Layout, PromptDraft, SftDraft } from '../layout.ts'
import { has, messagesAt, ownId, promptAt, refuse, textAt } from '../layout.ts'

export const promptResponse: Layout<SftDraft> = {
  name: 'prompt/response',
  example: '{"prompt": …, "response": …}',
  fits: (row) => has(row, 'prompt', 'response'),
  read: (row) => ({ ...ownId(row as Fields), prompt: promptAt(row as Fields, 'prompt'), response: textAt(row as Fields, 'response') }),
}

export const promptCompletion: Layout<SftDraft> = {
  name: 'prompt/completion',
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

function alpacaPrompt(row: Fields): string {
  const instruction = textAt(row, 'instruction')
  return typeof row.input === 'string' && row.input.trim() !== '' ? `${instruction}\n\n${row.input}` : instruction
}

export const alpaca: Layout<SftDraft> = {
  name: 'alpaca',
  example: '{"instruction": …, "input": …, "output": …}',
  fits: (row) => has(row, 'instruction', 'output'),
  read: (row) => ({ ...ownId(row as Fields), prompt: alpacaPrompt(row as Fields), response: textAt(row as Fields, 'output') }),
}

export const alpacaPrompts: Layout<PromptDraft> = {
  name: 'alpaca',
  example: '{"instruction": …, "input": …}',
  fits: (row) => has(row, 'instruction'),
  read: (row) => ({ ...ownId(row as Fields), prompt: alpacaPrompt(row as Fields) }),
}
