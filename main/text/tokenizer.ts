/** One tokenizer.json, ready to use: text to ids and back. The only file that knows the tokenizer package and its quirks. */
import { Tokenizer } from '@huggingface/tokenizers'
import { AppError } from '../../preload/contract/errors.ts'
import { type Json, type TextFiles, isObject } from './folder.ts'

export interface TextTokenizer {
  /** Highest token id + 1 (a checkpoint's embedding may have more rows). */
  vocabSize: number
  bosId: number | null
  /** Whether a raw text is given a BOS: tokenizer_config's add_bos_token, else what the post-processor does. */
  addsBos: boolean
  idOf(token: string): number | null
  textOf(id: number): string | null
  /** `special` lets the post-processor add what it adds (BOS, for some also EOS). Special tokens written in the text are recognised either way. */
  encode(text: string, options: { special: boolean }): number[]
  /** Tokens of a text that continues another one: no word mark is put before its first word. */
  encodeContinuation(text: string): number[]
  /** Exact text, never "cleaned up": decode(encode(text)) gives the text back. Ids without a token decode to nothing. */
  decode(ids: readonly number[], options: { skipSpecial: boolean }): string
}

/**
 * `alive` is called between the steps: a large vocabulary is seconds of honest work.
 * @throws AppError('bad-text') when the tokenizer cannot be built
 */
export function buildTokenizer(files: TextFiles, alive: () => void): TextTokenizer {
  const { folder, tokenizer: json, tokenizerConfig: config, specials } = files
  checkIds(json, folder)
  alive()
  const bpe = isBpe(json.model) ? json.model : null
  let tokenizer: Tokenizer
  try {
    // The package reads these five without asking whether they are there.
    tokenizer = new Tokenizer({ decoder: null, post_processor: null, pre_tokenizer: null, normalizer: null, added_tokens: [], ...json, ...(bpe && { model: { ...bpe, vocab: {}, merges: [] } }) }, config)
  } catch (cause) {
    throw new AppError('bad-text', `The tokenizer in ${folder} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}. Save it again with a current version of transformers.`, cause)
  }
  if (bpe) fill(tokenizer.model as BpeModel, bpe, folder, alive)

  const idOf = (token: string): number | null => tokenizer.token_to_id(token) ?? null
  const encode = (text: string, { special }: { special: boolean }): number[] => {
    if (text === '') return special ? tokenizer.encode('', { add_special_tokens: true }).ids : []
    const ids: (number | undefined)[] = tokenizer.encode(text, { add_special_tokens: special }).ids
    if (!ids.every((id) => id !== undefined)) {
      throw new AppError('bad-text', `The tokenizer in ${folder} has no token for a part of the text and names no unknown token. Remove the characters it does not know, or use another tokenizer.`)
    }
    return ids
  }
  const plain = (text: string): number[] => encode(text, { special: false })
  const bosId = specials.bos_token === null ? null : idOf(specials.bos_token)
  const startsWithBos = bosId !== null && encode('a', { special: true })[0] === bosId

  return {
    vocabSize: [...tokenizer.get_vocab().values()].reduce((highest, id) => Math.max(highest, id), -1) + 1,
    bosId,
    addsBos: bosId !== null && (typeof config.add_bos_token === 'boolean' ? config.add_bos_token : startsWithBos),
    idOf,
    textOf: (id) => tokenizer.id_to_token(id) ?? null,
    encode,
    encodeContinuation: continuationEncoder(plain),
    decode(ids, { skipSpecial }) {
      const known = ids.filter((id) => tokenizer.id_to_token(id) !== undefined)
      if (known.length === 0) return ''
      return tokenizer.decode(known, { skip_special_tokens: skipSpecial, clean_up_tokenization_spaces: false })
    },
  }
}

/** Four times the largest vocabulary there is. The package makes a list as long as the highest id, which ends at no memory by itself. */
const mostIds = 2 ** 22

/** @throws AppError('bad-text') naming a token whose id is none */
function checkIds(json: Json, folder: string): void {
  const check = (token: unknown, id: unknown): void => {
    if (Number.isInteger(id) && (id as number) >= 0 && (id as number) < mostIds) return
    throw new AppError('bad-text', `The tokenizer in ${folder} gives the token ${shown(token)} the id ${shown(id)}; ids are whole numbers from 0 to ${mostIds - 1}. Save it again with a current version of transformers.`)
  }
  const vocab = isObject(json.model) && isObject(json.model.vocab) ? json.model.vocab : {}
  for (const token in vocab) check(token, vocab[token])
  for (const added of Array.isArray(json.added_tokens) ? json.added_tokens : []) if (isObject(added)) check(added.content, added.id)
}

const shown = (value: unknown): string => String(JSON.stringify(value)).slice(0, 60)

interface Bpe extends Json {
  readonly vocab: Json
  readonly merges: readonly unknown[]
}

const isBpe = (model: unknown): model is Bpe => isObject(model) && model.type === 'BPE' && isObject(model.vocab) && Array.isArray(model.merges)

/** The package's own, as it is made from no vocabulary and no merges. */
type BpeModel = NonNullable<Tokenizer['model']> & { bpe_ranks: Map<string, number> }

const entriesAtOnce = 20_000

/** Does what the package's constructor does with a vocabulary and its merges ("a b" or ["a", "b"]), which for 256 000 tokens is a second at once. */
function fill(model: BpeModel, { vocab, merges }: Bpe, folder: string, alive: () => void): void {
  let done = 0
  const step = (): void => { if (++done % entriesAtOnce === 0) alive() }
  for (const token in vocab) {
    const id = vocab[token] as number
    if (!model.tokens_to_ids.has(token)) model.tokens_to_ids.set(token, id) // added tokens go before
    model.vocab[id] ??= token
    step()
  }
  model.unk_token_id = model.tokens_to_ids.get(model.unk_token!)
  for (const [rank, merge] of merges.entries()) {
    const pair: unknown = typeof merge === 'string' ? merge.split(' ', 2) : merge
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every((part) => typeof part === 'string')) {
      throw new AppError('bad-text', `Merge ${rank + 1} of the tokenizer in ${folder} is ${shown(merge)}, not two tokens. Save it again with a current version of transformers.`)
    }
    model.bpe_ranks.set(JSON.stringify(pair), rank)
    step()
  }
}

/**
 * SentencePiece-style tokenizers write "▁" (others a space) before the first word of every text they are given. Before
 * a completion that mark would be a space nobody wrote. So the text is tokenised behind an anchor, whose tokens are
 * then taken off; tokenizers that add no mark are left alone.
 */
function continuationEncoder(encode: (text: string) => number[]): (text: string) => number[] {
  const after = (anchor: string, text: string): number[] | null => {
    const head = encode(anchor)
    const joined = encode(anchor + text)
    return startsWith(joined, head) ? joined.slice(head.length) : null
  }
  const marks = ['a', 'Z', '7', '('].some((probe) => after('\n', probe)?.join() !== encode(probe).join())
  if (!marks) return encode
  return (text) => {
    for (const anchor of ['\n', '.', '|', 'a']) {
      const ids = after(anchor, text)
      if (ids !== null) return ids
    }
    return encode(text)
  }
}

export function startsWith(ids: readonly number[], head: readonly number[]): boolean {
  return head.length <= ids.length && head.every((id, i) => ids[i] === id)
}
