/** Small model folders, written from code: a byte-level and a SentencePiece-style tokenizer of a few hundred tokens. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../../../native-models/bundled/random.ts'
import { temporaryFolder } from '../../temporary.ts'

export const chatml = `{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`

export function writeFolder(files: Record<string, unknown>): string {
  const folder = temporaryFolder('text')
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return folder
}

/** GPT-2's byte alphabet: printable bytes stand for themselves, the others are moved up to U+0100 and on. */
export function byteAlphabet(): string[] {
  let moved = 0
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
    return String.fromCodePoint(printable ? byte : 256 + moved++)
  })
}

const special = (id: number, content: string): object => ({ id, content, special: true, normalized: false, lstrip: false, rstrip: false, single_word: false })

/** Ids: 0–255 the bytes, then the merges, then <|bos|>, <|end|>, <|im_start|>, <|im_end|>. */
export const byteLevelIds = { newlines: 256, he: 257, hello: 260, bos: 261, end: 262, imStart: 263, imEnd: 264 }

export function byteLevelTokenizer(pattern = "\\p{L}+|\\p{N}|\\s+|[^\\s\\p{L}\\p{N}]+"): object {
  const merges = ['Ċ Ċ', 'h e', 'l l', 'he ll', 'hell o']
  const tokens = [...byteAlphabet(), ...merges.map((merge) => merge.replace(' ', ''))]
  return {
    version: '1.0',
    added_tokens: ['<|bos|>', '<|end|>', '<|im_start|>', '<|im_end|>'].map((content, i) => special(tokens.length + i, content)),
    normalizer: null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [
      { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    ] },
    post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<|bos|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [], special_tokens: { '<|bos|>': { id: '<|bos|>', ids: [261], tokens: ['<|bos|>'] } } },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', unk_token: null, byte_fallback: false, ignore_merges: false, vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges },
  }
}

/** A folder with the byte-level tokenizer and whatever else is given; the template is ChatML unless replaced. */
export function byteLevelFolder(files: Record<string, unknown> = { 'chat_template.jinja': chatml }, pattern?: string): string {
  return writeFolder({
    'tokenizer.json': byteLevelTokenizer(pattern),
    'tokenizer_config.json': { bos_token: '<|bos|>', eos_token: '<|im_end|>' },
    'generation_config.json': { eos_token_id: [byteLevelIds.imEnd, byteLevelIds.end] },
    ...files,
  })
}

/** Llama-2 style: "▁" before the first word, byte fallback, <unk> <s> </s> first. */
export function sentencePieceFolder(files: Record<string, unknown> = {}): string {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
  const letters = ['▁', ...'abcdefghijklmnopqrstuvwxyzQA:?.=+0123456789']
  const merges = ['▁ t', '▁ 4', 'a b', '▁ a']
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...letters, ...merges.map((merge) => merge.replace(' ', ''))]
  return writeFolder({
    'tokenizer.json': {
      version: '1.0',
      added_tokens: ['<unk>', '<s>', '</s>'].map((content, id) => special(id, content)),
      normalizer: { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, { type: 'Replace', pattern: { String: ' ' }, content: '▁' }] },
      pre_tokenizer: null,
      post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [], special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } } },
      decoder: { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }, { type: 'Strip', content: ' ', start: 1, stop: 0 }] },
      model: { type: 'BPE', unk_token: '<unk>', fuse_unk: true, byte_fallback: true, vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges },
    },
    'tokenizer_config.json': { bos_token: { content: '<s>' }, eos_token: '</s>', add_bos_token: true },
    'config.json': { eos_token_id: 2 },
    ...files,
  })
}

/** As large as a Gemma's: 256 000 tokens of up to 16 of a few letters, merged from every two that are tokens. */
export function largeFolder(): string {
  const random = new Random(1, 'a large vocabulary')
  const letters = [...'▁abcdefghijklm']
  const tokens = new Set(['<unk>', '<s>', '</s>', ...letters])
  const parts = [...letters]
  const early = (): string => parts[Math.floor(random.uniform() ** 4 * parts.length)]!
  while (tokens.size < 256_000) {
    const token = early() + early()
    if (token.length > 16 || tokens.has(token)) continue
    tokens.add(token)
    parts.push(token)
  }
  const merges = parts.flatMap((token) => Array.from({ length: token.length - 1 }, (_, i) => [token.slice(0, i + 1), token.slice(i + 1)]).filter((pair) => pair.every((part) => tokens.has(part))))
  const small = JSON.parse(readFileSync(join(sentencePieceFolder(), 'tokenizer.json'), 'utf8')) as { model: object }
  return sentencePieceFolder({ 'tokenizer.json': { ...small, model: { ...small.model, vocab: Object.fromEntries([...tokens].map((token, id) => [token, id])), merges } } })
}
