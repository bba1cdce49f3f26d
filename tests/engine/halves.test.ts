/**
 * Weights held as halves: what transformers computes with matrices rounded to fp16 and all arithmetic in floats. The engine
 * runs these graphs on the CPU provider too (the pipeline refuses that, tests/cli), so everything but the driver is held to
 * the goldens anywhere; on WebGPU where a driver has halves (tests/half-driver.ts): lavapipe compiles its first shaders for minutes.
 */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { MicroBatch, ModelRef, Place, TrainStepResult } from '../../main/engine/protocol.ts'
import { Goldens, completionEntries, expectAllClose, expectClose, goldenJson, goldenPath, realLogits, rowsOf } from '../golden/fixtures.ts'
import { halfDriverEnv } from '../half-driver.ts'
import { swiftshaderEnv, swiftshaderRuns } from '../swiftshader.ts'
import { type Caller, bundledConfig, bundledModel, dpoBatch, optimiser, place, randomSequences, sampling, score, scratch, sequenceOf, sftBatch, shapeFor, smallConfig, startEngine, stateOf, textsOf, trainingOf, writeRandomModel } from './fixture.ts'

interface Golden {
  readonly model: string
  readonly roundingMoves: { readonly logits: number; readonly logps: number; readonly 'lora.logps': number }
  readonly cases: readonly { readonly prompt: number[]; readonly completion: number[] }[]
}

const names = ['gqa-tied', 'gqa-biased', 'gemma2', 'phi3-window']
const flat = (lists: readonly Float32Array[]): number[] => lists.flatMap((list) => Array.from(list))
const unclipped = { ...optimiser, maxGradNorm: 1e9 }

const places: readonly { where: string; at: Place; env: Readonly<Record<string, string>>; values: number; gradients: number }[] = [
  { where: 'the CPU provider', at: place('cpu', 'fp16'), env: {}, values: 3e-6, gradients: 3e-5 },
  ...(halfDriverEnv ? [{ where: 'WebGPU', at: place('webgpu', 'fp16'), env: halfDriverEnv, values: 1e-5, gradients: 1e-4 }] : []),
]

describe.each(places)('on $where', { timeout: 240_000 }, ({ at, env, values, gradients }) => {
  const engine = startEngine({ env })

  describe.each(names)('%s', (name) => {
    const golden = goldenJson<Golden>(`halves/${name}.json`)
    const goldens = new Goldens(`halves/${name}.safetensors`)
    const rows = rowsOf(goldens)
    const sequences = rows.map(sequenceOf)
    const folder = goldenPath(golden.model)
    const models = [{ ref: { folder, adapter: null }, prefix: '' }, { ref: { folder, adapter: join(folder, 'adapter') }, prefix: 'lora.' }]

    test.each(models)('logits and log-probabilities ($prefix)', async ({ ref, prefix }) => {
      const { logits } = await engine.call('logits', { ...at, model: ref, sequences: rows.map(({ tokens }) => Int32Array.from(tokens)) })
      expectClose(flat(logits), realLogits(goldens.get(`${prefix}logits`), rows), values, `${name} ${prefix}logits`)
      const logps = flat(await score(engine, ref, sequences, at))
      expectClose(logps, completionEntries(goldens.get(`${prefix}logps`), rows), values, `${name} ${prefix}logps`)
      // So near that the rounding itself, a hundred times as large, is seen to have been done.
      expect(golden.roundingMoves[`${prefix}logps` as 'logps']).toBeGreaterThan(30 * values)
    })

    test('the gradients of an adapter', async () => {
      await engine.call('startTraining', { ...trainingOf(folder, { from: join(folder, 'adapter'), objective: { kind: 'sft' }, optimiser: unclipped }), ...at })
      const { loss } = await engine.call('trainStep', { microBatches: [sftBatch(sequences)], learningRate: 1e-4 })
      const { path } = await engine.call('saveCheckpoint', { path: join(scratch, `${name}-${at.device}.safetensors`) })
      await engine.call('endTraining', {})
      // After one step m = (1 − β₁)·g, and the golden's loss is a sum over 26 tokens.
      const gradient = Object.fromEntries(Object.entries(stateOf(path, 'm/')).map(([weight, m]) => [weight, m.map((x) => x * 260)]))
      expectClose([loss], [goldens.get('lora.loss')[0]! / 26], values, `${name} loss`)
      expectAllClose(gradient, goldens.under('lora_grad.'), gradients, `${name} gradients`)
    })

    test.runIf(golden.cases.length > 0)('greedy text', async () => {
      const params = sampling(models[0]!.ref, golden.cases.map(({ prompt }) => prompt), at)
      expect(textsOf(await engine.call('sample', params))).toEqual(golden.cases.map(({ completion }) => completion))
    })

    test('with an adapter, what is sampled is what it finds likeliest when it scores', async () => {
      const prompts = [[1, 48, 92], [1, 7]]
      const model = models[1]!.ref
      const texts = textsOf(await engine.call('sample', sampling(model, prompts, { ...at, maxNewTokens: 12 })))
      await engine.call('endSampling', {})
      for (const [i, text] of texts.entries()) {
        const prefix = [...prompts[i]!, ...text.slice(0, 9)]
        const logps = flat(await score(engine, model, Array.from({ length: 96 }, (_, id) => sequenceOf({ tokens: [...prefix, id], start: prefix.length })), at))
        expect(Math.max(...logps) - logps[text[9]!]!).toBeLessThanOrEqual(1e-5)
      }
    })
  })

  test('a vocabulary in several blocks computes the same', async () => {
    const blocks = startEngine({ env: { ...env, CREAMERY_BLOCK_BYTES: '4096' } })
    for (const name of names) {
      const folder = goldenPath(goldenJson<Golden>(`halves/${name}.json`).model)
      const model = { folder, adapter: join(folder, 'adapter') }
      const sequences = randomSequences(4, 96)
      expectClose(flat(await score(blocks, model, sequences, at)), flat(await score(engine, model, sequences, at)), 1e-6, `${name} in blocks`)
      const prompts = [[1, 48, 92], [1, 7]]
      expect(textsOf(await blocks.call('sample', sampling(model, prompts, { ...at, maxNewTokens: 8 })))).toEqual(textsOf(await engine.call('sample', sampling(model, prompts, { ...at, maxNewTokens: 8 }))))
    }
  })

  test('the bundled model learns from the same pairs what it learns with floats, from ln 2 on', async () => {
    const sequences = randomSequences(8, 102)
    const [halves, floats] = [await learn(engine, at), await learn(engine, { ...at, weights: 'fp32' })]
    async function learn(on: Caller, where: Place): Promise<TrainStepResult[]> {
      const base: ModelRef = { folder: bundledModel, adapter: null }
      // The reference is scored in the very batches, so that policy and reference are one model to the last bit.
      const batches: MicroBatch[] = []
      for (const start of [0, 4]) {
        const some = sequences.slice(start, start + 4)
        batches.push(dpoBatch(some, await score(on, base, some, where, shapeFor(some)), [0.9, 0.6]))
      }
      await on.call('startTraining', { ...trainingOf(bundledModel), ...where })
      const steps: TrainStepResult[] = []
      for (let step = 0; step < 12; step++) steps.push(await on.call('trainStep', { microBatches: batches, learningRate: 5e-3 }))
      await on.call('endTraining', {})
      return steps
    }
    for (const { loss } of halves[0]!.pairs) expect(Math.abs(loss - Math.fround(Math.LN2))).toBeLessThanOrEqual(at.device === 'cpu' ? 0 : 1e-6)
    expect(halves.at(-1)!.loss).toBeLessThan(halves[0]!.loss - 0.1)
    const off = halves.map(({ loss }, i) => Math.abs(loss - floats[i]!.loss))
    if (process.env['DEVIATIONS']) console.info(`losses ${halves.map(({ loss }) => loss.toFixed(5)).join(' ')}; off by at most ${Math.max(...off).toExponential(1)}`)
    expect(Math.max(...off)).toBeLessThan(1e-3)
  })

  test('a weight beyond halves is refused by its name; floats take it', async () => {
    const config = { ...smallConfig, num_hidden_layers: 1 }
    const folder = await writeRandomModel(`heavy-${at.device}`, config, 3, 30_000)
    const some = randomSequences(1, 32)
    await expect(score(engine, { folder, adapter: null }, some, at)).rejects.toMatchObject({ code: 'bad-model', message: expect.stringMatching(/^model\.\S+\.weight holds a weight beyond 65504, which no half-precision number is; choose fp32 weights\.$/) })
    expect(flat(await score(engine, { folder, adapter: null }, some, { ...at, weights: 'fp32' })).every(Number.isFinite)).toBe(true)
  })

  test('training every weight is refused', async () => {
    await engine.call('startTraining', { ...trainingOf(bundledModel, { tuning: { kind: 'full' }, objective: { kind: 'sft' } }), ...at })
    await expect(engine.call('trainStep', { microBatches: [sftBatch(randomSequences(2, 102))], learningRate: 1e-3 })).rejects.toThrow('weights that are trained are held in floats')
    await engine.call('endTraining', {})
  })

  test('matrices are counted at two bytes a weight', async () => {
    const asked = { folder: bundledModel, tuning: { kind: 'full' as const }, threads: 1, scoring: [], training: [], sampling: [] }
    const [halves, floats] = [await engine.call('footprint', { ...asked, ...at }), await engine.call('footprint', { ...asked, ...at, weights: 'fp32' })]
    const vectors = Number(bundledConfig['hidden_size']) * (2 * Number(bundledConfig['num_hidden_layers']) + 1)
    expect(floats.weightBytes).toBe(4 * floats.parameters)
    expect(halves.weightBytes).toBe(2 * halves.parameters + 2 * vectors)
  })
})

describe.runIf(swiftshaderRuns)('on SwiftShader, which has no halves', () => {
  const engine = startEngine({ env: swiftshaderEnv() })
  const at = place('webgpu', 'fp16')
  const refused = { code: 'device-unavailable', message: expect.stringMatching(/no 16-bit floats.*choose fp32 weights/) }

  test('every call says so, and computes nothing otherwise', async () => {
    const model = { folder: await writeRandomModel('no-halves', smallConfig, 7), adapter: null }
    const some = randomSequences(4, 32)
    await expect(score(engine, model, some, at)).rejects.toMatchObject(refused)
    await expect(engine.call('sample', sampling(model, [[3, 4]], at))).rejects.toMatchObject(refused)
    await engine.call('startTraining', { ...trainingOf(model.folder, { objective: { kind: 'sft' } }), ...at })
    await expect(engine.call('trainStep', { microBatches: [sftBatch(some)], learningRate: 1e-3 })).rejects.toMatchObject(refused)
    await engine.call('endTraining', {})
    expect(flat(await score(engine, model, some, place('webgpu'))).every(Number.isFinite)).toBe(true)
  })
})
