/** Every kind of tokenizer that GGUF is written for, in llama.cpp: its own splitting, merging and scores against tokenizer.json. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Token } from 'node-llama-cpp'
import { describe, expect, test } from 'vitest'
import { texts } from '../../main/export/proof/prompts.ts'
import type { JsonObject } from '../../native-models/weights/files.ts'
import { configLike, writeRandomModel } from '../export/random-model.ts'
import { exported, scratch, subjectOf } from './fixture.ts'
import { loadGguf } from './llama.ts'

const assets = fileURLToPath(new URL('../../../shared/assets', import.meta.url))
const read = (path: string): JsonObject => JSON.parse(readFileSync(join(assets, path), 'utf8')) as JsonObject
const areHere = existsSync(join(assets, 'tokenizers/gpt2/tokenizer.json'))
if (!areHere) console.warn('Tokenizers are not in ../shared/assets: llama.cpp does not load them')

const level = (use_regex: boolean) => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex })
const gpt2 = (change: JsonObject): JsonObject => ({ ...read('tokenizers/gpt2/tokenizer.json'), ...change })
const split = (Regex: string): JsonObject => ({ pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false }, level(false)] } })
const stories = (change: JsonObject): JsonObject => ({ ...read('models/stories260K/tokenizer.json'), ...change })

/** Words with log-probabilities over the letters of ASCII; the likeliest way through a text is none that merging would find. */
const unigram = (): JsonObject => {
  const words = ['▁the', '▁little', '▁girl', 'named', 'ing', 'on', 'ce', '▁up', 'upon', '▁', 'e', 'th', 'he', '▁th', 'ere', 'Lil', 'ily', 'ly', 'im', '▁time', 'isn', '50', '123', '12']
  const letters = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).filter((letter) => !words.includes(letter))
  return {
    version: '1.0', truncation: null, padding: null, post_processor: null, pre_tokenizer: null,
    added_tokens: [{ id: 0, content: '<unk>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false }, { id: 1, content: '</s>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false }],
    normalizer: { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, { type: 'Replace', pattern: { String: ' ' }, content: '▁' }] },
    decoder: { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'Fuse' }, { type: 'Strip', content: ' ', start: 1, stop: 0 }] },
    model: { type: 'Unigram', unk_id: 0, byte_fallback: false, vocab: [['<unk>', 0], ['</s>', 0], ...words.map((word, i) => [word, -3 - 0.17 * i]), ...letters.map((letter, i) => [letter, -8 - 0.01 * i])] },
  }
}

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const kinds: Readonly<Record<string, () => { readonly tokenizer: JsonObject; readonly config?: JsonObject }>> = {
  'llama 3': () => ({ tokenizer: read('tokenizers/llama3/tokenizer.json'), config: { bos_token: '<|begin_of_text|>', eos_token: '<|end_of_text|>' } }),
  'gpt-2': () => ({ tokenizer: gpt2({}) }),
  'qwen2’s splitting': () => ({ tokenizer: gpt2({ ...split(`${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`), normalizer: { type: 'NFC' } }) }),
  'smollm’s splitting': () => ({ tokenizer: gpt2({ pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, level(true)] } }) }),
  'SentencePiece': () => ({ tokenizer: stories({}), config: { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>', add_bos_token: true } }),
  'SentencePiece without a first space (Gemma)': () => ({
    tokenizer: stories({ normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' }, decoder: { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }] } }),
    config: { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>' },
  }),
  'SentencePiece with runs of spaces (Gemma)': () => {
    // As transformers' converter orders merges of one score: the longest left part first.
    const { model, ...rest } = stories({ normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' } }) as { model: { vocab: Record<string, number>; merges: string[] }; added_tokens: object[] }
    const runs = Array.from({ length: 7 }, (_, i) => '▁'.repeat(i + 2))
    const ids = Object.fromEntries(runs.map((run, i) => [run, 512 + i]))
    const pairs = runs.flatMap((run) => Array.from({ length: run.length - 1 }, (_, i) => ['▁'.repeat(i + 1), '▁'.repeat(run.length - i - 1)] as const)).toSorted((a, b) => b[0].length - a[0].length || b[1].length - a[1].length)
    const added_tokens = [...rest.added_tokens, ...runs.map((content, i) => ({ id: 512 + i, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: false }))]
    return { tokenizer: { ...rest, added_tokens, model: { ...model, vocab: { ...model.vocab, ...ids }, merges: [...pairs.map((pair) => pair.join(' ')), ...model.merges] } }, config: { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>' } }
  },
  'unigram': () => ({ tokenizer: unigram(), config: { eos_token: '</s>', unk_token: '<unk>' } }),
}

describe.skipIf(!areHere)('tokenizers in llama.cpp', () => {
  test.each(Object.entries(kinds))('%s', async (title, make) => {
    const { tokenizer, config = {} } = make()
    const folder = join(scratch, `tokenizer ${title}`)
    const { vocab } = tokenizer['model'] as { vocab: Record<string, number> | unknown[] }
    const ids = [...(Array.isArray(vocab) ? vocab.keys() : Object.values(vocab)), ...(tokenizer['added_tokens'] as { id: number }[]).map(({ id }) => id)]
    const vocab_size = ids.reduce((highest, id) => Math.max(highest, id)) + 1
    await writeRandomModel(folder, configLike('llama/gqa-tied', { vocab_size, hidden_size: 16, bos_token_id: undefined, eos_token_id: 1 }))
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer))
    writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify(config))
    writeFileSync(join(folder, 'generation_config.json'), JSON.stringify({ eos_token_id: 1 }))

    const subject = await subjectOf({ folder, adapter: null })
    const { path, proof } = await exported(subject, { format: 'gguf', precision: 'f16' }, `gguf tokenizer ${title}`)
    expect(proof.checks.filter(({ passed }) => !passed)).toEqual([])
    const model = await loadGguf(path)
    let compared = 0
    for (const text of texts) {
      const [ours] = await subject.text.encode([text], { special: false }).catch(() => [null])
      if (!ours) continue
      expect([...model.tokenize(text, false)], JSON.stringify(text)).toEqual(ours)
      expect(model.detokenize(ours as Token[]).length).toBeGreaterThan(0)
      compared++
    }
    await model.dispose()
    expect(compared).toBeGreaterThanOrEqual(4)
  })
})
