/** Prompts as tokens, exactly as sampling feeds them. */
import type { Message, PromptInput } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { ChatTemplate } from './template.ts'
import type { TextTokenizer } from './tokenizer.ts'

export interface EncodedPrompt {
  text: string
  ids: number[]
}

/** With a template: rendered with the generation prompt; the template writes its own BOS. Without: the raw text, with a BOS where the tokenizer adds one. */
export function encodePrompt(folder: string, tokenizer: TextTokenizer, template: ChatTemplate | null, prompt: PromptInput): EncodedPrompt {
  if (template !== null) {
    const messages = asConversation(prompt)
    if (messages.at(-1)?.role !== 'user') throw new AppError('bad-text', 'A prompt has to end with a message of the user. Remove what follows the last user message.')
    const text = template.render(messages, { addGenerationPrompt: true })
    return { text, ids: tokenizer.encode(text, { special: false }) }
  }
  const text = rawText(prompt)
  if (text === null) throw noTemplate(folder)
  const own = tokenizer.encode(text, { special: false })
  const ids = tokenizer.addsBos && tokenizer.bosId !== null && own[0] !== tokenizer.bosId ? [tokenizer.bosId, ...own] : own
  if (ids.length === 0) throw new AppError('bad-text', 'The prompt is empty: this model adds no BOS, so it needs at least one token to start from.')
  return { text, ids }
}

export const asConversation = (prompt: PromptInput): Message[] => (typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt)

function rawText(prompt: PromptInput): string | null {
  if (typeof prompt === 'string') return prompt
  const [only] = prompt
  return prompt.length === 1 && only?.role === 'user' ? only.content : null
}

export function noTemplate(folder: string): AppError {
  return new AppError('bad-text', `${folder} has no chat template, so a conversation cannot be written as text. Add chat_template.jinja to the folder, or give prompts as plain text.`)
}
