import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readAdapter, writeAdapter } from '../../native-models/weights/adapter.ts'
import { closeCheckpoint, openCheckpoint, readWeights } from '../../native-models/weights/checkpoint.ts'
import { hashCheckpoint } from '../../native-models/weights/hash.ts'
import { locateModel } from '../../native-models/weights/place.ts'
import { linearModules } from '../../native-models/weights/tensors.ts'
import { configLike, writeRandomModel } from '../export/random-model.ts'
import { temporaryFolder } from '../temporary.ts'
import { asCache, contents, smallModel, takeIn } from './fixture.ts'

const target = (): string => join(temporaryFolder('into'), 'copy')
const shardsOf = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.safetensors'))

describe('a copy', () => {
  test('of shards is the same model to the last byte, licence included, and leaves nothing beside it', async () => {
    const from = await smallModel()
    writeFileSync(join(from, 'LICENSE'), 'Free.')
    writeFileSync(join(from, 'optimizer.bin'), 'not of the model')
    expect(shardsOf(from).length).toBeGreaterThan(3)
    const to = target()
    const reached: number[] = []
    const imported = await takeIn(from, to, { progress: (done, total) => reached.push(done / total) })
    const { 'optimizer.bin': _, ...wanted } = contents(from)
    expect(contents(to)).toEqual(wanted)
    expect(imported.sha256).toBe((await hashCheckpoint(from)).sha256)
    expect(readdirSync(dirname(to))).toEqual(['copy'])
    expect(reached).toEqual(reached.toSorted((a, b) => a - b))
    expect(reached.at(-1)).toBe(1)
  })

  test('of a cache’s links is the files themselves', async () => {
    const model = await smallModel()
    const wanted = contents(model)
    const [to, from] = [target(), asCache(model)]
    await takeIn(from, to)
    expect(contents(to)).toEqual(wanted)
    expect(readdirSync(to, { withFileTypes: true }).every((entry) => entry.isFile())).toBe(true)
    expect(locateModel(join(from, shardsOf(from)[0]!))).toBe(from) // a file stands for its folder, not for where a link leads
  })

  test('of one file under another name', async () => {
    const from = await smallModel({ shardBytes: 1e9 })
    renameSync(join(from, 'model.safetensors'), join(from, 'my-model.safetensors'))
    const to = target()
    await takeIn(from, to)
    closeCheckpoint(openCheckpoint(to))
    expect(shardsOf(to)).toEqual(['my-model.safetensors'])
  })
})

describe('an import that ends early', () => {
  test('stopped: nothing is there but what it goes on from', async () => {
    const [from, to, stop] = [await smallModel(), target(), new AbortController()]
    await expect(takeIn(from, to, { signal: stop.signal, progress: (done, total) => done > total / 4 && stop.abort() })).rejects.toThrow('abort')
    expect(existsSync(to)).toBe(false)
    const partial = `${to}.partial`
    const whole = shardsOf(partial)
    expect(whole.length).toBeGreaterThan(0)
    expect(readdirSync(partial)).not.toContain('config.json')
    const before = whole.map((name) => statSync(join(partial, name)).ino)
    await takeIn(from, to)
    expect(contents(to)).toEqual(contents(from))
    expect(whole.map((name) => statSync(join(to, name)).ino)).toEqual(before) // not written twice
    expect(readdirSync(dirname(to))).toEqual(['copy'])
  })

  test.each([0.1, 0.3, 0.45, 0.7, 0.99])('killed at %d of it: the same again makes it whole', async (share) => {
    const [from, to] = [await smallModel(), target()]
    const script = join(temporaryFolder('kill'), 'import.ts')
    writeFileSync(script, `
      import { importCheckpoint } from ${JSON.stringify(join(import.meta.dirname, '../../native-models/weights/import.ts'))}
      await importCheckpoint(${JSON.stringify(from)}, ${JSON.stringify(to)}, { signal: new AbortController().signal, progress: (done, total) => { if (done >= ${share} * total) process.kill(process.pid, 'SIGKILL') } })
    `)
    const [, signal] = (await once(spawn(process.execPath, [script], { stdio: 'ignore' }), 'exit')) as [number | null, string | null]
    expect(signal).toBe('SIGKILL')
    expect(existsSync(to)).toBe(false)
    await takeIn(from, to)
    expect(contents(to)).toEqual(contents(from))
    expect(readdirSync(dirname(to))).toEqual(['copy'])
  }, 60_000)

  test('whose model changed meanwhile takes the new one', async () => {
    const [from, to, stop] = [await smallModel(), target(), new AbortController()]
    await expect(takeIn(from, to, { signal: stop.signal, progress: (done, total) => done > total / 3 && stop.abort() })).rejects.toThrow('abort')
    rmSync(from, { recursive: true })
    await writeRandomModel(from, configLike('llama/gqa-tied'), { dtype: 'F16', shardBytes: 20_000 })
    await takeIn(from, to)
    expect(contents(to)).toEqual(contents(from))
  })

  test('at a weight that is no number leaves nothing', async () => {
    const [from, to] = [await smallModel({ dtype: 'F32' }), target()]
    const path = join(from, shardsOf(from).at(-1)!)
    const bytes = readFileSync(path)
    bytes.writeFloatLE(NaN, bytes.length - 4)
    writeFileSync(path, bytes)
    await expect(takeIn(from, to)).rejects.toThrow(/holds NaN at element \d+; the model is damaged/)
    expect(readdirSync(dirname(to))).toEqual([])
  })
})

describe('refused', () => {
  test('a target that holds something, and somebody’s folder where the unfinished one would be', async () => {
    const from = await smallModel()
    const [taken, beside] = [target(), target()]
    for (const folder of [taken, `${beside}.partial`]) {
      mkdirSync(folder)
      writeFileSync(join(folder, 'thesis.json'), '{}')
    }
    await expect(takeIn(from, taken)).rejects.toThrow('never writes over files')
    await expect(takeIn(from, beside)).rejects.toThrow('not from an import')
    expect(readdirSync(taken)).toEqual(['thesis.json'])
    expect(readdirSync(`${beside}.partial`)).toEqual(['thesis.json'])
  })

  test.skipIf(process.platform === 'win32')('what the system owns, behind links too', async () => {
    expect(() => locateModel('/etc')).toThrow('belongs to the system')
    expect(() => locateModel('/')).toThrow('root of the disk')
    const link = join(temporaryFolder('link'), 'innocent')
    symlinkSync('/etc', link)
    expect(() => locateModel(link)).toThrow('belongs to the system')
    await expect(takeIn(await smallModel(), join(link, 'model'))).rejects.toThrow('belongs to the system')
    for (const [name, file] of [['tokenizer_config.json', '/etc/passwd'], ['tokenizer.json', '/dev/zero']] as const) {
      const [from, to] = [await smallModel(), target()]
      rmSync(join(from, name))
      symlinkSync(file, join(from, name))
      await expect(takeIn(from, to)).rejects.toThrow('belongs to the system')
      expect(existsSync(to)).toBe(false)
    }
    const [from, to] = [await smallModel(), target()]
    symlinkSync('/etc/passwd', join(from, 'README.md'))
    await takeIn(from, to)
    expect(readdirSync(to)).not.toContain('README.md')
  })
})

describe('a base with its adapter', () => {
  test.each(['llama/gqa-tied', 'families/phi3-window', 'families/gemma3'])('%s becomes W + (alpha / r) · B·A in F32, other weights untouched', async (golden) => {
    const from = join(temporaryFolder('base'), 'base')
    await writeRandomModel(from, configLike(golden), { dtype: 'BF16', shardBytes: 20_000 })
    const base = openCheckpoint(from)
    const adapter = join(temporaryFolder('adapter'), 'adapter')
    const rank = 3
    const wave = (length: number, step: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i * step) / 8)
    const modules = new Map([...linearModules(base.config)].filter(([name]) => /q_proj|down_proj/.test(name)).map(([name, { inputs, out }], i) => [name, { a: wave(rank * inputs, 1 + i), b: wave(out * rank, 2 + i) }]))
    await writeAdapter(adapter, { config: { rank, alpha: 6, dropout: 0, targets: ['q_proj', 'down_proj'], base: 'x' }, modules }, base.config)

    const to = target()
    await takeIn(from, to, { adapter })
    const merged = openCheckpoint(to)
    expect(merged.config).toEqual({ ...base.config, dtype: 'F32' })
    let worst = 0
    for (const [name, { shape }] of base.tensors) {
      const [before, after] = [readWeights(base, name), readWeights(merged, name)]
      const factors = readAdapter(adapter, base.config).modules.get(name.replace('.weight', ''))
      if (!factors) {
        expect(after, name).toEqual(before)
        continue
      }
      const [, inputs] = shape as [number, number]
      for (let i = 0; i < after.length; i++) {
        const [row, column] = [Math.floor(i / inputs), i % inputs]
        const added = Array.from({ length: rank }, (_, k) => factors.b[row * rank + k]! * factors.a[k * inputs + column]!).reduce((sum, one) => sum + one, 0)
        worst = Math.max(worst, Math.abs(after[i]! - (before[i]! + 2 * added)))
      }
    }
    expect(worst).toBeLessThan(1e-6)
    expect(readFileSync(join(to, 'tokenizer.json')).equals(readFileSync(join(from, 'tokenizer.json')))).toBe(true)
    for (const one of [base, merged]) closeCheckpoint(one)
  })
})
