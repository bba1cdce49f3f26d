/** What the families' configs say in their several spellings, what a silent file means, and Phi-3's fused tensors. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readAdapter, writeAdapter, writeFusedAdapter, type Adapter } from '../../../native-models/weights/adapter.ts'
import { closeCheckpoint, openCheckpoint, readWeights, writeCheckpoint } from '../../../native-models/weights/checkpoint.ts'
import { type ModelConfig, parseConfig } from '../../../native-models/weights/config.ts'
import { encodeFloats } from '../../../native-models/weights/dtype.ts'
import { ModelError } from '../../../native-models/weights/error.ts'
import { inspectCheckpoint } from '../../../native-models/weights/inspect.ts'
import { readMerged } from '../../../native-models/weights/merge.ts'
import { openSafetensors, writeSafetensors } from '../../../native-models/weights/safetensors.ts'
import { expectedTensors, linearModules } from '../../../native-models/weights/tensors.ts'
import { modelErrorOf, temporaryFolder, tinyTensors, TINY } from './fixtures.ts'

const classes = { mistral: 'MistralForCausalLM', qwen2: 'Qwen2ForCausalLM', qwen3: 'Qwen3ForCausalLM', gemma2: 'Gemma2ForCausalLM', gemma3_text: 'Gemma3ForCausalLM', phi3: 'Phi3ForCausalLM' } as const
type Type = keyof typeof classes
const jsonOf = (type: Type, changes: object = {}) => ({ ...TINY, architectures: [classes[type]], model_type: type, ...(type.startsWith('gemma') && { hidden_act: undefined, head_dim: 4 }), ...changes })
const read = (type: Type, changes: object = {}): ModelConfig => parseConfig(jsonOf(type, changes), 'config.json')

describe('windows', () => {
  test.each<[string, Type, object, (number | null)[]]>([
    ['Mistral: every layer', 'mistral', { sliding_window: 5 }, [5, 5]],
    ['Mistral: null is none', 'mistral', { sliding_window: null }, [null, null]],
    ['Mistral: a silent file has 4096', 'mistral', {}, [4096, 4096]],
    ['Phi-3: every layer', 'phi3', { sliding_window: 5 }, [5, 5]],
    ['Phi-3: a silent file has none', 'phi3', {}, [null, null]],
    ['Qwen 2: none unless it is used', 'qwen2', { sliding_window: 5, max_window_layers: 0 }, [null, null]],
    ['Qwen 2: from max_window_layers on', 'qwen2', { sliding_window: 5, use_sliding_window: true, max_window_layers: 1 }, [null, 5]],
    ['Qwen 2: layer_types go first', 'qwen2', { sliding_window: 5, use_sliding_window: true, max_window_layers: 1, layer_types: ['sliding_attention', 'full_attention'] }, [5, null]],
    ['Qwen 3: as Qwen 2', 'qwen3', { sliding_window: 5, use_sliding_window: true, max_window_layers: 1 }, [null, 5]],
    ['Gemma 2: every second layer', 'gemma2', { sliding_window: 5, num_hidden_layers: 4 }, [5, null, 5, null]],
    ['Gemma 3: all but every third', 'gemma3_text', { sliding_window: 5, num_hidden_layers: 4, sliding_window_pattern: 3 }, [5, 5, null, 5]],
    ['Gemma 3: all but every sixth', 'gemma3_text', { sliding_window: 5, num_hidden_layers: 7 }, [5, 5, 5, 5, 5, null, 5]],
  ])('%s', (_, type, changes, windows) => expect(read(type, changes).windows).toEqual(windows))

  test.each<[Type, object, string]>([
    ['qwen2', { layer_types: ['full_attention'] }, 'layer_types lists 1 layers, but num_hidden_layers is 2'],
    ['qwen2', { layer_types: ['full_attention', 'sliding_attention'] }, 'layer_types names sliding layers, but sliding_window sets no window'],
    ['gemma2', { layer_types: ['full_attention', 'chunked_attention'] }, 'the layer type "chunked_attention" is not supported'],
  ])('refused: %s %j', (type, changes, sentence) => expect(modelErrorOf(() => read(type, changes)).message).toContain(sentence))
})

describe('what sets a family apart', () => {
  test('Qwen 2 has biases on q, k and v alone; Qwen 3 head norms, and biases where it says so', () => {
    expect(read('qwen2')).toMatchObject({ attentionBias: true, outputBias: false, mlpBias: false, headNorms: false })
    expect(read('qwen3', { attention_bias: true })).toMatchObject({ attentionBias: true, outputBias: true, headNorms: true, headDim: 128 })
    expect(expectedTensors(read('qwen3', { head_dim: 6 })).slice(1, 9).map(({ name, shape }) => `${name.slice('model.layers.0.'.length)} ${shape}`)).toEqual([
      'input_layernorm.weight 8', 'self_attn.q_proj.weight 12,8', 'self_attn.k_proj.weight 6,8', 'self_attn.v_proj.weight 6,8', 'self_attn.o_proj.weight 8,12',
      'self_attn.q_norm.weight 6', 'self_attn.k_norm.weight 6', 'post_attention_layernorm.weight 8',
    ])
  })

  test('Gemma 2: caps, 1 + w, scaled embeddings, a tied head, all unsaid', () => {
    const gemma = read('gemma2', { tie_word_embeddings: undefined })
    expect(gemma).toMatchObject({ tied: true, outputNorms: true, normOffset: 1, activation: 'gelu-tanh', embeddingScale: 8 ** 0.5, queryScale: 1 / 16, scoreCap: 50, logitCap: 30, headNorms: false })
    expect(read('gemma2', { attn_logit_softcapping: null, final_logit_softcapping: 20, query_pre_attn_scalar: 144 })).toMatchObject({ scoreCap: null, logitCap: 20, queryScale: 1 / 12 })
    expect(expectedTensors(gemma).filter(({ name }) => name.startsWith('model.layers.0.') && name.includes('layernorm')).map(({ name }) => name.split('.')[3])).toEqual([
      'input_layernorm', 'post_attention_layernorm', 'pre_feedforward_layernorm', 'post_feedforward_layernorm',
    ])
  })

  test('Gemma 3: two ropes in both spellings, no caps', () => {
    const expected = { rope: { kind: 'linear', theta: 1e6, factor: 8 }, localRope: { kind: 'default', theta: 10_000 }, scoreCap: null, logitCap: null, headNorms: true }
    expect(read('gemma3_text', { rope_theta: undefined, rope_scaling: { rope_type: 'linear', factor: 8 } })).toMatchObject(expected)
    const rope_parameters = { full_attention: { rope_type: 'linear', factor: 8, rope_theta: 1e6 }, sliding_attention: { rope_type: 'default', rope_theta: 10_000 } }
    expect(read('gemma3_text', { rope_theta: undefined, rope_parameters })).toMatchObject(expected)
  })

  test.each<[Type, object, string]>([
    ['gemma2', { hidden_activation: 'gelu' }, 'hidden_activation "gelu" is not supported; supported: "gelu_pytorch_tanh"'],
    ['gemma3_text', { use_bidirectional_attention: true }, 'use_bidirectional_attention is not supported'],
    ['qwen2', { hidden_act: 'gelu' }, 'hidden_act "gelu" is not supported'],
    ['phi3', { rope_scaling: { type: 'longrope', short_factor: [1], long_factor: [1] } }, 'the rope type "longrope" of a Phi-3 with a long context is not supported'],
    ['phi3', { rope_scaling: { type: 'su' } }, '"longrope"'],
    ['phi3', { partial_rotary_factor: 0.75 }, 'partial_rotary_factor is not supported'],
    ['mistral', { model_type: 'llama' }, 'MistralForCausalLM with model_type "llama" is not supported'],
    ['qwen3', { rope_parameters: { full_attention: {} } }, 'a rope per layer type is not supported'],
  ])('refused: %s %j', (type, changes, sentence) => expect(modelErrorOf(() => read(type, changes)).message).toContain(sentence))

  test('any JSON gives a config or a ModelError', () => {
    const keys = [...Object.keys(TINY), 'rope_scaling', 'rope_parameters', 'head_dim', 'sliding_window', 'layer_types', 'sliding_window_pattern', 'max_window_layers', 'use_sliding_window', 'query_pre_attn_scalar', 'attn_logit_softcapping', 'hidden_activation']
    fc.assert(fc.property(fc.constantFrom(...(Object.keys(classes) as Type[])), fc.dictionary(fc.constantFrom(...keys), fc.jsonValue()), (type, changes) => {
      try {
        read(type, changes)
      } catch (error) {
        if (!(error instanceof ModelError)) throw error
      }
    }), { numRuns: 1000 })
  })
})

describe('Phi-3’s fused projections', () => {
  const json = jsonOf('phi3', { tie_word_embeddings: false })
  const config = parseConfig(json, 'config.json')
  const tensors = tinyTensors(config)

  test.each(['F32', 'BF16'] as const)('are written as the family’s files hold them, %s, and read apart again', async (dtype) => {
    const folder = join(temporaryFolder(), 'model')
    await writeCheckpoint(folder, json, tinyTensors(config, dtype).toReversed().map((tensor) => ({ ...tensor, data: () => tensor.data as Uint16Array })))
    const file = openSafetensors(join(folder, 'model.safetensors'))
    expect([...file.tensors].filter(([name]) => name.includes('layers.0') && name.includes('proj')).map(([name, { shape }]) => `${name.split('.')[4]} ${shape}`).sort()).toEqual(['down_proj 8,6', 'gate_up_proj 12,8', 'o_proj 8,8', 'qkv_proj 16,8'])
    file.close()
    const checkpoint = openCheckpoint(folder)
    expect([...checkpoint.tensors.keys()]).toEqual(tensors.map(({ name }) => name))
    for (const { name, data } of tensors) expect(readWeights(checkpoint, name), name).toEqual(data)
    closeCheckpoint(checkpoint)
    expect(inspectCheckpoint(folder)).toMatchObject({ supported: true, missing: [], parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0) })
  })

  test('files that hold them apart open as well; a fused tensor of another height is named', async () => {
    const apart = temporaryFolder()
    writeFileSync(join(apart, 'config.json'), JSON.stringify(json))
    await writeSafetensors(join(apart, 'model.safetensors'), tensors)
    closeCheckpoint(openCheckpoint(apart))

    const wrong = temporaryFolder()
    writeFileSync(join(wrong, 'config.json'), JSON.stringify(json))
    const rest = tensors.filter(({ name }) => !/layers\.0\.self_attn\.[qkv]_proj/.test(name))
    await writeSafetensors(join(wrong, 'model.safetensors'), [...rest, { name: 'model.layers.0.self_attn.qkv_proj.weight', dtype: 'F32', shape: [20, 8], data: encodeFloats('F32', new Float32Array(160)) }])
    expect(modelErrorOf(() => openCheckpoint(wrong)).message).toContain('"model.layers.0.self_attn.q_proj.weight" has shape [20, 8], not [8, 8]')
  })

  test('a part that is missing is a fault of the caller', async () => {
    await expect(writeCheckpoint(join(temporaryFolder(), 'model'), json, tensors.filter(({ name }) => !name.includes('k_proj')))).rejects.toThrow('qkv_proj.weight lacks parts')
  })

  test('a PEFT adapter on them is read apart: one A for all parts, each part its rows of B', async () => {
    const folder = temporaryFolder()
    const named = (module: string, inputs: number, out: number) => ['A', 'B'].map((side, i) => {
      const shape = i === 0 ? [2, inputs] : [out, 2]
      return { name: `base_model.model.${module}.lora_${side}.weight`, dtype: 'F32' as const, shape, data: Float32Array.from({ length: shape[0]! * shape[1]! }, (_, j) => j + i * 1000) }
    })
    const files = [0, 1].flatMap((layer) => [...named(`model.layers.${layer}.self_attn.qkv_proj`, 8, 16), ...named(`model.layers.${layer}.mlp.down_proj`, 6, 8)])
    const write = (tensors: typeof files) => writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors)
    writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify({ peft_type: 'LORA', task_type: 'CAUSAL_LM', r: 2, lora_alpha: 4, target_modules: ['qkv_proj', 'down_proj'] }))
    await write(files)
    const { config: { targets }, modules } = readAdapter(folder, config)
    expect(targets).toEqual(['q_proj', 'k_proj', 'v_proj', 'down_proj'])
    expect([...modules.keys()].filter((name) => name.includes('layers.1'))).toEqual(['q_proj', 'k_proj', 'v_proj'].map((name) => `model.layers.1.self_attn.${name}`).concat('model.layers.1.mlp.down_proj'))
    const [q, k, v] = ['q_proj', 'k_proj', 'v_proj'].map((name) => modules.get(`model.layers.1.self_attn.${name}`)!)
    expect([k!.a, v!.a]).toEqual([q!.a, q!.a])
    expect([q!.b.length, k!.b.length, v!.b.length]).toEqual([16, 8, 8])
    expect(Array.from([...q!.b, ...k!.b, ...v!.b])).toEqual(Array.from({ length: 32 }, (_, j) => j + 1000))

    await write(files.filter(({ name }) => !name.includes('layers.1.self_attn')))
    expect(modelErrorOf(() => readAdapter(folder, config)).message).toContain('lacks 2 tensors')
  })

  test.each([
    ['all', ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'], 3],
    ['q and v', ['q_proj', 'v_proj'], 2],
    ['one part', ['up_proj', 'o_proj'], 1],
  ] as const)('are adapted as one layer for other programs, %s: another adapter, the same weights; Creamery’s own stays apart', async (_, targets, width) => {
    const [base, own, fused] = [join(temporaryFolder(), 'model'), temporaryFolder(), temporaryFolder()]
    await writeCheckpoint(base, json, tensors.map((tensor) => ({ ...tensor, data: () => tensor.data as Float32Array })))
    const rank = 3
    const some = (length: number, seed: number): Float32Array => Float32Array.from({ length }, (__, i) => Math.sin(seed + i))
    const modules = new Map([...linearModules(config)].filter(([name]) => targets.some((target) => name.endsWith(target))).map(([name, { inputs, out }], i) => [name, { a: some(rank * inputs, i), b: some(out * rank, 50 + i) }]))
    const adapter: Adapter = { config: { rank, alpha: 6, dropout: 0, targets, base: 'x' }, modules }
    await writeAdapter(own, adapter, config)
    expect(readAdapter(own, config).modules).toEqual(modules)

    await writeFusedAdapter(fused, adapter, config)
    const read = readAdapter(fused, config)
    expect(read.config).toMatchObject({ rank: rank * width, alpha: 6 * width })
    const checkpoint = openCheckpoint(base)
    for (const { name, shape } of expectedTensors(config)) expect(readMerged(checkpoint, read, name, [0, shape[0]!]), name).toEqual(readMerged(checkpoint, adapter, name, [0, shape[0]!]))
    closeCheckpoint(checkpoint)
  })
})
