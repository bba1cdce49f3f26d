/** Weights taken out: merged, as PEFT and as GGUF; what other programs read of them (tests/golden/make/exports.py, tests/clients), and what a bad end leaves. */
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { EngineHost } from '../../main/engine/host.ts'
import { ggufFile } from '../../main/export/formats/gguf.ts'
import { openGguf } from '../../main/export/formats/gguf/read.ts'
import { formats } from '../../main/export/formats.ts'
import { startSandbox } from '../../main/sandbox/host.ts'
import { closeCheckpoint, openCheckpoint, readWeights } from '../../native-models/weights/checkpoint.ts'
import { openSafetensors } from '../../native-models/weights/safetensors.ts'
import { goldenJson, goldenPath } from '../golden/fixtures.ts'
import { temporaryFolder } from '../temporary.ts'
import { type Tools, exportFolder, sourceOf } from './export-folder.ts'
import { bundled, configLike, writeRandomModel, writeTinyText } from './random-model.ts'

const scratch = temporaryFolder('weights')
const textFolder = join(scratch, 'text')
writeTinyText(textFolder)
const tools: Tools = { engine: EngineHost.start(), sandbox: startSandbox() }
afterAll(() => Promise.all([tools.engine.close(), tools.sandbox.close()]))
const place = { device: 'cpu', weights: 'fp32', threads: 1 } as const
const golden = (name: string) => ({ folder: goldenPath(name), adapter: goldenPath(`${name}/adapter`) })
const bundledModel = { folder: bundled, adapter: null }

interface Golden {
  readonly ids: readonly number[][]
  /** Of the last so many positions of each row. */
  readonly rows: number
  readonly models: Readonly<Record<string, { readonly sha256: string; readonly adapterSha256: string; readonly logits: readonly number[][] }>>
}

describe('what transformers and peft loaded', () => {
  const { ids, rows, models } = goldenJson<Golden>('exports.json')
  test.each(Object.entries(models))('%s: the same files, and our logits to 1e-4', async (name, { sha256, adapterSha256, logits: theirs }) => {
    const { files, proof } = await exportFolder(tools, golden(name), { format: 'merged', dtype: 'f32' }, join(scratch, `merged ${name.replace('/', '-')}`), { textFolder })
    expect(proof.passed).toBe(true)
    expect(files.find((file) => file.name === 'model.safetensors')!.sha256).toBe(sha256)
    const peft = await exportFolder(tools, golden(name), { format: 'peft' }, join(scratch, `peft ${name.replace('/', '-')}`), { textFolder })
    expect(peft.proof).toMatchObject({ passed: true })
    expect(peft.files.find((file) => file.name === 'adapter_model.safetensors')!.sha256).toBe(adapterSha256)
    const { logits: ours } = await tools.engine.call('logits', { ...place, model: golden(name), sequences: ids.map((row) => Int32Array.from(row)) })
    const vocabSize = theirs[0]!.length
    const last = ours.flatMap((row) => Array.from(row.slice(-rows * vocabSize)))
    expect(last).toHaveLength(theirs.flat().length)
    expect(Math.max(...theirs.flat().map((logit, i) => Math.abs(logit - last[i]!)))).toBeLessThan(1e-4)
  })
})

describe('round trips', () => {
  const models: [string, () => Promise<string>][] = [
    ['the bundled model', async () => bundled],
    ['a fused one', () => random('phi3', 'families/phi3-window')],
    ['one in shards', () => random('shards', 'families/qwen3-headdim', 30_000)],
  ]
  async function random(name: string, like: string, shardBytes?: number): Promise<string> {
    const folder = join(scratch, `random ${name}`)
    await writeRandomModel(folder, configLike(like), shardBytes === undefined ? {} : { shardBytes })
    return folder
  }
  test.each(models)('%s: import(export(x)) is x, bit for bit', async (name, make) => {
    const folder = await make()
    const target = join(scratch, `again ${name}`)
    const { files } = await exportFolder(tools, { folder, adapter: null }, { format: 'merged', dtype: 'f32' }, target, { textFolder: folder })
    const [one, other] = [openCheckpoint(folder), openCheckpoint(target)]
    expect([...other.tensors.keys()]).toEqual([...one.tensors.keys()])
    for (const tensor of one.tensors.keys()) expect(Buffer.compare(bytesOf(readWeights(one, tensor)), bytesOf(readWeights(other, tensor))), tensor).toBe(0)
    expect(other.config).toEqual(one.config)
    for (const file of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json']) expect(readFileSync(join(target, file))).toEqual(readFileSync(join(folder, file)))
    closeCheckpoint(one)
    closeCheckpoint(other)
    const twice = await exportFolder(tools, { folder: target, adapter: null }, { format: 'merged', dtype: 'f32' }, join(scratch, `twice ${name}`), { textFolder: target })
    expect(twice.files.find((file) => file.name.endsWith('.safetensors'))).toEqual(files.find((file) => file.name.endsWith('.safetensors')))
  })

  test('stored as PyTorch’s, in the number format asked for', async () => {
    const target = join(scratch, 'bf16')
    const { proof } = await exportFolder(tools, bundledModel, { format: 'merged', dtype: 'bf16' }, target)
    const file = openSafetensors(join(target, 'model.safetensors'))
    expect(file.metadata).toEqual({ format: 'pt' })
    expect(new Set([...file.tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['BF16']))
    file.close()
    expect(JSON.parse(readFileSync(join(target, 'config.json'), 'utf8'))).toMatchObject({ torch_dtype: 'bfloat16' })
    expect(proof).toMatchObject({ passed: true })
    expect(proof.maxLogitDelta).toBeGreaterThan(1e-4) // eight bits of significand do show
  })
})

test('an adapter’s folder says which tokens end a response, also where only the base’s config.json does', async () => {
  const folder = join(scratch, 'text of an older base')
  writeTinyText(folder)
  rmSync(join(folder, 'generation_config.json'))
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ eos_token_id: [2, 7] }))
  const target = join(scratch, 'peft of an older base')
  const { proof } = await exportFolder(tools, golden('llama/gqa-tied'), { format: 'peft' }, target, { textFolder: folder })
  expect(proof.checks).toContainEqual({ name: 'BOS and EOS', passed: true, finding: 'BOS 1, EOS 2, 7.' })
  expect(JSON.parse(readFileSync(join(target, 'generation_config.json'), 'utf8'))).toEqual({ bos_token_id: 1, eos_token_id: [2, 7] })
})

describe('refused', () => {
  test('a target that holds something, and what a failed proof left', async () => {
    const target = join(scratch, 'full')
    mkdirSync(target)
    writeFileSync(join(target, 'mine.txt'), 'x')
    const again = () => exportFolder(tools, bundledModel, { format: 'merged', dtype: 'f32' }, target)
    await expect(again()).rejects.toMatchObject({ code: 'bad-arguments', message: expect.stringContaining('never writes over files') })
    expect(readdirSync(target)).toEqual(['mine.txt'])
    const other = join(scratch, 'left')
    mkdirSync(`${other}.partial`)
    writeFileSync(join(`${other}.partial`, 'x'), 'x')
    await expect(exportFolder(tools, bundledModel, { format: 'merged', dtype: 'f32' }, other)).rejects.toMatchObject({ code: 'bad-arguments', message: expect.stringContaining('failed its proof or was cut off') })
  })

  test('what a format cannot hold, saying what can', async () => {
    await expect(exportFolder(tools, bundledModel, { format: 'peft' }, join(scratch, 'a'))).rejects.toThrow('Export it merged instead')
    await expect(exportFolder(tools, golden('families/gemma2'), { format: 'gguf', precision: 'f32' }, join(scratch, 'a'), { textFolder })).rejects.toThrow('llama.cpp would compute this gemma2 otherwise')
    await expect(exportFolder(tools, golden('families/qwen2-yarn'), { format: 'gguf', precision: 'f32' }, join(scratch, 'a'), { textFolder })).rejects.toThrow('YaRN')
    expect(readdirSync(scratch).filter((name) => name.startsWith('a.'))).toEqual([])
  })

  test('a tokenizer that llama.cpp has no like of', async () => {
    const folder = join(scratch, 'odd text')
    cpSync(textFolder, folder, { recursive: true })
    const tokenizer = JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8'))
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify({ ...tokenizer, pre_tokenizer: { type: 'Whitespace' } }))
    await expect(exportFolder(tools, golden('llama/gqa-tied'), { format: 'gguf', precision: 'f32' }, join(scratch, 'b'), { textFolder: folder })).rejects.toMatchObject({ code: 'bad-text', message: expect.stringContaining('no name for the way it splits a text') })
    expect(existsSync(join(scratch, 'b.partial'))).toBe(false)
  })
})

describe('a bad end', () => {
  test('stopped while writing or proving: nothing is left', async () => {
    for (const phase of ['writing', 'proving'] as const) {
      const stop = new AbortController()
      const target = join(scratch, `stopped ${phase}`)
      const work = exportFolder(tools, bundledModel, { format: 'merged', dtype: 'f32' }, target, { signal: stop.signal, onPhase: (now) => now.phase === phase && now.done > 3 && stop.abort() })
      await expect(work).rejects.toMatchObject({ code: 'cancelled' })
      expect(existsSync(target) || existsSync(`${target}.partial`)).toBe(false)
    }
  })

  test.each(['merged', 'gguf'] as const)('%s: a proof that fails leaves all under the partial name, and the card says so', async (format) => {
    const target = join(scratch, `wrong ${format}`)
    let calls = 0
    const call: EngineHost['call'] = async (name, params, options) => {
      const result = await tools.engine.call(name, params, options)
      if (name === 'logits' && ++calls === 2) (result as { logits: Float32Array[] }).logits[0]![5]! += 1
      return result
    }
    const engine = { call } as EngineHost
    const choice = format === 'merged' ? ({ format, dtype: 'f32' } as const) : ({ format, precision: 'f32' } as const)
    const { path, proof } = await exportFolder(tools, bundledModel, choice, target, { engine })
    expect(proof.passed).toBe(false)
    expect(proof.checks.filter(({ passed }) => !passed).map(({ name }) => name)).toEqual(['logits'])
    expect(proof.maxLogitDelta).toBeCloseTo(1, 3)
    expect(path).toBe(`${target}.partial`)
    expect(existsSync(target)).toBe(false)
    expect(readFileSync(join(path, 'README.md'), 'utf8')).toContain('THE PROOF FAILED: do not use this copy.')
  })
})

describe('GGUF', () => {
  test('rows that do not divide by 32 stay F16, and the card says so', async () => {
    const target = join(scratch, 'q8')
    await writeRandomModel(join(scratch, 'narrow'), configLike('llama/gqa-tied', { intermediate_size: 44 }))
    const { files, proof } = await exportFolder(tools, { folder: join(scratch, 'narrow'), adapter: null }, { format: 'gguf', precision: 'q8_0' }, target)
    expect(proof.checks.filter(({ passed }) => !passed)).toEqual([])
    const file = openGguf(join(target, files.find(({ name }) => name.endsWith('.gguf'))!.name))
    const typeOf = (name: string) => file.tensors.get(name)!.type
    expect(['blk.0.ffn_down.weight', 'blk.0.ffn_up.weight', 'token_embd.weight', 'blk.0.attn_norm.weight'].map(typeOf)).toEqual(['F16', 'Q8_0', 'Q8_0', 'F32'])
    file.close()
    expect(readFileSync(join(target, 'README.md'), 'utf8')).toMatch(/2 tensors stay F16, since their rows do not divide by 32: blk\.0\.ffn_down\.weight, blk\.1\.ffn_down\.weight/)
  })

  test('the tokenizer’s own end is named first, as its template writes it, and the others behind it', async () => {
    const folder = join(scratch, 'two ends')
    cpSync(bundled, folder, { recursive: true })
    writeFileSync(join(folder, 'generation_config.json'), JSON.stringify({ eos_token_id: [2, 4] }))
    const { files, proof } = await exportFolder(tools, { folder, adapter: null }, { format: 'gguf', precision: 'q8_0' }, join(scratch, 'two ends out'), { textFolder: folder })
    expect(proof.checks.filter(({ passed }) => !passed)).toEqual([])
    const file = openGguf(join(scratch, 'two ends out', files.find(({ name }) => name.endsWith('.gguf'))!.name))
    expect(['eos', 'eot'].map((key) => file.metadata.get(`tokenizer.ggml.${key}_token_id`))).toEqual([4, 2])
    file.close()
  })

  test('a file cut short, or changed in its head, is refused with a sentence', async () => {
    const target = join(scratch, 'whole')
    await exportFolder(tools, bundledModel, { format: 'gguf', precision: 'f16' }, target)
    const source = sourceOf(bundledModel)
    const path = join(target, ggufFile(source, 'f16'))
    source.close()
    const bytes = readFileSync(path)
    const broken = join(scratch, 'broken.gguf')
    for (const [at, value, says] of [[0, 0x58, 'does not begin with "GGUF"'], [4, 9, 'version is 9'], [15, 0x10, 'counts|lists'], [23, 0x10, 'counts|lists']] as const) {
      const changed = Buffer.from(bytes)
      changed[at] = value
      writeFileSync(broken, changed)
      expect(() => openGguf(broken)).toThrow(new RegExp(`not a whole GGUF file: .*(${says})`))
    }
    writeFileSync(broken, bytes)
    truncateSync(broken, bytes.length - 40)
    expect(() => openGguf(broken)).toThrow(/its tensors end at byte \d+, the file at \d+/)
  })

  test('the Modelfile says how turns are written and where a response ends', async () => {
    const text = readFileSync(join(scratch, 'whole', 'Modelfile'), 'utf8')
    expect(text).toBe([
      'FROM ./base-M2-F16.gguf',
      'TEMPLATE """<|bos|>{{ range .Messages }}{{ if eq .Role "user" }}<|user|>{{ .Content }}{{ else if eq .Role "assistant" }}<|assistant|>{{ .Content }}<|end|>{{ end }}{{ end }}<|assistant|>"""',
      'PARAMETER num_ctx 128', 'PARAMETER stop "<|end|>"', '',
    ].join('\n'))
  })
})

test('sizes are foretold to a tenth, or to the text files beside small weights', async () => {
  const source = sourceOf(bundledModel)
  for (const dtype of ['f32', 'f16'] as const) {
    const { bytes } = await exportFolder(tools, bundledModel, { format: 'merged', dtype }, join(scratch, `sized ${dtype}`))
    expect(Math.abs(bytes - formats.merged.estimate(source, { format: 'merged', dtype }))).toBeLessThan(20_000)
  }
  source.close()
})

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer => Buffer.from(buffer, byteOffset, byteLength)
