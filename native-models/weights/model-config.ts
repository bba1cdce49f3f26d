import type { FloatDtype } from './dtype.ts'

/** How positions turn queries and keys; transformers' `rope_type`, all but `longrope`. */
export type Rope =
  | { kind: 'default'; theta: number }
  /** Every frequency divided by the factor. */
  | { kind: 'linear'; theta: number; factor: number }
  /** Beyond the model's positions transformers would change the base with the length of the text; up to them it is 'default'. */
  | { kind: 'dynamic'; theta: number; factor: number }
  /** Llama 3.1's: slow frequencies divided by the factor, fast ones kept. */
  | { kind: 'llama3'; theta: number; factor: number; lowFreqFactor: number; highFreqFactor: number; originalMaxPositions: number }
  /** The same idea over a range of dimensions, and cos and sin times `attentionFactor` (arXiv 2309.00071). */
  | { kind: 'yarn'; theta: number; factor: number; originalMaxPositions: number; betaFast: number; betaSlow: number; truncate: boolean; attentionFactor: number }

/** In what the families differ beside their sizes. */
export type Traits = {
  /** Of the q, k and v projections; of o; of the MLP's three. */
  attentionBias: boolean
  outputBias: boolean
  mlpBias: boolean
  /** q and k are normalised head by head before they turn. */
  headNorms: boolean
  /** What attention and MLP give is normalised once more before it is added. */
  outputNorms: boolean
  /** Norms multiply by this plus their weight. */
  normOffset: 0 | 1
  /** Of the gate. */
  activation: 'silu' | 'gelu-tanh'
  /** Factor on embeddings. */
  embeddingScale: number
  /** Factor on attention scores. */
  queryScale: number
  /** x becomes cap·tanh(x/cap): attention scores, and the head's logits. */
  scoreCap: number | null
  logitCap: number | null
  /** Of each layer: how many tokens one sees, itself included; null: all before it. */
  windows: readonly (number | null)[]
  /** The rope of the layers that have a window. */
  localRope: Rope
  /** q, k, v and gate, up lie in one tensor each. */
  fused: boolean
}

/** transformers' `model_type`. */
export type ArchitectureName = 'llama' | 'mistral' | 'qwen2' | 'qwen3' | 'gemma2' | 'gemma3_text' | 'phi3'

/** The normal form of a decoder's `config.json`, whichever transformers version wrote it: all that its computation depends on. */
export type ModelConfig = Traits & {
  architecture: ArchitectureName
  vocabSize: number
  hiddenSize: number
  layers: number
  heads: number
  kvHeads: number
  headDim: number
  intermediateSize: number
  rmsNormEps: number
  maxPositions: number
  /** The rope of the layers without a window. */
  rope: Rope
  /** The output head is the embedding. */
  tied: boolean
  /** Any of these ends a response; empty when the files name none. */
  eosIds: readonly number[]
  bosId: number | null
  /** What the config says the weights are stored as; the tensors themselves decide. */
  dtype: FloatDtype | null
}
