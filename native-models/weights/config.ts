import type { FloatDtype } from './dtype.ts'
import { ModelError, quote } from './error.ts'
import { fieldsOf, type Fields } from './fields.ts'
import type { JsonObject } from './files.ts'

/** How positions turn queries and keys: plain RoPE, or Llama 3.1's frequency-wise stretched one. */
export type Rope =
  | { kind: 'default'; theta: number }
  | { kind: 'llama3'; theta: number; factor: number; lowFreqFactor: number; highFreqFactor: number; originalMaxPositions: number }

/** The normal form of a Llama `config.json`, whichever transformers version wrote it. */
export type LlamaConfig = {
  architecture: 'llama'
  vocabSize: number
  hiddenSize: number
  layers: number
  heads: number
  kvHeads: number
  headDim: number
  intermediateSize: number
  rmsNormEps: number
  maxPositions: number
  rope: Rope
  /** The output head is the embedding. */
  tied: boolean
  attentionBias: boolean
  mlpBias: boolean
  /** Any of these ends a response; empty when the files name none. */
  eosIds: readonly number[]
  bosId: number | null
  /** What the config says the weights are stored as; the tensors themselves decide. */
  dtype: FloatDtype | null
}

const SUPPORTED = new Map([['LlamaForCausalLM', 'llama']])
const DTYPES: Readonly<Record<string, FloatDtype>> = { float64: 'F64', float32: 'F32', float16: 'F16', bfloat16: 'BF16' }

/** The class name a `config.json` gives its model, for cards and refusals; null when it gives none. */
export function architectureOf(json: JsonObject): string | null {
  const [first] = Array.isArray(json.architectures) ? (json.architectures as unknown[]) : []
  if (typeof first === 'string') return first
  if (typeof json.model_type !== 'string') return null
  return [...SUPPORTED].find(([, type]) => type === json.model_type)?.[0] ?? json.model_type
}

/**
 * Checks a Hugging Face `config.json` and brings it to its normal form. What would change the computation and is not
 * implemented (other architectures, rope types, activations, sliding windows, quantisation) is refused by name.
 * @param file what errors call the config
 * @param generation `generation_config.json`, whose end-of-text ids come first, as in transformers
 * @throws ModelError
 */
export function parseConfig(json: JsonObject, file: string, generation?: JsonObject): LlamaConfig {
  const fields = fieldsOf(json, file)
  refuseUnsupported(json, fields, file)

  const vocabSize = fields.integer('vocab_size')
  const hiddenSize = fields.integer('hidden_size')
  const heads = fields.integer('num_attention_heads')
  const kvHeads = fields.integer('num_key_value_heads', { fallback: heads })
  if (!fields.has('head_dim') && hiddenSize % heads !== 0) {
    throw new ModelError(`${file}: hidden_size ${hiddenSize} does not divide by num_attention_heads ${heads}; add head_dim or repair them.`)
  }
  const headDim = fields.integer('head_dim', { fallback: hiddenSize / heads })
  if (headDim % 2 !== 0) throw new ModelError(`${file}: the head size ${headDim} is odd, but rotary positions need an even one; repair head_dim.`)
  if (heads % kvHeads !== 0) {
    throw new ModelError(`${file}: num_attention_heads ${heads} does not divide by num_key_value_heads ${kvHeads}; repair them.`)
  }

  const ids = { min: 0, max: vocabSize - 1 }
  const generationFields = generation && fieldsOf(generation, file.replace(/config\.json$/, 'generation_config.json'))
  const eosSource = generationFields?.has('eos_token_id') ? generationFields : fields
  return {
    architecture: 'llama',
    vocabSize,
    hiddenSize,
    layers: fields.integer('num_hidden_layers', { max: 10_000 }),
    heads,
    kvHeads,
    headDim,
    intermediateSize: fields.integer('intermediate_size'),
    rmsNormEps: fields.positive('rms_norm_eps', { fallback: 1e-6 }), // this and the next: transformers' defaults
    maxPositions: fields.integer('max_position_embeddings', { fallback: 2048 }),
    rope: parseRope(fields, file),
    tied: fields.boolean('tie_word_embeddings', false),
    attentionBias: fields.boolean('attention_bias', false),
    mlpBias: fields.boolean('mlp_bias', false),
    eosIds: eosSource.integers('eos_token_id', ids),
    bosId: fields.integers('bos_token_id', ids)[0] ?? null,
    dtype: DTYPES[fields.text('dtype') ?? fields.text('torch_dtype') ?? ''] ?? null,
  }
}

function refuseUnsupported(json: JsonObject, fields: Fields, file: string): void {
  const refuse = (what: string, supported: string): never => {
    throw new ModelError(`${file}: ${what} is not supported; supported: ${supported}.`)
  }
  const supported = [...SUPPORTED.keys()].join(', ')
  const architecture = architectureOf(json)
  if (architecture === null) throw new ModelError(`${file} names no architecture; add "architectures", one of: ${supported}.`)
  const type = SUPPORTED.get(architecture)
  if (type === undefined) refuse(/^\w{1,80}$/.test(architecture) ? architecture : quote(architecture), supported)
  const modelType = fields.text('model_type') ?? type
  if (modelType !== type) refuse(`${architecture} with model_type ${quote(modelType!)}`, `model_type "${type}"`)

  const activation = fields.text('hidden_act') ?? 'silu'
  if (activation !== 'silu') refuse(`hidden_act ${quote(activation)}`, '"silu"')
  if (fields.has('sliding_window') && fields.boolean('use_sliding_window', true)) refuse('sliding_window', 'full attention')
  const otherLayer = fields.texts('layer_types')?.find((layer) => layer !== 'full_attention')
  if (otherLayer !== undefined) refuse(`the layer type ${quote(otherLayer)}`, '"full_attention"')
  if (fields.boolean('rope_interleaved', false)) refuse('rope_interleaved', 'rotary halves')
  const quantised = fields.object('quantization_config')
  if (quantised) refuse(`quantisation with ${quote(quantised.text('quant_method') ?? 'an unnamed method')}`, 'F32, F16 and BF16 weights')
}

/** Reads `rope_theta` + `rope_scaling`, or transformers v5's `rope_parameters`, which holds both and goes first. */
function parseRope(fields: Fields, file: string): Rope {
  const scaling = fields.object('rope_parameters') ?? fields.object('rope_scaling')
  const theta = scaling?.has('rope_theta') ? scaling.positive('rope_theta') : fields.positive('rope_theta', { fallback: 10_000 })
  for (const source of [fields, scaling]) {
    if (source && source.positive('partial_rotary_factor', { fallback: 1 }) !== 1) {
      throw new ModelError(`${file}: partial_rotary_factor is not supported; supported: positions on whole heads.`)
    }
  }
  const kind = scaling?.text('rope_type') ?? scaling?.text('type') ?? 'default'
  if (kind === 'default' && !scaling?.has('full_attention')) return { kind, theta }
  if (kind !== 'llama3') {
    const what = kind === 'default' ? 'a rope per layer type' : `the rope type ${quote(kind)}`
    throw new ModelError(`${file}: ${what} is not supported; supported: "default", "llama3".`)
  }
  const rope: Rope = {
    kind,
    theta,
    factor: scaling!.positive('factor'),
    lowFreqFactor: scaling!.positive('low_freq_factor'),
    highFreqFactor: scaling!.positive('high_freq_factor'),
    originalMaxPositions: scaling!.integer('original_max_position_embeddings'),
  }
  if (rope.factor < 1 || rope.highFreqFactor <= rope.lowFreqFactor) {
    throw new ModelError(`${file}: the llama3 rope needs factor ≥ 1 and high_freq_factor above low_freq_factor; repair them.`)
  }
  return rope
}
