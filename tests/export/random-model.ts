/** A model folder with random weights for a config of any family, and the bundled tokenizer. The same config gives the same bytes. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hashText, normal } from '../../native-models/random.ts'
import { writeCheckpoint } from '../../native-models/weights/checkpoint.ts'
import { parseConfig } from '../../native-models/weights/config.ts'
import { encodeFloats, type FloatDtype } from '../../native-models/weights/dtype.ts'
import type { JsonObject } from '../../native-models/weights/files.ts'
import { expectedTensors } from '../../native-models/weights/tensors.ts'

export const bundled = fileURLToPath(new URL('../../native-models/bundled/model', import.meta.url))
const goldens = fileURLToPath(new URL('../golden', import.meta.url))

/** The config.json of a committed golden ("families/gemma3"), changed in some members; null takes a member out. */
export function configLike(golden: string, changes: JsonObject = {}): JsonObject {
  const json = { ...(JSON.parse(readFileSync(join(goldens, golden, 'config.json'), 'utf8')) as JsonObject), vocab_size: 128, bos_token_id: 1, eos_token_id: 4, ...changes }
  return Object.fromEntries(Object.entries(json).filter(([, value]) => value !== undefined))
}

export async function writeRandomModel(folder: string, configJson: JsonObject, { dtype = 'F32', shardBytes }: { readonly dtype?: FloatDtype; readonly shardBytes?: number } = {}): Promise<void> {
  const config = parseConfig(configJson, 'config.json')
  const tensors = expectedTensors(config).map(({ name, shape }) => ({
    name, shape, dtype,
    data: () => {
      const size = shape.reduce((product, one) => product * one, 1)
      const [middle, spread] = shape.length > 1 ? [0, 2 / Math.sqrt(shape[1]!)] : [name.endsWith('norm.weight') ? 1 - config.normOffset : 0, 0.2]
      return encodeFloats(dtype, Float32Array.from({ length: size }, (_, i) => middle + spread * normal(hashText(name), i)))
    },
  }))
  await writeCheckpoint(folder, configJson, tensors, shardBytes === undefined ? {} : { shardBytes })
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json']) copyFileSync(join(bundled, file), join(folder, file))
}

/** A tokenizer of 96 characters, for the committed goldens' vocabulary: <unk> 0, <s> 1, </s> 2, then ASCII from the space on. */
export function writeTinyText(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const added = ['<unk>', '<s>', '</s>'].map((content, id) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }))
  const vocab = Object.fromEntries([...added.map(({ content, id }) => [content, id]), ...Array.from({ length: 93 }, (_, i) => [String.fromCharCode(32 + i), 3 + i])])
  const model = { type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab, merges: [] }
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify({ version: '1.0', truncation: null, padding: null, added_tokens: added, normalizer: null, pre_tokenizer: null, post_processor: null, decoder: { type: 'Fuse' }, model }))
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>', add_bos_token: false, tokenizer_class: 'PreTrainedTokenizerFast' }))
  writeFileSync(join(folder, 'generation_config.json'), JSON.stringify({ bos_token_id: 1, eos_token_id: 2 }))
}
