/**
 * A tokenizer.json as llama.cpp's tokenizers: byte-level BPE ("gpt2", by the name of its splitting), SentencePiece ("llama",
 * by scores) or unigram ("t5"). What none of them would tokenise alike is refused: gibberish is worse than no file.
 */
import { AppError } from '../../../../preload/contract/errors.ts'
import type { TextFiles } from '../../../text/folder.ts'
import { splittingOf } from './splittings.ts'
import type { Metadata, Value } from './wire.ts'

/** llama.cpp's kinds of token. */
const kinds = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

export interface GgufTokenizer {
  readonly metadata: Metadata
  readonly notes: readonly string[]
}

interface Added {
  readonly id: number
  readonly content: string
  readonly special: boolean
}
interface Model {
  readonly type?: string
  readonly vocab?: unknown
  readonly merges?: readonly (string | readonly [string, string])[]
  readonly byte_fallback?: boolean
  readonly unk_token?: string | null
  readonly unk_id?: number | null
}
export interface Tokens {
  readonly texts: string[]
  readonly kinds: number[]
}

/** @param addsBos whether a raw text is given a BOS. @throws AppError 'bad-text' for a tokenizer that llama.cpp has no like of */
export function tokenizerOf({ tokenizer, specials, template }: TextFiles, { vocabSize, bosId, eosIds, addsBos }: { readonly vocabSize: number; readonly bosId: number | null; readonly eosIds: readonly number[]; readonly addsBos: boolean }): GgufTokenizer {
  const model = tokenizer['model'] as Model
  const added = (tokenizer['added_tokens'] ?? []) as readonly Added[]
  const { metadata, notes, tokens } = modelOf(tokenizer, model, added, vocabSize)
  const idOf = (text: string | null): number | null => (text !== null && tokens.texts.includes(text) ? tokens.texts.indexOf(text) : null)
  const own = idOf(specials.eos_token) // first: templates write it by that name
  const ends = eosIds.toSorted((one, other) => Number(other === own) - Number(one === own))
  const ids: [string, number | null][] = [['bos_token_id', bosId], ['eos_token_id', ends[0] ?? null], ['eot_token_id', ends[1] ?? null], ['eom_token_id', ends[2] ?? null], ['unknown_token_id', idOf(specials.unk_token)], ['padding_token_id', idOf(specials.pad_token)]]
  const entries: [string, Value][] = [
    ...metadata,
    ['tokens', { type: 'strings', value: tokens.texts }],
    ['token_type', { type: 'i32s', value: tokens.kinds }],
    ...ids.flatMap(([key, id]): [string, Value][] => (id === null ? [] : [[key, { type: 'u32', value: id }]])),
    ['add_bos_token', { type: 'bool', value: addsBos }],
    ['add_eos_token', { type: 'bool', value: false }],
  ]
  const all = new Map<string, Value>(entries.map(([key, value]) => [`tokenizer.ggml.${key}`, value]))
  if (template !== null) all.set('tokenizer.chat_template', { type: 'string', value: template })
  const more = ends.length > 3 ? [`Only three of the ${ends.length} tokens that end a response have a place in GGUF (${ends.slice(3).join(', ')} have none).`] : []
  return { metadata: all, notes: [...notes, ...more] }
}

interface Kind {
  readonly metadata: readonly [string, Value][]
  readonly notes: readonly string[]
  readonly tokens: Tokens
}

function modelOf(tokenizer: Readonly<Record<string, unknown>>, model: Model, added: readonly Added[], vocabSize: number): Kind {
  if (model.type === 'Unigram') return unigram(tokenizer, model, added, vocabSize)
  if (model.type !== 'BPE') throw refuse(`its model is ${model.type ?? 'not named'}`)
  if (model.byte_fallback === true) return sentencePiece(tokenizer, model, added, vocabSize)
  return byteLevel(tokenizer, model, added, vocabSize)
}

function byteLevel(tokenizer: Readonly<Record<string, unknown>>, model: Model, added: readonly Added[], vocabSize: number): Kind {
  const vocab = Object.entries(model.vocab as Record<string, number>)
  const merges = (model.merges ?? []).map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')))
  const specials = new Set(added.map(({ content }) => content))
  const plain = (tokenizer['pre_tokenizer'] ?? null) === null && (tokenizer['normalizer'] ?? null) === null
  // Without merges it does not matter where a text is split: every character is a token.
  if (plain && merges.length === 0 && vocab.every(([text]) => specials.has(text) || (text.length === 1 && text.charCodeAt(0) < 0x80))) {
    const tokens = tokensOf(vocab.map(([text, id]) => [specials.has(text) ? text : byteWritten(text), id]), added, vocabSize, model)
    return { metadata: metadataOf('gpt2', 'default', []), tokens, notes: ['Every character is a token of its own; llama.cpp leaves out a character that the vocabulary lacks, where the source writes its unknown token.'] }
  }
  const name = splittingOf(tokenizer)
  if (name === null) throw refuse('llama.cpp has no name for the way it splits a text before merging')
  const normalised = tokenizer['normalizer'] === null || tokenizer['normalizer'] === undefined ? [] : ['llama.cpp does not normalise a text to Unicode NFC first, as the source does; texts that are not in that form may become other tokens.']
  return { metadata: metadataOf('gpt2', name, merges), tokens: tokensOf(vocab, added, vocabSize, model), notes: normalised }
}

const metadataOf = (model: string, pre: string, merges: readonly string[]): [string, Value][] => [
  ['model', { type: 'string', value: model }], ['pre', { type: 'string', value: pre }], ...(model === 'gpt2' ? ([['merges', { type: 'strings', value: merges }]] as [string, Value][]) : []),
]

/** A SentencePiece model that became merges: the earlier one merges, the higher the score of what it makes. */
function sentencePiece(tokenizer: Readonly<Record<string, unknown>>, model: Model, added: readonly Added[], vocabSize: number): Kind {
  const vocab = Object.entries(model.vocab as Record<string, number>)
  const merges = (model.merges ?? []).map((merge) => (typeof merge === 'string' ? (merge.split(' ') as [string, string]) : merge))
  const rank = new Map<string, number>()
  const isAdded = new Set(added.map(({ content }) => content)) // a Gemma's runs of spaces all have one score: there the longest piece comes first, here too
  let lastMade = ''
  merges.forEach(([left, right], i) => {
    const made = left + right
    if (rank.has(made) && made !== lastMade && !isAdded.has(made)) throw refuse(`the merges that make ${JSON.stringify(made)} do not stand together, so no score puts them in this order`)
    if (!rank.has(made)) rank.set(made, i)
    lastMade = made
  })
  requireAllMerges(merges, vocab)
  const addsSpace = spaceRule(tokenizer)
  const tokens = tokensOf(vocab, added, vocabSize, model)
  const scores = tokens.texts.map((text, id) => (tokens.kinds[id] === kinds.normal || tokens.kinds[id] === kinds.userDefined ? -(rank.get(text) ?? merges.length + id) : 0))
  return {
    metadata: [...metadataOf('llama', 'default', []), ['scores', { type: 'f32s', value: scores }], ['add_space_prefix', { type: 'bool', value: addsSpace }]],
    tokens, notes: [],
  }
}

/** llama.cpp joins any two pieces whose sum is a token; a tokenizer that lists fewer merges would stop earlier. */
function requireAllMerges(merges: readonly (readonly [string, string])[], vocab: readonly [string, number][]): void {
  const pieces = new Set(vocab.map(([text]) => text))
  const listed = new Set(merges.map((pair) => pair.join(' ')))
  const made = new Set(merges.map(([left, right]) => left + right))
  for (const text of made) {
    const letters = [...text]
    for (let cut = 1; cut < letters.length; cut++) {
      const [left, right] = [letters.slice(0, cut).join(''), letters.slice(cut).join('')]
      const reachable = (piece: string): boolean => [...piece].length === 1 || made.has(piece)
      if (pieces.has(left) && pieces.has(right) && reachable(left) && reachable(right) && !listed.has(`${left} ${right}`)) throw refuse(`it does not merge ${JSON.stringify(left)} and ${JSON.stringify(right)}, which llama.cpp would`)
    }
  }
}

/** SentencePiece's word mark: before the first word too, or only for spaces. @throws AppError 'bad-text' for anything else */
function spaceRule(tokenizer: Readonly<Record<string, unknown>>): boolean {
  const normalizer = JSON.stringify(tokenizer['normalizer'] ?? null)
  const before = JSON.stringify(tokenizer['pre_tokenizer'] ?? null)
  const replaces = /"type":"Replace","pattern":\{"String":" "\},"content":"▁"/.test(normalizer)
  if (/"type":"Prepend","prepend":"▁"/.test(normalizer) && replaces && before === 'null') return true
  if (replaces && (before === 'null' || /"type":"Split","pattern":\{"String":" "\}/.test(before))) return false
  const metaspace = tokenizer['pre_tokenizer'] as { type?: string; prepend_scheme?: string; replacement?: string; split?: boolean } | null
  if (normalizer === 'null' && metaspace?.type === 'Metaspace' && (metaspace.replacement ?? '▁') === '▁') return metaspace.prepend_scheme !== 'never'
  throw refuse('it marks words in a way that llama.cpp does not')
}

/** Pieces with log-probabilities; the likeliest way through a text counts. */
function unigram(tokenizer: Readonly<Record<string, unknown>>, model: Model, added: readonly Added[], vocabSize: number): Kind {
  const pieces = model.vocab as readonly [string, number][]
  const addsSpace = spaceRule(tokenizer)
  const tokens = tokensOf(pieces.map(([text], id) => [text, id]), added, vocabSize, { ...model, unk_token: model.unk_id === null || model.unk_id === undefined ? null : (pieces[model.unk_id]?.[0] ?? null) })
  const scores = tokens.texts.map((_, id) => pieces[id]?.[1] ?? 0)
  return {
    metadata: [...metadataOf('t5', 'default', []), ['scores', { type: 'f32s', value: scores }], ['add_space_prefix', { type: 'bool', value: addsSpace }], ['remove_extra_whitespaces', { type: 'bool', value: false }]],
    tokens, notes: [],
  }
}

/** By id, without gaps: what has no text is unused. */
function tokensOf(vocab: readonly (readonly [string, number])[], added: readonly Added[], vocabSize: number, model: Model): Tokens {
  const texts = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`)
  const found: number[] = Array.from({ length: vocabSize }, () => kinds.unused)
  const isByte = (text: string): boolean => model.byte_fallback === true && /^<0x[0-9A-F]{2}>$/.test(text)
  for (const [text, id] of vocab) {
    texts[id] = text
    found[id] = text === model.unk_token ? kinds.unknown : isByte(text) ? kinds.byte : kinds.normal
  }
  for (const { id, content, special } of added) {
    texts[id] = content
    if (found[id] !== kinds.unknown) found[id] = special ? kinds.control : kinds.userDefined
  }
  if (new Set(texts).size !== texts.length) throw refuse('two of its tokens have the same text')
  return { texts, kinds: found }
}

/** GPT-2's writing of a byte as a visible character: 'Ġ' is a space. */
function byteWritten(character: string): string {
  const code = character.charCodeAt(0)
  const isVisible = code >= 0x21 && code <= 0x7e
  return isVisible ? character : String.fromCharCode(0x100 + (code <= 0x20 ? code : 0x21 + code - 0x7f))
}

function refuse(why: string): AppError {
  return new AppError('bad-text', `This tokenizer cannot be written as GGUF: ${why}. Export the model as a Hugging Face folder or as ONNX instead.`)
}
