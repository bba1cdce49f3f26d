/** A model as llama.cpp knows its kind: the name, the settings it reads, and what it has hard-coded and so must find. */
import type { ModelConfig, Rope } from '../../../../native-models/weights/model-config.ts'
import type { Metadata, Value } from './wire.ts'

const names = { llama: 'llama', mistral: 'llama', qwen2: 'qwen2', qwen3: 'qwen3', gemma2: 'gemma2', gemma3_text: 'gemma3', phi3: 'phi3' } as const

/** A Mistral is a llama to llama.cpp. */
export const architectureName = ({ architecture }: ModelConfig): (typeof names)[keyof typeof names] => names[architecture]

/** llama.cpp turns neighbours in "llama" (q and k rows are written in that order) and halves in the others, as here. */
export const turnsNeighbours = (config: ModelConfig): boolean => architectureName(config) === 'llama'

/** How llama.cpp alternates windows: of every so many layers the last sees everything. */
const patterns: Readonly<Partial<Record<ModelConfig['architecture'], number>>> = { gemma2: 2, gemma3_text: 6 }
const bigGemmas: Readonly<Partial<Record<ModelConfig['architecture'], number>>> = { gemma2: 46, gemma3_text: 62 }

/** Why llama.cpp would compute something else, as a clause; null when it computes the same. */
export function differenceOf(config: ModelConfig): string | null {
  const { architecture, windows, queryScale, headDim, hiddenSize, heads, layers, attentionBias, outputBias, mlpBias, scoreCap, logitCap, rope, localRope } = config
  const pattern = patterns[architecture]
  const isLlama = turnsNeighbours(config)
  const ordinary = Math.abs(queryScale * headDim ** 0.5 - 1) < 1e-9
  const big = layers === bigGemmas[architecture] && Math.abs(queryScale * (hiddenSize / heads) ** 0.5 - 1) < 1e-9
  if (!ordinary && !big) return 'attention scores are scaled by another factor than its 1/√head_dim'
  if (pattern !== undefined && windows.some((window) => window !== null) && windows.some((window, layer) => (window === null) !== (layer % pattern === pattern - 1))) return `windows do not alternate every ${pattern} layers`
  if (architecture === 'gemma2' && (scoreCap === null || logitCap === null)) return 'scores or logits are not capped'
  if (architecture === 'gemma3_text' && (scoreCap !== null || logitCap !== null)) return 'scores or logits are capped'
  if (architecture === 'gemma3_text' && localRope.kind !== 'default') return 'layers with a window stretch their positions'
  if (!isLlama && (mlpBias || outputBias || (attentionBias && architecture !== 'qwen2'))) return 'projections have biases'
  if (rope.kind === 'llama3' && !isLlama) return 'positions are stretched as in Llama 3'
  if (rope.kind === 'yarn' && (rope.betaFast !== 32 || rope.betaSlow !== 1 || !rope.truncate || Math.abs(rope.attentionFactor - (0.1 * Math.log(rope.factor) + 1)) > 1e-6)) return 'YaRN has settings of its own'
  return null
}

/** Tokens up to which llama.cpp computes the same: it knows windows in Gemmas alone. */
export function contextOf({ architecture, windows, maxPositions }: ModelConfig): number {
  const narrowest = Math.min(...windows.map((window) => window ?? Infinity))
  return patterns[architecture] === undefined ? Math.min(maxPositions, narrowest) : maxPositions
}

/** `<architecture>.*`. */
export function settingsOf(config: ModelConfig): Metadata {
  const { architecture, hiddenSize, layers, intermediateSize, heads, kvHeads, headDim, rmsNormEps, vocabSize, windows, scoreCap, logitCap, rope, localRope } = config
  const u32 = (value: number): Value => ({ type: 'u32', value })
  const f32 = (value: number): Value => ({ type: 'f32', value })
  const window = patterns[architecture] === undefined ? null : (windows.find((one) => one !== null) ?? null)
  const entries: [string, Value | null][] = [
    ['vocab_size', u32(vocabSize)],
    ['context_length', u32(contextOf(config))],
    ['embedding_length', u32(hiddenSize)],
    ['block_count', u32(layers)],
    ['feed_forward_length', u32(intermediateSize)],
    ['attention.head_count', u32(heads)],
    ['attention.head_count_kv', u32(kvHeads)],
    ['attention.key_length', u32(headDim)],
    ['attention.value_length', u32(headDim)],
    ['attention.layer_norm_rms_epsilon', f32(rmsNormEps)],
    ['attention.sliding_window', window === null ? null : u32(window)],
    ['attn_logit_softcapping', scoreCap === null ? null : f32(scoreCap)],
    ['final_logit_softcapping', logitCap === null ? null : f32(logitCap)],
    ['rope.dimension_count', u32(headDim)],
    ['rope.freq_base', f32(rope.theta)],
    ['rope.freq_base_swa', architecture === 'gemma3_text' ? f32(localRope.theta) : null],
    ...stretching(rope, config),
  ]
  return new Map(entries.flatMap(([key, value]) => (value === null ? [] : [[`${architectureName(config)}.${key}`, value] as const])))
}

function stretching(rope: Rope, { architecture, maxPositions }: ModelConfig): [string, Value][] {
  switch (rope.kind) {
    case 'linear': return [['rope.scaling.type', { type: 'string', value: 'linear' }], ['rope.scaling.factor', { type: 'f32', value: rope.factor }]]
    case 'yarn': return [['rope.scaling.type', { type: 'string', value: 'yarn' }], ['rope.scaling.factor', { type: 'f32', value: rope.factor }], ['rope.scaling.original_context_length', { type: 'u32', value: rope.originalMaxPositions }]]
    case 'default':
    case 'dynamic': // up to its positions it is plain
      return architecture === 'phi3' ? [['rope.scaling.original_context_length', { type: 'u32', value: maxPositions }]] : []
    case 'llama3': return [] // a tensor of divisors: `ropeDivisors`
  }
}

/** By how much Llama 3 divides each of its head_dim / 2 frequencies; null for other ropes. */
export function ropeDivisors({ rope, headDim }: ModelConfig): Float32Array | null {
  if (rope.kind !== 'llama3') return null
  const { theta, factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = rope
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const turns = originalMaxPositions / (2 * Math.PI * theta ** ((2 * i) / headDim)) // over the original context
    if (turns > highFreqFactor) return 1
    if (turns < lowFreqFactor) return factor
    const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
    return 1 / ((1 - smooth) / factor + smooth)
  })
}
