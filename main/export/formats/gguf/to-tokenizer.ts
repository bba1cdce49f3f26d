/** Hugging Face's tokenizer files out of a GGUF's metadata: what llama.cpp would do, said in tokenizer.json. */
import type { JsonObject } from '../../../../native-models/weights/files.ts'
import type { GgufFile } from './read.ts'
import { stepsOf } from './splittings.ts'

const kinds = { unknown: 2, control: 3, userDefined: 4, unused: 5 } as const

export function textFilesFrom(metadata: GgufFile['metadata']): Readonly<Record<string, JsonObject>> {
  const get = <T>(key: string): T | undefined => metadata.get(`tokenizer.ggml.${key}`) as T | undefined
  const texts = get<string[]>('tokens')!
  const kindOf = get<number[]>('token_type')!
  const named = (key: string): string | null => (get<number>(`${key}_token_id`) === undefined ? null : texts[get<number>(`${key}_token_id`)!]!)
  const ids = ['eos', 'eot', 'eom'].flatMap((key) => get<number>(`${key}_token_id`) ?? [])
  const added = texts.flatMap((content, id) => (kindOf[id] === kinds.control || kindOf[id] === kinds.userDefined ? [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: kindOf[id] === kinds.control }] : []))
  const isAdded = new Set(added.map(({ id }) => id))
  const pieces = texts.flatMap((text, id): [string, number][] => (isAdded.has(id) || kindOf[id] === kinds.unused ? [] : [[text, id]]))
  const template = metadata.get('tokenizer.chat_template')
  return {
    'tokenizer.json': { version: '1.0', truncation: null, padding: null, added_tokens: added, normalizer: null, pre_tokenizer: null, post_processor: null, ...bodyOf(get<string>('model')!, get, pieces, named('unknown'), added) },
    'tokenizer_config.json': {
      bos_token: named('bos'), eos_token: named('eos'), unk_token: named('unknown'), pad_token: named('padding'), add_bos_token: get<boolean>('add_bos_token')!, clean_up_tokenization_spaces: false,
      ...(template === undefined ? {} : { chat_template: template }),
    },
    'generation_config.json': { eos_token_id: ids },
  }
}

type Get = <T>(key: string) => T | undefined

function bodyOf(model: string, get: Get, pieces: readonly [string, number][], unknown: string | null, added: readonly { readonly id: number; readonly content: string; readonly special: boolean }[]): JsonObject {
  const bpe = { type: 'BPE', dropout: null, unk_token: unknown, continuing_subword_prefix: null, end_of_word_suffix: null }
  const addsSpace = get<boolean>('add_space_prefix') === true
  const marked = { type: 'Sequence', normalizers: [...(addsSpace ? [{ type: 'Prepend', prepend: '▁' }] : []), { type: 'Replace', pattern: { String: ' ' }, content: '▁' }] }
  const unmarked = { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }, ...(addsSpace ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [])] }
  switch (model) {
    case 'gpt2': {
      const [pre, merges] = [get<string>('pre')!, get<string[]>('merges')!]
      if (pre === 'default') { // characters alone
        const vocab = Object.fromEntries([...pieces.map(([text, id]): [string, number] => [characterOf(text), id]), ...added.map(({ content, id }): [string, number] => [content, id])])
        return { decoder: { type: 'Fuse' }, model: { ...bpe, fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab, merges } }
      }
      const { pre_tokenizer, ignore_merges } = stepsOf(pre)
      return { pre_tokenizer, decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }, model: { ...bpe, unk_token: null, fuse_unk: false, byte_fallback: false, ignore_merges, vocab: Object.fromEntries(pieces), merges } }
    }
    case 'llama': return { normalizer: marked, decoder: unmarked, model: { ...bpe, fuse_unk: true, byte_fallback: true, vocab: Object.fromEntries([...pieces, ...added.map(({ content, id }): [string, number] => [content, id])]), merges: mergesOf([...pieces, ...added.filter(({ special }) => !special).map(({ content, id }): [string, number] => [content, id])], get<number[]>('scores')!) } }
    case 't5': {
      const scores = get<number[]>('scores')!
      const texts = get<string[]>('tokens')!
      return { normalizer: marked, decoder: unmarked, model: { type: 'Unigram', unk_id: get<number>('unknown_token_id') ?? null, vocab: texts.map((text, id) => [text, scores[id]!]), byte_fallback: false } }
    }
    default: throw new Error(`gguf: the tokenizer model ${model} is not read here`)
  }
}

/** Any two pieces whose sum is a piece, the highest score first: what llama.cpp joins. */
function mergesOf(pieces: readonly [string, number][], scores: readonly number[]): string[] {
  const ids = new Map(pieces)
  const merges = pieces.flatMap(([text, id]) => {
    const letters = [...text]
    if (/^<0x[0-9A-F]{2}>$/.test(text)) return []
    return Array.from({ length: letters.length - 1 }, (_, i): [string, string] => [letters.slice(0, -1 - i).join(''), letters.slice(-1 - i).join('')])
      .filter(([left, right]) => ids.has(left) && ids.has(right))
      .map(([left, right]) => ({ pair: `${left} ${right}`, score: scores[id]! }))
  })
  return merges.sort((a, b) => b.score - a.score).map(({ pair }) => pair)
}

/** Undoes GPT-2's writing of one ASCII byte. */
function characterOf(text: string): string {
  const code = text.charCodeAt(0)
  if (code < 0x100) return text
  return String.fromCharCode(code <= 0x120 ? code - 0x100 : 0x7f)
}
