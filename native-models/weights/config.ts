import { type Architecture, plainTraits } from './architectures/architecture.ts'
import { gemma2 } from './architectures/gemma2.ts'
import { gemma3 } from './architectures/gemma3.ts'
import { llama } from './architectures/llama.ts'
import { mistral } from './architectures/mistral.ts'
import { phi3 } from './architectures/phi3.ts'
import { qwen2 } from './architectures/qwen2.ts'
import { qwen3 } from './architectures/qwen3.ts'
import { lackingFor } from './architectures/refused.ts'
import type { FloatDtype } from './dtype.ts'
import { ModelError, quote } from './error.ts'
import { fieldsOf, type Fields } from './fields.ts'
import type { JsonObject } from './files.ts'
import type { ModelConfig } from './model-config.ts'
import { refusePartial } from './rope.ts'

export type { ModelConfig, Rope } from './model-config.ts'

const SUPPORTED: readonly Architecture[] = [llama, mistral, qwen2, qwen3, gemma2, gemma3, phi3]
const DTYPES: Readonly<Record<string, FloatDtype>> = { float64: 'F64', float32: 'F32', float16: 'F16', bfloat16: 'BF16' }

/** The class name a `config.json` gives its model, for cards and refusals; null when it gives none. */
export function architectureOf(json: JsonObject): string | null {
  const [first] = Array.isArray(json.architectures) ? (json.architectures as unknown[]) : []
  if (typeof first === 'string') return first
  if (typeof json.model_type !== 'string') return null
  return SUPPORTED.find(({ modelType }) => modelType === json.model_type)?.className ?? json.model_type
}

/**
 * Checks a Hugging Face `config.json` and brings it to its normal form. What would change the computation and is not
 * implemented (other architectures, rope types, activations, layer types, quantisation) is refused by name.
 * @param file what errors call the config
 * @param generation `generation_config.json`, whose end-of-text ids come first, as in transformers
 * @throws ModelError
 */
export function parseConfig(json: JsonObject, file: string, generation?: JsonObject): ModelConfig {
  const fields = fieldsOf(json, file)
  const architecture = recognise(json, fields, file)
  const { defaults } = architecture

  const vocabSize = fields.integer('vocab_size')
  const hiddenSize = fields.integer('hidden_size')
  const heads = fields.integer('num_attention_heads')
  const kvHeads = fields.integer('num_key_value_heads', { fallback: defaults.kvHeads ?? heads })
  if (!fields.has('head_dim') && defaults.headDim === undefined && hiddenSize % heads !== 0) {
    throw fields.fault(`hidden_size ${hiddenSize} does not divide by num_attention_heads ${heads}; add head_dim or repair them.`)
  }
  const headDim = fields.integer('head_dim', { fallback: defaults.headDim ?? hiddenSize / heads })
  if (headDim % 2 !== 0) throw fields.fault(`the head size ${headDim} is odd, but rotary positions need an even one; repair head_dim.`)
  if (heads % kvHeads !== 0) throw fields.fault(`num_attention_heads ${heads} does not divide by num_key_value_heads ${kvHeads}; repair them.`)

  const ids = { min: 0, max: vocabSize - 1 }
  const generationFields = generation && fieldsOf(generation, file.replace(/config\.json$/, 'generation_config.json'))
  const eosSource = generationFields?.has('eos_token_id') ? generationFields : fields
  const layers = fields.integer('num_hidden_layers', { max: 10_000 })
  const maxPositions = fields.integer('max_position_embeddings', { fallback: defaults.maxPositions })
  const sizes = { hiddenSize, layers, headDim, maxPositions }
  refusePartial(fields)
  const traits = architecture.readTraits(fields, sizes)
  return {
    architecture: architecture.modelType,
    vocabSize,
    heads,
    kvHeads,
    ...sizes,
    intermediateSize: fields.integer('intermediate_size'),
    rmsNormEps: fields.positive('rms_norm_eps', { fallback: defaults.rmsNormEps }),
    tied: fields.boolean('tie_word_embeddings', defaults.tied),
    eosIds: eosSource.integers('eos_token_id', ids),
    bosId: fields.integers('bos_token_id', ids)[0] ?? null,
    dtype: DTYPES[fields.text('dtype') ?? fields.text('torch_dtype') ?? ''] ?? null,
    ...plainTraits(sizes, traits.rope),
    ...traits,
  }
}

function recognise(json: JsonObject, fields: Fields, file: string): Architecture {
  const supported = SUPPORTED.map(({ className }) => className).join(', ')
  const className = architectureOf(json)
  if (className === null) throw new ModelError(`${file} names no architecture; add "architectures", one of: ${supported}.`)
  const architecture = SUPPORTED.find((one) => one.className === className)
  if (architecture === undefined) {
    const shown = /^\w{1,80}$/.test(className) ? className : quote(className)
    const lacking = lackingFor(className)
    throw fields.fault(`${shown} is not supported; supported: ${supported}${lacking === null ? '' : `; missing here: ${lacking}`}.`)
  }
  const modelType = fields.text('model_type') ?? architecture.modelType
  if (modelType !== architecture.modelType) fields.refuse(`${className} with model_type ${quote(modelType)}`, `model_type "${architecture.modelType}"`)
  const quantised = fields.object('quantization_config')
  if (quantised) fields.refuse(`quantisation with ${quote(quantised.text('quant_method') ?? 'an unnamed method')}`, 'F32, F16 and BF16 weights')
  return architecture
}
