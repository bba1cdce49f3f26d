/** llama.cpp's tensors out of Hugging Face's: names, order of rows, what lies in one, and in which type. */
import { rowBlocks } from '../../../../native-models/weights/checkpoint.ts'
import type { ModelConfig } from '../../../../native-models/weights/model-config.ts'
import type { GgufPrecision } from '../../../../preload/contract/requests/export.ts'
import { BLOCK_ELEMENTS, type ExportSource } from '../../source.ts'
import { ropeDivisors, turnsNeighbours } from './architecture.ts'
import { type TensorInfo, type TensorType, tensorTypes } from './wire.ts'

export interface Planned extends TensorInfo {
  /** Hugging Face's tensors, one above the other; empty for what the config alone gives. */
  readonly parts: readonly { readonly name: string; readonly rows: number }[]
  /** Rows of each head go pairwise: those that turn together stand together. */
  readonly neighbours: boolean
  /** Added to every value: a Gemma's norms multiply by 1 + weight. */
  readonly offset: number
}

const whole: Readonly<Record<string, string>> = { 'model.embed_tokens.weight': 'token_embd.weight', 'model.norm.weight': 'output_norm.weight', 'lm_head.weight': 'output.weight' }
const inLayer: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm', 'self_attn.q_proj': 'attn_q', 'self_attn.k_proj': 'attn_k', 'self_attn.v_proj': 'attn_v', 'self_attn.o_proj': 'attn_output', 'self_attn.q_norm': 'attn_q_norm', 'self_attn.k_norm': 'attn_k_norm',
  'mlp.gate_proj': 'ffn_gate', 'mlp.up_proj': 'ffn_up', 'mlp.down_proj': 'ffn_down',
}
/** Around the halves of a layer: Gemmas have four norms, the others two, and one name means different places. */
const norms = {
  two: { post_attention_layernorm: 'ffn_norm' },
  four: { post_attention_layernorm: 'post_attention_norm', pre_feedforward_layernorm: 'ffn_norm', post_feedforward_layernorm: 'post_ffw_norm' },
} as const
/** Phi-3's stay together, under the name of the first, or of the pair's second. */
const fusedNames: Readonly<Record<string, string>> = { attn_q: 'attn_qkv', attn_k: 'attn_qkv', attn_v: 'attn_qkv', ffn_gate: 'ffn_up', ffn_up: 'ffn_up' }

export function ggufName(config: ModelConfig, name: string): string {
  if (whole[name]) return whole[name]
  const [, layer, path, end] = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name)!
  const around: Readonly<Record<string, string>> = config.outputNorms ? norms.four : norms.two
  const plain = around[path!] ?? inLayer[path!]
  if (plain === undefined) throw new Error(`gguf: there is no name for ${name}`)
  return `blk.${layer}.${config.fused ? (fusedNames[plain] ?? plain) : plain}.${end}`
}

/** In Hugging Face's order. Vectors stay f32, as llama.cpp wants them. */
export function planTensors({ config, tensors }: Pick<ExportSource, 'config' | 'tensors'>, precision: GgufPrecision): Planned[] {
  const groups = Map.groupBy(tensors, ({ name }) => ggufName(config, name))
  const planned = [...groups].map(([name, parts]): Planned => {
    const [{ name: first, shape }] = parts as [(typeof parts)[0]]
    const rows = parts.reduce((sum, part) => sum + part.shape[0]!, 0)
    const together = [rows, ...shape.slice(1)]
    return {
      name, shape: together, type: typeOf(together, precision), parts: parts.map((part) => ({ name: part.name, rows: part.shape[0]! })),
      neighbours: turnsNeighbours(config) && /\.(q|k)_proj\./.test(first),
      offset: config.normOffset === 1 && first.endsWith('norm.weight') ? 1 : 0,
    }
  })
  const divisors = ropeDivisors(config)
  return divisors ? [...planned, { name: 'rope_freqs.weight', shape: [divisors.length], type: 'F32', parts: [], neighbours: false, offset: 0 }] : planned
}

function typeOf(shape: readonly number[], precision: GgufPrecision): TensorType {
  if (shape.length === 1 || precision === 'f32') return 'F32'
  if (precision === 'f16') return 'F16'
  return shape.at(-1)! % tensorTypes.Q8_0.elements === 0 ? 'Q8_0' : 'F16'
}

/** A tensor's values in GGUF's order, some rows at a time. */
export function* readPlanned(source: Pick<ExportSource, 'config' | 'readRows'>, { shape, parts, neighbours, offset }: Planned): Generator<Float32Array> {
  if (parts.length === 0) return yield ropeDivisors(source.config)!
  const width = shape.slice(1).reduce((product, size) => product * size, 1)
  for (const { name, rows } of parts) {
    for (const [from, to] of rowBlocks([rows, width], neighbours ? Infinity : BLOCK_ELEMENTS)) {
      const values = source.readRows(name, from, to)
      if (offset !== 0) for (let i = 0; i < values.length; i++) values[i]! += offset
      yield neighbours ? reorder(values, width, source.config.headDim, 'to neighbours') : values
    }
  }
}

/** Row s·D/2 + j of a head (s = 0, 1) and row 2j + s change places: halves that turn together, and neighbours that do. */
export function reorder(values: Float32Array, width: number, headDim: number, way: 'to neighbours' | 'to halves'): Float32Array {
  const moved = new Float32Array(values.length)
  for (let row = 0; row < values.length / width; row++) {
    const [head, place] = [row - (row % headDim), row % headDim]
    const other = head + (way === 'to neighbours' ? 2 * (place % (headDim / 2)) + Math.floor(place / (headDim / 2)) : (place % 2) * (headDim / 2) + Math.floor(place / 2))
    moved.set(values.subarray(row * width, (row + 1) * width), other * width)
  }
  return moved
}
