/** The text side of one model: conversations to prompt tokens, responses to completion tokens, tokens to text. */
import type { Message, PromptInput } from '../../preload/contract/domain.ts'
import { completionText, continueWith, endOnce } from './completion.ts'
import type { EncodedExample } from './example.ts'
import { readTextFiles } from './folder.ts'
import type { EncodedPrompt } from './prompt.ts'
import { encodePrompt, noTemplate } from './prompt.ts'
import type { StreamDecoder } from './stream.ts'
import { createStreamDecoder } from './stream.ts'
import { compileTemplate } from './template.ts'
import { buildTokenizer } from './tokenizer.ts'

/** Llama 3.1's own stand-in date. A fixed one by default: a run resumed tomorrow must see today's tokens. */
export const defaultToday = '2024-07-26'

export interface TextInfo {
  folder: string
  /** Highest token id + 1. */
  vocabSize: number
  /** Ids that end a response: generation_config's (else config's), then tokenizer_config's eos_token. May be empty. */
  eosIds: number[]
  bosId: number | null
  hasTemplate: boolean
  tokenizerHash: string
  templateHash: string | null
}

export interface TextModel extends TextInfo {
  encode(text: string, options: { special: boolean }): number[]
  decode(ids: readonly number[], options: { skipSpecial: boolean }): string
  render(messages: readonly Message[], options: { addGenerationPrompt: boolean }): string
  encodePrompt(prompt: PromptInput): number[]
  /** The text that `encodePrompt` tokenises, before a BOS is added. */
  promptText(prompt: PromptInput): string
  encodeCompletion(response: string, prompt?: PromptInput): number[]
  encodeExample(prompt: PromptInput, response: string): EncodedExample
  createStreamDecoder(): StreamDecoder
}

/**
 * Opens the text side of a Hugging Face folder. `alive` is called between its steps, none of which is long.
 * @throws AppError('bad-text') when its tokenizer or template cannot be used
 */
export function openText(folder: string, { today = defaultToday, alive = () => undefined }: { today?: string; alive?: () => void } = {}): TextModel {
  const files = readTextFiles(folder, alive)
  const tokenizer = buildTokenizer(files, alive)
  const template = files.template === null ? null : compileTemplate(files.template, files.specials, new Date(today))
  const ownEos = files.specials.eos_token === null ? null : tokenizer.idOf(files.specials.eos_token)
  const eosIds = [...new Set([...files.eosTokenIds, ...(ownEos === null ? [] : [ownEos])])]

  const render: TextModel['render'] = (messages, options) => {
    if (template === null) throw noTemplate(folder)
    return template.render(messages, options)
  }
  const asPrompt = (prompt: PromptInput): EncodedPrompt => encodePrompt(folder, tokenizer, template, prompt)
  const asCompletion = (response: string, prompt: PromptInput | null): number[] => {
    const text = completionText(template, prompt ?? '?', response, eosIds.flatMap((id) => tokenizer.textOf(id) ?? []))
    const before = prompt === null && template === null ? null : asPrompt(prompt ?? '?')
    return endOnce(tokenizer, continueWith(tokenizer, before, text), eosIds, ownEos ?? eosIds[0], folder)
  }

  return {
    folder,
    vocabSize: tokenizer.vocabSize,
    eosIds,
    bosId: tokenizer.bosId,
    hasTemplate: template !== null,
    tokenizerHash: files.tokenizerHash,
    templateHash: files.templateHash,
    encode: tokenizer.encode,
    decode: tokenizer.decode,
    render,
    encodePrompt: (prompt) => asPrompt(prompt).ids,
    promptText: (prompt) => asPrompt(prompt).text,
    encodeCompletion: (response, prompt) => asCompletion(response, prompt ?? null),
    encodeExample(prompt, response) {
      const { ids } = asPrompt(prompt)
      return { ids: [...ids, ...asCompletion(response, prompt)], completionStart: ids.length }
    },
    createStreamDecoder: () => createStreamDecoder((ids) => tokenizer.decode(ids, { skipSpecial: true })),
  }
}
