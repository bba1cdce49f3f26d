import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { closeCheckpoint, openCheckpoint, readWeights, writeCheckpoint } from '../../../native-models/weights/checkpoint.ts'
import { hashCheckpoint, hashFile } from '../../../native-models/weights/hash.ts'
import { inspectCheckpoint } from '../../../native-models/weights/inspect.ts'
import { openSafetensors, writeSafetensors, type TensorToWrite } from '../../../native-models/weights/safetensors.ts'
import { expectedTensors } from '../../../native-models/weights/tensors.ts'
import { bytesOf, modelErrorOf, temporaryFolder, TINY, tinyConfig, tinyTensors } from './fixtures.ts'

/** A folder with TINY's config (changed) and the given tensors, unchecked. */
async function folderOf(changes: object, tensors: TensorToWrite[], metadata = {}): Promise<string> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...TINY, ...changes }))
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, metadata)
  return folder
}

const without = (tensors: TensorToWrite[], name: string) => tensors.filter((tensor) => tensor.name !== name)
const renamed = (tensors: TensorToWrite[], from: string, to: string) => tensors.map((tensor) => (tensor.name === from ? { ...tensor, name: to } : tensor))

function expectSameWeights(folder: string, tensors: TensorToWrite[]): void {
  const checkpoint = openCheckpoint(folder)
  expect([...checkpoint.tensors.keys()]).toEqual(tensors.map((tensor) => tensor.name))
  for (const { name, data } of tensors) expect(bytesOf(readWeights(checkpoint, name)).equals(bytesOf(data as Float32Array))).toBe(true)
  closeCheckpoint(checkpoint)
}

test('the expected tensors of a Llama, with and without biases and a head of its own', () => {
  const plain = expectedTensors(tinyConfig())
  expect(plain).toHaveLength(1 + 2 * 9 + 1)
  expect(plain.slice(0, 10)).toEqual([
    { name: 'model.embed_tokens.weight', shape: [11, 8] },
    { name: 'model.layers.0.input_layernorm.weight', shape: [8] },
    { name: 'model.layers.0.self_attn.q_proj.weight', shape: [8, 8] },
    { name: 'model.layers.0.self_attn.k_proj.weight', shape: [4, 8] },
    { name: 'model.layers.0.self_attn.v_proj.weight', shape: [4, 8] },
    { name: 'model.layers.0.self_attn.o_proj.weight', shape: [8, 8] },
    { name: 'model.layers.0.post_attention_layernorm.weight', shape: [8] },
    { name: 'model.layers.0.mlp.gate_proj.weight', shape: [6, 8] },
    { name: 'model.layers.0.mlp.up_proj.weight', shape: [6, 8] },
    { name: 'model.layers.0.mlp.down_proj.weight', shape: [8, 6] },
  ])
  const full = expectedTensors(tinyConfig({ attention_bias: true, mlp_bias: true, tie_word_embeddings: false }))
  expect(full).toHaveLength(plain.length + 2 * 7 + 1)
  expect(full).toContainEqual({ name: 'model.layers.1.self_attn.k_proj.bias', shape: [4] })
  expect(full).toContainEqual({ name: 'model.layers.1.mlp.down_proj.bias', shape: [8] })
  expect(full.at(-1)).toEqual({ name: 'lm_head.weight', shape: [11, 8] })
})

describe('writing and opening', () => {
  test('one file, the config passed on as it is', async () => {
    const folder = join(temporaryFolder(), 'new', 'model')
    const tensors = tinyTensors(tinyConfig())
    const written = await writeCheckpoint(folder, { ...TINY, custom: [1] }, tensors)
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'model.safetensors'])
    for (const { path, sha256 } of written) expect(await hashFile(path)).toBe(sha256)
    expectSameWeights(folder, tensors)
    const checkpoint = openCheckpoint(folder)
    expect(checkpoint.configJson).toEqual({ ...TINY, custom: [1] })
    expect(checkpoint.files.get('model.safetensors')!.metadata).toEqual({ format: 'pt' })
    closeCheckpoint(checkpoint)
  })

  test('shards and their index, in 16 bits', async () => {
    const folder = temporaryFolder()
    const config = tinyConfig()
    await writeCheckpoint(folder, TINY, tinyTensors(config, 'BF16'), { shardBytes: 500 })
    const index = JSON.parse(readFileSync(join(folder, 'model.safetensors.index.json'), 'utf8'))
    const shards = readdirSync(folder).filter((name) => name.endsWith('.safetensors'))
    expect(shards.length).toBeGreaterThan(2)
    expect(shards[0]).toBe(`model-00001-of-0000${shards.length}.safetensors`)
    const elements = expectedTensors(config).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
    expect(index.metadata.total_size).toBe(2 * elements)
    expect(Object.keys(index.weight_map)).toEqual(expectedTensors(config).map((tensor) => tensor.name).sort())
    expectSameWeights(folder, tinyTensors(config)) // the fixture's values are exact in BF16
    expect(inspectCheckpoint(folder)).toMatchObject({ format: 'safetensors shards', supported: true, dtype: 'BF16', parameters: elements })
  })

  test('a folder that already holds a model is refused', async () => {
    const folder = await folderOf({}, tinyTensors(tinyConfig()))
    await expect(writeCheckpoint(folder, TINY, [])).rejects.toThrow('already holds a model')
  })
})

describe('tied heads', () => {
  const tied = tinyTensors(tinyConfig())
  const head = renamed(tied, 'model.embed_tokens.weight', 'lm_head.weight')

  test('only the head is stored: it serves as the embedding', async () => {
    expectSameWeights(await folderOf({}, head, { format: 'pt', 'model.embed_tokens.weight': 'lm_head.weight' }), tied)
    expectSameWeights(await folderOf({}, head), tied)
  })

  test('an untied config takes the twin that __metadata__ names', async () => {
    const checkpoint = openCheckpoint(await folderOf({ tie_word_embeddings: false }, tied, { 'lm_head.weight': 'model.embed_tokens.weight' }))
    expect(readWeights(checkpoint, 'lm_head.weight')).toEqual(readWeights(checkpoint, 'model.embed_tokens.weight'))
    closeCheckpoint(checkpoint)
  })

  test('both stored: accepted when equal, refused when not', async () => {
    const embedding = tied[0]!
    expectSameWeights(await folderOf({}, [...tied, { ...embedding, name: 'lm_head.weight' }]), tied)
    const other = Float32Array.from(embedding.data as Float32Array).fill(7, 87)
    const folder = await folderOf({}, [...tied, { ...embedding, name: 'lm_head.weight', data: other }])
    expect(modelErrorOf(() => openCheckpoint(folder)).message).toContain('lm_head.weight differs from model.embed_tokens.weight')
    expect(inspectCheckpoint(folder)).toMatchObject({ supported: false, missing: [] })
  })

  test('an untied config without a head says what may be wrong', async () => {
    const folder = await folderOf({ tie_word_embeddings: false }, tied)
    expect(modelErrorOf(() => openCheckpoint(folder)).message).toMatch(/1 missing \("lm_head.weight"\).*"tie_word_embeddings" must be true/)
  })
})

describe('weights that do not fit', () => {
  const tensors = tinyTensors(tinyConfig())
  const norm = tensors.find((tensor) => tensor.name === 'model.norm.weight')!
  const changed = (change: object) => [...without(tensors, norm.name), { ...norm, ...change } as TensorToWrite]

  test.each([
    ['a missing tensor', without(tensors, 'model.layers.1.mlp.up_proj.weight'), '1 missing ("model.layers.1.mlp.up_proj.weight")'],
    ['an extra tensor', changed({ name: 'model.norm.weight' }).concat({ ...norm, name: 'v_head.weight' }), '1 that this architecture does not have ("v_head.weight")'],
    ['a wrong shape', changed({ shape: [2, 4] }), '"model.norm.weight" has shape [2, 4], not [8]'],
    ['an integer tensor', changed({ dtype: 'I8', data: new Int8Array(8) }), '"model.norm.weight" holds I8'],
  ])('%s', async (_, stored, clause) => {
    const folder = await folderOf({}, stored)
    const { message } = modelErrorOf(() => openCheckpoint(folder))
    expect(message).toContain(clause)
    expect(message).toContain(folder)
    const card = inspectCheckpoint(folder)
    expect(card.supported).toBe(false)
    expect(card.problems.join()).toContain(clause)
  })

  test("old transformers' inv_freq buffers are no fault", async () => {
    const buffer: TensorToWrite = { name: 'model.layers.0.self_attn.rotary_emb.inv_freq', dtype: 'F32', shape: [2], data: new Float32Array(2) }
    expectSameWeights(await folderOf({}, [...tensors, buffer]), tensors)
  })

  test.each([NaN, Infinity, -Infinity])('a weight that is %d is found when it is read', async (value) => {
    const checkpoint = openCheckpoint(await folderOf({}, changed({ data: Float32Array.of(0, 1, 2, value, 4, 5, 6, 7) })))
    expect(modelErrorOf(() => readWeights(checkpoint, norm.name)).message).toContain(`tensor "model.norm.weight" holds ${value} at element 3`)
    expect(modelErrorOf(() => readWeights(checkpoint, 'other')).message).toContain('has no tensor "other"')
    closeCheckpoint(checkpoint)
  })
})

describe('folders that are not whole', () => {
  async function sharded(): Promise<{ folder: string; indexPath: string; index: { weight_map: Record<string, unknown> } }> {
    const folder = temporaryFolder()
    await writeCheckpoint(folder, TINY, tinyTensors(tinyConfig()), { shardBytes: 1000 })
    const indexPath = join(folder, 'model.safetensors.index.json')
    return { folder, indexPath, index: JSON.parse(readFileSync(indexPath, 'utf8')) }
  }

  test('a shard is missing', async () => {
    const { folder } = await sharded()
    const shard = readdirSync(folder).find((name) => name.startsWith('model-00002'))!
    rmSync(join(folder, shard))
    expect(modelErrorOf(() => openCheckpoint(folder)).message).toMatch(/lacks 1 of its \d weight files \("model-00002.*finish the download/)
  })

  test.each(['../outside.safetensors', '/etc/passwd', 'sub/x.safetensors', 'weights.bin', 7, null])('an index that points to %j', async (place) => {
    const { folder, indexPath, index } = await sharded()
    index.weight_map['model.norm.weight'] = place
    writeFileSync(indexPath, JSON.stringify(index))
    expect(modelErrorOf(() => openCheckpoint(folder)).message).toContain('is no safetensors file of its folder')
  })

  test('an index that places a tensor in the wrong shard', async () => {
    const { folder, indexPath, index } = await sharded()
    index.weight_map['model.norm.weight'] = index.weight_map['model.embed_tokens.weight']
    writeFileSync(indexPath, JSON.stringify(index))
    expect(modelErrorOf(() => openCheckpoint(folder)).message).toContain('promises tensors that their files do not hold ("model.norm.weight")')
  })

  test('pickles only: refused, with how to convert', async () => {
    const folder = await folderOf({}, tinyTensors(tinyConfig()))
    renameSync(join(folder, 'model.safetensors'), join(folder, 'pytorch_model.bin'))
    expect(modelErrorOf(() => openCheckpoint(folder)).message).toMatch(/only as pickles \("pytorch_model.bin"\).*safe_serialization=True/)
    expect(inspectCheckpoint(folder)).toMatchObject({ format: 'pickle', supported: false, architecture: 'LlamaForCausalLM' })
  })

  test('no folder, no config, no JSON, an adapter', async () => {
    const folder = temporaryFolder()
    const config = join(folder, 'config.json')
    expect(modelErrorOf(() => openCheckpoint(join(folder, 'none'))).message).toContain('does not exist')
    expect(modelErrorOf(() => openCheckpoint(folder)).message).toContain('config.json does not exist')
    writeFileSync(config, '{"a": ')
    expect(modelErrorOf(() => openCheckpoint(folder)).message).toContain('is not valid JSON')
    writeFileSync(config, '[]')
    expect(modelErrorOf(() => openCheckpoint(folder)).message).toContain('does not hold a JSON object')
    writeFileSync(config, Uint8Array.of(0x7b, 0xff, 0x7d))
    expect(modelErrorOf(() => openCheckpoint(folder)).message).toContain('is not UTF-8')
    writeFileSync(config, JSON.stringify(TINY))
    writeFileSync(join(folder, 'adapter_config.json'), '{}')
    expect(modelErrorOf(() => openCheckpoint(folder)).message).toContain('a PEFT adapter and no model')
    expect(inspectCheckpoint(folder).format).toBe('adapter')
  })
})

describe('the card', () => {
  test('a good folder', async () => {
    const folder = await folderOf({ eos_token_id: null }, tinyTensors(tinyConfig(), 'F16'))
    writeFileSync(join(folder, 'training_args.bin'), '')
    expect(inspectCheckpoint(folder)).toEqual({
      format: 'safetensors',
      architecture: 'LlamaForCausalLM',
      supported: true,
      parameters: 11 * 8 + 2 * (8 + 64 + 32 + 32 + 64 + 8 + 48 + 48 + 48) + 8,
      dtype: 'F16',
      context: 64,
      vocabulary: 11,
      bytes: statSync(join(folder, 'config.json')).size + statSync(join(folder, 'model.safetensors')).size,
      missing: [],
      adapter: null,
      problems: [],
      warnings: ['The config names no end-of-text token: every response would end by length.', 'The folder also holds pickles; they are ignored.'],
    })
  })

  test('an unknown architecture is described and refused by name', async () => {
    const card = inspectCheckpoint(await folderOf({ architectures: ['MambaForCausalLM'] }, tinyTensors(tinyConfig())))
    expect(card).toMatchObject({ architecture: 'MambaForCausalLM', supported: false, dtype: 'F32' })
    expect(card.problems).toHaveLength(1)
    expect(card.problems[0]).toMatch(/MambaForCausalLM is not supported; supported: LlamaForCausalLM, MistralForCausalLM, .*; missing here: recurrent layers\./)
  })

  test('nothing there', () => {
    const card = inspectCheckpoint(join(temporaryFolder(), 'none'))
    expect(card).toMatchObject({ format: 'none', supported: false, architecture: null, parameters: null })
    expect(card.problems).toHaveLength(1)
  })
})

describe('hashes', () => {
  test('of a file', async () => {
    const path = join(temporaryFolder(), 'abc')
    writeFileSync(path, 'abc')
    expect(await hashFile(path)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    await expect(hashFile(`${path}d`)).rejects.toThrow('cannot be read (ENOENT)')
  })

  test('of a folder: config, weights and tokenizer decide, other files and the place do not', async () => {
    const folder = await folderOf({}, tinyTensors(tinyConfig()))
    writeFileSync(join(folder, 'tokenizer.json'), '{}')
    const before = await hashCheckpoint(folder)
    expect(before.files.map((file) => file.name)).toEqual(['config.json', 'model.safetensors', 'tokenizer.json'])
    const listing = before.files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('')
    expect(before.sha256).toBe(createHash('sha256').update(listing).digest('hex'))

    writeFileSync(join(folder, 'README.md'), 'notes')
    const moved = join(temporaryFolder(), 'moved')
    renameSync(folder, moved)
    expect((await hashCheckpoint(moved)).sha256).toBe(before.sha256)
    writeFileSync(join(moved, 'tokenizer.json'), '{ }')
    expect((await hashCheckpoint(moved)).sha256).not.toBe(before.sha256)
    mkdirSync(folder)
  })

  test('of shards: each of them and the index', async () => {
    const folder = temporaryFolder()
    const written = await writeCheckpoint(folder, TINY, tinyTensors(tinyConfig()), { shardBytes: 1000 })
    const { files } = await hashCheckpoint(folder)
    expect(files.map((file) => file.sha256).sort()).toEqual(written.map((file) => file.sha256).sort())
  })
})

const STORIES = join(import.meta.dirname, '../../../../shared/assets/models/stories260K')
describe.skipIf(!existsSync(STORIES))('stories260K, a real model (skipped: shared/assets is absent)', () => {
  test('opens, is finite, and writes back to the same tensors', async () => {
    const checkpoint = openCheckpoint(STORIES)
    expect(checkpoint.config).toMatchObject({ layers: 5, heads: 8, kvHeads: 4, headDim: 8, hiddenSize: 64, tied: true, eosIds: [2] })
    const tensors = [...checkpoint.tensors].map(([name, { shape, dtype }]): TensorToWrite => ({ name, dtype, shape, data: () => readWeights(checkpoint, name) }))
    const copy = temporaryFolder()
    await writeCheckpoint(copy, checkpoint.configJson, tensors)
    const original = openSafetensors(join(STORIES, 'model.safetensors'))
    const written = openSafetensors(join(copy, 'model.safetensors'))
    expect(written.tensors.size).toBe(original.tensors.size)
    for (const name of original.tensors.keys()) expect(bytesOf(written.readTensor(name)).equals(bytesOf(original.readTensor(name)))).toBe(true)
    expect({ ...inspectCheckpoint(copy), bytes: 0 }).toEqual({ ...inspectCheckpoint(STORIES), bytes: 0 }) // the text side is not written
    for (const file of [original, written]) file.close()
    closeCheckpoint(checkpoint)
  })

  test('its card', () => {
    expect(inspectCheckpoint(STORIES)).toEqual({
      format: 'safetensors',
      architecture: 'LlamaForCausalLM',
      supported: true,
      parameters: 260_032,
      dtype: 'F32',
      context: 512,
      vocabulary: 512,
      bytes: 1_058_089,
      missing: [],
      adapter: null,
      problems: [],
      warnings: [],
    })
  })
})
