/** Responses as completion tokens: what follows the prompt's tokens, no header, exactly one end token. */
import type { PromptInput } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { EncodedPrompt } from './prompt.ts'
import { asConversation } from './prompt.ts'
import type { ChatTemplate } from './template.ts'
import type { TextTokenizer } from './tokenizer.ts'
import { startsWith } from './tokenizer.ts'

/**
 * What stands after the prompt once the model has answered: with a template everything it writes behind the generation
 * prompt (the end of turn, Qwen3's empty think block), never its header.
 */
export function completionText(template: ChatTemplate | null, prompt: PromptInput, response: string, eosTexts: string[]): string {
  const answer = withoutEnd(response, eosTexts)
  if (answer.trim() === '') throw new AppError('bad-text', 'The response is empty. A completion needs at least one token of text; leave such rows out.')
  if (template === null) return answer
  const messages = asConversation(prompt)
  const answered = (content: string): string => template.render([...messages, { role: 'assistant', content }], { addGenerationPrompt: false })
  const opened = template.render(messages, { addGenerationPrompt: true })
  const full = answered(answer)
  if (full.startsWith(opened)) return full.slice(opened.length)
  // Templates that open a turn otherwise than they record it (a forced "<think>", a stripped history): the answer as it is, then their end of turn.
  const marker = 'creamery-answer-marker'
  const recorded = answered(marker)
  const at = recorded.lastIndexOf(marker)
  if (at === -1) throw new AppError('bad-text', 'The chat template does not write the assistant message, so no completion can be taken from it. Repair the template.')
  return answer + recorded.slice(at + marker.length)
}

/** Data sets often carry the end token in the text; it is added once, here. */
function withoutEnd(response: string, eosTexts: string[]): string {
  const end = eosTexts.find((text) => text !== '' && response.endsWith(text))
  return end === undefined ? response : withoutEnd(response.slice(0, -end.length), eosTexts)
}

/**
 * Tokens of a completion behind its prompt. Sampling goes on from the prompt's tokens, so these stay as they are: the
 * joint tokenisation is taken only where it starts with exactly them (it then knows what a word in mid-text looks
 * like); where it would merge across the border, the completion is tokenised on its own.
 */
export function continueWith(tokenizer: TextTokenizer, prompt: EncodedPrompt | null, text: string): number[] {
  if (prompt === null) return tokenizer.encodeContinuation(text)
  const own = tokenizer.encode(prompt.text + text, { special: false })
  const added = prompt.ids.length > 0 && prompt.ids[0] === tokenizer.bosId && own[0] !== tokenizer.bosId
  const joint = added ? [prompt.ids[0]!, ...own] : own
  return startsWith(joint, prompt.ids) ? joint.slice(prompt.ids.length) : tokenizer.encodeContinuation(text)
}

/** Exactly one end token, at the end: the template's end of turn where that is one, else `eos`. What a template writes after it is never sampled. */
export function endOnce(tokenizer: TextTokenizer, ids: number[], eosIds: number[], eos: number | undefined, folder: string): number[] {
  const at = ids.findIndex((id) => eosIds.includes(id))
  if (at === -1) {
    if (eos === undefined) throw new AppError('bad-text', `${folder} names no end token. Add eos_token_id to generation_config.json or eos_token to tokenizer_config.json.`)
    return [...ids, eos]
  }
  if (at === 0 || tokenizer.decode(ids.slice(at + 1), { skipSpecial: false }).trim() !== '') {
    throw new AppError('bad-text', `The response holds the end token ${JSON.stringify(tokenizer.textOf(ids[at]!))} before its end: a model stops there, so the rest could never be sampled. Remove the token from the text.`)
  }
  return ids.slice(0, at + 1)
}
