import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { architectureOf, parseConfig } from '../../../native-models/weights/config.ts'
import { ModelError } from '../../../native-models/weights/error.ts'
import { modelErrorOf, TINY, tinyConfig } from './fixtures.ts'

const LLAMA3 = { factor: 32, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 }
const LLAMA3_NORMAL = { kind: 'llama3', theta: 500000, factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 8192 }

const YARN = { kind: 'yarn', theta: 10000, factor: 4, betaFast: 32, betaSlow: 1, truncate: true, attentionFactor: 0.1 * Math.log(4) + 1 }

test('a plain config comes to its normal form', () => {
  expect(tinyConfig()).toEqual({
    architecture: 'llama',
    vocabSize: 11,
    hiddenSize: 8,
    layers: 2,
    heads: 2,
    kvHeads: 1,
    headDim: 4,
    intermediateSize: 6,
    rmsNormEps: 1e-5,
    maxPositions: 64,
    rope: { kind: 'default', theta: 10000 },
    tied: true,
    attentionBias: false,
    outputBias: false,
    mlpBias: false,
    headNorms: false,
    outputNorms: false,
    normOffset: 0,
    activation: 'silu',
    embeddingScale: 1,
    queryScale: 0.5,
    scoreCap: null,
    logitCap: null,
    windows: [null, null],
    localRope: { kind: 'default', theta: 10000 },
    fused: false,
    eosIds: [2],
    bosId: 1,
    dtype: 'F32',
  })
})

describe('the same model in other spellings', () => {
  test.each([
    ['rope_scaling null', { rope_scaling: null }, { kind: 'default', theta: 10000 }],
    ['no rope_theta', { rope_theta: undefined }, { kind: 'default', theta: 10000 }],
    ['v5, default', { rope_theta: undefined, rope_parameters: { rope_type: 'default', rope_theta: 5000 } }, { kind: 'default', theta: 5000 }],
    ['v5 over old', { rope_parameters: { rope_theta: 5000 }, rope_scaling: { type: 'yarn' } }, { kind: 'default', theta: 5000 }],
    ['rope_type llama3', { rope_theta: 500000, rope_scaling: { rope_type: 'llama3', ...LLAMA3 } }, LLAMA3_NORMAL],
    ['type llama3', { rope_theta: 500000, rope_scaling: { type: 'llama3', ...LLAMA3 } }, LLAMA3_NORMAL],
    ['linear', { rope_scaling: { type: 'linear', factor: 2 } }, { kind: 'linear', theta: 10000, factor: 2 }],
    ['dynamic', { rope_scaling: { rope_type: 'dynamic', factor: 4 } }, { kind: 'dynamic', theta: 10000, factor: 4 }],
    ['yarn, bare', { rope_scaling: { type: 'yarn', factor: 4 } }, { ...YARN, originalMaxPositions: 64 }],
    ['yarn, all said', { rope_parameters: { rope_type: 'yarn', rope_theta: 5000, factor: 2, original_max_position_embeddings: 16, beta_fast: 8, beta_slow: 2, truncate: false, attention_factor: 1.5 } },
      { kind: 'yarn', theta: 5000, factor: 2, originalMaxPositions: 16, betaFast: 8, betaSlow: 2, truncate: false, attentionFactor: 1.5 }],
    ['yarn, the factor from the lengths', { rope_scaling: { type: 'yarn', factor: null, original_max_position_embeddings: 16 } }, { ...YARN, originalMaxPositions: 16 }],
    ['yarn, magnitudes of its own', { rope_scaling: { type: 'yarn', factor: 4, mscale: 2, mscale_all_dim: 1 } },
      { ...YARN, originalMaxPositions: 64, attentionFactor: (0.2 * Math.log(4) + 1) / (0.1 * Math.log(4) + 1) }],
    ['v5 llama3', { rope_theta: null, rope_parameters: { rope_type: 'llama3', rope_theta: 500000, ...LLAMA3 } }, LLAMA3_NORMAL],
  ])('%s', (_, changes, rope) => {
    expect(tinyConfig(changes).rope).toEqual(rope)
  })

  test('defaults follow transformers', () => {
    const { kvHeads, headDim, rmsNormEps, maxPositions, tied } = tinyConfig({
      num_key_value_heads: undefined,
      head_dim: null,
      rms_norm_eps: undefined,
      max_position_embeddings: undefined,
      tie_word_embeddings: undefined,
    })
    expect({ kvHeads, headDim, rmsNormEps, maxPositions, tied }).toEqual({ kvHeads: 2, headDim: 4, rmsNormEps: 1e-6, maxPositions: 2048, tied: false })
  })

  test('a head_dim of its own', () => {
    expect(tinyConfig({ head_dim: 16, num_attention_heads: 3, num_key_value_heads: 3 }).headDim).toBe(16)
  })

  test.each([
    [{ eos_token_id: [2, 5] }, undefined, [2, 5]],
    [{ eos_token_id: null }, undefined, []],
    [{ eos_token_id: 2 }, { eos_token_id: [5, 2] }, [5, 2]],
    [{ eos_token_id: 2 }, { temperature: 0.6 }, [2]],
  ])('end-of-text ids %#', (changes, generation, eosIds) => {
    expect(parseConfig({ ...TINY, ...changes }, 'config.json', generation).eosIds).toEqual(eosIds)
  })

  test.each([
    [{ torch_dtype: 'bfloat16' }, 'BF16'],
    [{ torch_dtype: undefined, dtype: 'float16' }, 'F16'],
    [{ torch_dtype: 'auto' }, null],
  ])('dtype %#', (changes, dtype) => {
    expect(tinyConfig(changes).dtype).toBe(dtype)
  })

  test('model_type alone names the architecture', () => {
    expect(architectureOf({ ...TINY, architectures: undefined })).toBe('LlamaForCausalLM')
    expect(tinyConfig({ architectures: undefined }).architecture).toBe('llama')
  })
})

test.each([
  [{ architectures: ['GPT2LMHeadModel'], model_type: 'gpt2' }, 'GPT2LMHeadModel is not supported; supported: LlamaForCausalLM, MistralForCausalLM, '],
  [{ architectures: undefined, model_type: 'mamba' }, 'mamba is not supported'],
  [{ architectures: ['MixtralForCausalLM'], model_type: 'mixtral' }, 'missing here: mixtures of experts.'],
  [{ architectures: ['Gemma3ForConditionalGeneration'], model_type: 'gemma3' }, 'missing here: inputs beside text'],
  [{ architectures: ['GemmaForCausalLM'], model_type: 'gemma' }, 'missing here: this Gemma; Gemma 2'],
  [{ architectures: ['T5ForConditionalGeneration'], model_type: 't5' }, 'missing here: encoders'],
  [{ architectures: ['NewcomerForCausalLM'], model_type: 'newcomer' }, 'NewcomerForCausalLM is not supported; supported: LlamaForCausalLM, '],
  [{ architectures: undefined, model_type: undefined }, 'names no architecture'],
  [{ model_type: 'mistral' }, 'LlamaForCausalLM with model_type "mistral" is not supported'],
  [{ hidden_act: 'gelu' }, 'hidden_act "gelu" is not supported'],
  [{ sliding_window: 4096 }, 'sliding_window is not supported'],
  [{ layer_types: ['full_attention', 'linear_attention'] }, 'the layer type "linear_attention" is not supported'],
  [{ rope_scaling: { type: 'longrope', factor: 2 } }, 'config.json, rope_scaling: the rope type "longrope" is not supported; supported: "default", "linear", "dynamic", "llama3", "yarn".'],
  [{ rope_parameters: { rope_type: 'linear' } }, 'config.json, rope_parameters lacks factor'],
  [{ rope_scaling: { type: 'yarn', factor: 2 }, rope_theta: 1 }, 'the yarn rope needs a rope_theta above 1'],
  [{ rope_parameters: { full_attention: { rope_theta: 1e4 } } }, 'a rope per layer type is not supported'],
  [{ partial_rotary_factor: 0.5 }, 'partial_rotary_factor is not supported'],
  [{ rope_interleaved: true }, 'rope_interleaved is not supported'],
  [{ quantization_config: { quant_method: 'gptq' } }, 'quantisation with "gptq" is not supported'],
  [{ rope_scaling: { type: 'llama3', ...LLAMA3, factor: undefined } }, 'config.json, rope_scaling lacks factor'],
  [{ rope_scaling: { type: 'llama3', ...LLAMA3, high_freq_factor: 1 } }, 'high_freq_factor above low_freq_factor'],
  [{ vocab_size: undefined }, 'config.json lacks vocab_size, which must be a whole number'],
  [{ hidden_size: '8' }, 'hidden_size is "8", but must be a whole number'],
  [{ hidden_size: 7.5 }, 'hidden_size is 7.5'],
  [{ num_hidden_layers: -1 }, 'num_hidden_layers is -1'],
  [{ num_hidden_layers: 1e9 }, 'num_hidden_layers is 1000000000, but must be a whole number from 1 to 10000'],
  [{ num_attention_heads: 3 }, 'does not divide by num_attention_heads 3'],
  [{ num_attention_heads: 8, num_key_value_heads: 3, head_dim: 4 }, 'does not divide by num_key_value_heads 3'],
  [{ head_dim: 5 }, 'the head size 5 is odd'],
  [{ rms_norm_eps: 0 }, 'rms_norm_eps is 0'],
  [{ tie_word_embeddings: 'yes' }, 'tie_word_embeddings is "yes", but must be true or false'],
  [{ eos_token_id: 11 }, 'eos_token_id is 11, but must be whole numbers from 0 to 10'],
  [{ eos_token_id: ['</s>'] }, 'eos_token_id is a list'],
])('refused: %j', (changes, sentence) => {
  expect(modelErrorOf(() => tinyConfig(changes)).message).toContain(sentence)
})

test('any JSON gives a config or a ModelError', () => {
  const keys = [...Object.keys(TINY), 'rope_scaling', 'rope_parameters', 'head_dim', 'sliding_window', 'layer_types', 'quantization_config']
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...keys), fc.jsonValue()), (changes) => {
      try {
        tinyConfig(changes)
      } catch (error) {
        if (!(error instanceof ModelError)) throw error
      }
    }),
    { numRuns: 500 },
  )
})
