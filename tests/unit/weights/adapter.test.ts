import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readAdapter, writeAdapter, type Adapter } from '../../../native-models/weights/adapter.ts'
import { openSafetensors, writeSafetensors, type TensorToWrite } from '../../../native-models/weights/safetensors.ts'
import { linearModules } from '../../../native-models/weights/tensors.ts'
import { bytesOf, modelErrorOf, temporaryFolder, tinyConfig } from './fixtures.ts'

const BASE = tinyConfig()
const RANK = 3

/** An adapter on the named kinds of layers of TINY; `targets` as PEFT would read them back. */
function makeAdapter(targets: string[]): Adapter {
  const modules = new Map(
    [...linearModules(BASE)]
      .filter(([module]) => targets.some((target) => module.endsWith(target)))
      .map(([module, { inputs, out }], m) => {
        const fill = (length: number, offset: number) => Float32Array.from({ length }, (_, i) => (i + offset + m) / 64)
        return [module, { a: fill(RANK * inputs, 1), b: fill(out * RANK, -5) }] as const
      }),
  )
  return { config: { rank: RANK, alpha: 6, dropout: 0, targets, base: 'org/tiny' }, modules }
}

/** Writes a good adapter, then spoils its config. */
async function folderWith(changes: object): Promise<string> {
  const folder = temporaryFolder()
  await writeAdapter(folder, makeAdapter(['q_proj', 'v_proj']), BASE)
  const path = join(folder, 'adapter_config.json')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...changes }))
  return folder
}

/** Writes a good adapter, then spoils its tensors. */
async function folderWithTensors(change: (tensors: TensorToWrite[]) => TensorToWrite[]): Promise<string> {
  const folder = await folderWith({})
  const path = join(folder, 'adapter_model.safetensors')
  const file = openSafetensors(path)
  const tensors = [...file.tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape, data: file.readTensor(name) }))
  file.close()
  await writeSafetensors(path, change(tensors))
  return folder
}

test.each([[['q_proj', 'v_proj']], [['down_proj', 'gate_proj', 'k_proj', 'o_proj', 'q_proj', 'up_proj', 'v_proj']]])('round trip of %j', async (targets) => {
  const folder = join(temporaryFolder(), 'adapter')
  const adapter = makeAdapter(targets)
  const first = await writeAdapter(folder, adapter, BASE)
  const read = readAdapter(folder, BASE)
  expect(read.config).toEqual(adapter.config)
  expect([...read.modules.keys()]).toEqual([...adapter.modules.keys()])
  for (const [module, { a, b }] of adapter.modules) {
    expect(bytesOf(read.modules.get(module)!.a).equals(bytesOf(a))).toBe(true)
    expect(bytesOf(read.modules.get(module)!.b).equals(bytesOf(b))).toBe(true)
  }
  expect((await writeAdapter(folder, read, BASE)).weights.sha256).toBe(first.weights.sha256)
})

test("names, shapes and config are PEFT's", async () => {
  const folder = await folderWith({})
  const file = openSafetensors(join(folder, 'adapter_model.safetensors'))
  const name = 'base_model.model.model.layers.1.self_attn.v_proj'
  expect(file.tensors.get(`${name}.lora_A.weight`)).toMatchObject({ dtype: 'F32', shape: [RANK, 8] })
  expect(file.tensors.get(`${name}.lora_B.weight`)).toMatchObject({ dtype: 'F32', shape: [4, RANK] })
  expect(file.tensors.size).toBe(8)
  expect([...file.tensors.keys()]).toEqual([...file.tensors.keys()].sort())
  expect(file.metadata).toEqual({ format: 'pt' })
  file.close()
  expect(JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8'))).toMatchObject({
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    r: RANK,
    lora_alpha: 6,
    lora_dropout: 0,
    target_modules: ['q_proj', 'v_proj'],
    bias: 'none',
    base_model_name_or_path: 'org/tiny',
    inference_mode: true,
    fan_in_fan_out: false,
  })
})

test('16-bit adapters are read as F32', async () => {
  const folder = temporaryFolder()
  const adapter = makeAdapter(['q_proj'])
  await writeAdapter(folder, adapter, BASE, 'BF16')
  const { a } = readAdapter(folder, BASE).modules.get('model.layers.0.self_attn.q_proj')!
  expect([...a]).toEqual([...adapter.modules.get('model.layers.0.self_attn.q_proj')!.a]) // multiples of 1/64 are exact
})

test('a half-filled adapter is not written', async () => {
  const adapter = makeAdapter(['q_proj'])
  const partial = { ...adapter, modules: new Map([...adapter.modules].slice(1)) }
  await expect(writeAdapter(temporaryFolder(), partial, BASE)).rejects.toThrow('cover 2 layers of the base, but 1 are adapted')
})

describe('configs', () => {
  test.each([
    ['full and partial module names', { target_modules: ['self_attn.q_proj', 'model.layers.0.self_attn.v_proj', 'layers.1.self_attn.v_proj'] }],
    ['a pattern: the tensors decide', { target_modules: '.*[qv]_proj' }],
    ['set but harmless', { use_dora: false, rank_pattern: {}, modules_to_save: [], lora_dropout: 0.1, task_type: null, init_lora_weights: 'gaussian' }],
  ])('accepted: %s', async (_, changes) => {
    expect(readAdapter(await folderWith(changes), BASE).modules.size).toBe(4)
  })

  test.each([
    [{ peft_type: 'LOHA' }, 'peft_type "LOHA" is not supported'],
    [{ task_type: 'SEQ_CLS' }, 'task_type "SEQ_CLS" is not supported'],
    [{ bias: 'all' }, 'bias "all" is not supported'],
    [{ use_dora: true }, 'use_dora is not supported'],
    [{ use_rslora: true }, 'use_rslora is not supported'],
    [{ fan_in_fan_out: true }, 'fan_in_fan_out is not supported'],
    [{ rank_pattern: { q_proj: 4 } }, 'rank_pattern is not supported'],
    [{ alpha_pattern: { q_proj: 4 } }, 'alpha_pattern is not supported'],
    [{ modules_to_save: ['lm_head'] }, 'modules_to_save is not supported'],
    [{ layers_to_transform: [0] }, 'layers_to_transform is not supported'],
    [{ init_lora_weights: 'pissa' }, 'init_lora_weights "pissa" is not supported'],
    [{ r: 0 }, 'r is 0, but must be a whole number'],
    [{ r: 4 }, 'has shape [3, 8], but this base and r need [4, 8]'],
    [{ lora_alpha: null, lora_dropout: 1 }, 'lora_dropout is 1'],
    [{ target_modules: ['q_proj', 'c_attn'] }, 'targets modules that this base does not have ("c_attn")'],
    [{ target_modules: ['q_proj', 'k_proj', 'v_proj'] }, 'lacks 4 tensors ("base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight"'],
    [{ target_modules: [1] }, 'target_modules is a list, but must be a list of texts'],
  ])('refused: %j', async (changes, sentence) => {
    const folder = await folderWith(changes)
    expect(modelErrorOf(() => readAdapter(folder, BASE)).message).toContain(sentence)
  })
})

describe('tensors', () => {
  const first = 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight'
  const edit = (change: (tensor: TensorToWrite) => TensorToWrite) => (tensors: TensorToWrite[]) =>
    tensors.map((tensor) => (tensor.name === first ? change(tensor) : tensor))

  test.each([
    ['an unknown module', edit((t) => ({ ...t, name: 'base_model.model.lm_head.lora_A.weight' })), '"base_model.model.lm_head.lora_A.weight"'],
    ['a factor lost', (tensors: TensorToWrite[]) => tensors.filter((t) => t.name !== first), `lacks 1 tensors ("${first}")`],
    ['a transposed factor', edit((t) => ({ ...t, shape: [8, RANK] })), 'has shape [8, 3], but this base and r need [3, 8]'],
    ['a NaN', edit((t) => ({ ...t, data: new Float32Array(24).fill(NaN) })), 'holds NaN at element 0'],
    ['a DoRA magnitude', (tensors: TensorToWrite[]) => [...tensors, { name: 'x.lora_magnitude_vector', dtype: 'F32' as const, shape: [], data: new Float32Array(1) }], 'x.lora_magnitude_vector'],
    ['nothing', () => [], 'lacks 8 tensors'],
  ])('%s', async (_, change, sentence) => {
    const folder = await folderWithTensors(change)
    expect(modelErrorOf(() => readAdapter(folder, BASE)).message).toContain(sentence)
  })

  test('an adapter of another base, and a folder without one', async () => {
    const folder = await folderWith({})
    expect(modelErrorOf(() => readAdapter(folder, tinyConfig({ num_hidden_layers: 1 }))).message).toContain("choose the adapter's own base model")
    expect(modelErrorOf(() => readAdapter(folder, tinyConfig({ hidden_size: 16 }))).message).toContain('has shape [3, 8], but')
    expect(modelErrorOf(() => readAdapter(temporaryFolder(), BASE)).message).toContain('adapter_config.json does not exist')
  })
})
