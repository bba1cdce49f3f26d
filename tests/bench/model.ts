/** A random model of a known shape, written to disk as a person's would be: BF16 checkpoint folder, LoRA adapter folder. */
import { join } from 'node:path'
import { hashText, uniform } from '../../native-models/random.ts'
import { writeAdapter } from '../../native-models/weights/adapter.ts'
import { writeCheckpoint } from '../../native-models/weights/checkpoint.ts'
import { type ModelConfig, parseConfig } from '../../native-models/weights/config.ts'
import type { JsonObject } from '../../native-models/weights/files.ts'
import { EMBEDDING, expectedTensors, linearModules } from '../../native-models/weights/tensors.ts'
import { type Tuning, loraTargets } from '../../preload/contract/domain.ts'

export const tuning = { kind: 'lora', r: 16, alpha: 32, targets: [...loraTargets] } satisfies Tuning

export type ShapeName = 'smollm2-135m' | 'tiny' | 'large-vocabulary'
const llama = { architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_act: 'silu', tie_word_embeddings: true, torch_dtype: 'bfloat16', rms_norm_eps: 1e-5, rope_theta: 100_000 }
export const shapes: Readonly<Record<ShapeName, JsonObject>> = {
  'smollm2-135m': { ...llama, vocab_size: 49_152, hidden_size: 576, num_hidden_layers: 30, num_attention_heads: 9, num_key_value_heads: 3, intermediate_size: 1536, max_position_embeddings: 8192 },
  tiny: { ...llama, vocab_size: 512, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 128, max_position_embeddings: 512 },
  'large-vocabulary': { ...llama, vocab_size: 160_000, hidden_size: 1024, num_hidden_layers: 2, num_attention_heads: 8, num_key_value_heads: 2, intermediate_size: 1024, max_position_embeddings: 512 },
}

export interface BenchModel {
  readonly config: ModelConfig
  readonly folder: string
  readonly adapter: string
}

export async function writeRandomModel(shape: ShapeName, folder: string): Promise<BenchModel> {
  const config = parseConfig(shapes[shape], shape)
  const model = { config, folder: join(folder, 'model'), adapter: join(folder, 'adapter') }
  const tensors = expectedTensors(config).map(({ name, shape }) => ({ name, dtype: 'BF16' as const, shape, data: () => randomWeights(name, shape) }))
  await writeCheckpoint(model.folder, shapes[shape], tensors)
  const factor = (length: number, key: string): Float32Array => Float32Array.from({ length }, (_, i) => 0.02 * (2 * uniform(1, hashText(key), i) - 1))
  const modules = new Map([...linearModules(config)].map(([name, { inputs, out }]) => [name, { a: factor(tuning.r * inputs, `${name} A`), b: factor(out * tuning.r, `${name} B`) }]))
  await writeAdapter(model.adapter, { config: { rank: tuning.r, alpha: tuning.alpha, dropout: 0, base: null, targets: tuning.targets }, modules }, config)
  return model
}

/**
 * BF16 bits of random sign and mantissa: linears in ±[1/16, 1/8), the (tied) embedding in ±[1/8, 1/4). So large that the
 * layers drown the token's own embedding and the next token's distribution is peaked, as a trained model's is: flat
 * over the vocabulary, or sure to repeat the last token, it would be another task for the sampler.
 */
function randomWeights(name: string, shape: readonly number[]): Uint16Array {
  const bits = new Uint16Array(shape.reduce((product, size) => product * size, 1))
  if (shape.length === 1) return bits.fill(0x3f80) // a norm's 1.0
  const exponent = name === EMBEDDING ? 124 : 123
  let state = hashText(name) | 1
  for (let i = 0; i < bits.length; i++) {
    state ^= state << 13 // xorshift32: 134 million of them in about a second
    state ^= state >>> 17
    state ^= state << 5
    bits[i] = (state & 0x8000) | (exponent << 7) | (state & 0x7f)
  }
  return bits
}
