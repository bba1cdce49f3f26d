/**
 * WebGPU against the CPU, on SwiftShader: the same losses, gradients, log-probabilities and text, what travels between
 * the two, and memory over many steps. Never skipped on Linux x64.
 */
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { MicroBatch, Sequence, TrainingParams, TrainStepResult } from '../../main/engine/protocol.ts'
import type { Device } from '../../preload/contract/domain.ts'
import { expectAllClose, expectClose, goldenJson } from '../golden/fixtures.ts'
import { swiftshaderEnv, swiftshaderRuns } from '../swiftshader.ts'
import { bundledConfig, bundledModel, dpoBatch, golden, loraTuning, optimiser, place, randomSequences, sampling, score, scratch, sftBatch, smallConfig, startEngine, stateOf, textsOf, trainingOf, writeRandomAdapter, writeRandomModel } from './fixture.ts'
import type { SpyingCalls, Traffic } from './spying-engine.ts'

describe.runIf(swiftshaderRuns)('on SwiftShader', () => {
  const engine = startEngine<SpyingCalls>({ entry: new URL('./spying-engine.ts', import.meta.url), env: swiftshaderEnv() })
  const gpu = place('webgpu')
  const unclipped = { ...optimiser, maxGradNorm: 1e9 }
  const sequences = randomSequences(4, 102)
  const pairsOf = (some: readonly Sequence[], references: readonly Float32Array[]): MicroBatch => dpoBatch(some, references, [0.73, 0.3])
  const folder = bundledModel
  let adapter: string
  beforeAll(async () => {
    adapter = await writeRandomAdapter('bundled-adapter', bundledConfig, 2)
  })

  /** Two steps on a device: their results, and the gradient of the first: after it m = (1 − β₁)·g. */
  async function train(device: Device, params: TrainingParams, batch: MicroBatch): Promise<{ steps: TrainStepResult[]; gradient: Record<string, Float32Array> }> {
    await engine.call('startTraining', { ...params, device })
    const first = await engine.call('trainStep', { microBatches: [batch], learningRate: 1e-3 })
    const { path } = await engine.call('saveCheckpoint', { path: join(scratch, 'gradient.safetensors') })
    const gradient = Object.fromEntries(Object.entries(stateOf(path, 'm/')).map(([name, m]) => [name, m.map((x) => x * 10)]))
    const second = await engine.call('trainStep', { microBatches: [batch], learningRate: 1e-3 })
    await engine.call('endTraining', {})
    return { steps: [first, second], gradient }
  }

  async function agree(params: TrainingParams, batchOn: (device: Device) => Promise<MicroBatch>, what: string): Promise<{ steps: TrainStepResult[] }> {
    const cpu = await train('cpu', params, await batchOn('cpu'))
    const webgpu = await train('webgpu', params, await batchOn('webgpu'))
    for (const [i, step] of webgpu.steps.entries()) {
      expectClose([step.loss], [cpu.steps[i]!.loss], 1e-5, `${what} loss ${i}`)
      expectClose([step.gradNorm], [cpu.steps[i]!.gradNorm], 1e-4, `${what} grad_norm ${i}`)
    }
    expectAllClose(webgpu.gradient, cpu.gradient, 1e-4, `${what} gradient`)
    return webgpu
  }

  test('a DPO step with LoRA: loss, every gradient, and ln 2 at the first', async () => {
    const { steps: [first] } = await agree(trainingOf(folder, { from: adapter, optimiser: unclipped }), async (device) => pairsOf(sequences, await score(engine, { folder, adapter }, sequences, place(device))), 'dpo')
    expectClose(first!.pairs.map(({ loss }) => loss), [Math.LN2, Math.LN2], 1e-6, 'step 0')
    for (const { chosenReward, rejectedReward } of first!.pairs) expect(Math.max(Math.abs(chosenReward), Math.abs(rejectedReward))).toBeLessThan(1e-6)
  })

  test('an SFT step with dropout leaves out the same', async () => {
    const small = await writeRandomModel('dropping', smallConfig, 9, 0.3)
    const params = trainingOf(small, { from: await writeRandomAdapter('dropping-adapter', smallConfig, 9), optimiser: unclipped })
    const batch = sftBatch(randomSequences(2, 32))
    const tuning = { ...loraTuning, dropout: 0.3 }
    const { steps: [first] } = await agree({ ...params, tuning, objective: { kind: 'sft', dropout: 0.3 } }, () => Promise.resolve(batch), 'sft')
    const whole = await train('cpu', { ...params, objective: { kind: 'sft' } }, batch)
    expect(Math.abs(first!.loss - whole.steps[0]!.loss)).toBeGreaterThan(1e-4)
  }, 120_000)

  test('a wrong reference stops the method', async () => {
    const small = await writeRandomModel('wrong', smallConfig, 9, 0.3)
    const from = await writeRandomAdapter('wrong-adapter', smallConfig, 9)
    const some = randomSequences(4, 32)
    await engine.call('startTraining', { ...trainingOf(small, { from }), ...gpu })
    const base = await score(engine, { folder: small, adapter: null }, some, gpu)
    await expect(engine.call('trainStep', { microBatches: [pairsOf(some, base)], learningRate: 1e-3 })).rejects.toMatchObject({ code: 'method-stopped' })
    await engine.call('endTraining', {})
  })

  test.each(['sft', 'dpo'] as const)('full fine-tuning by %s: the gradient of every weight, the tied embedding included', async (kind) => {
    const objective = kind === 'sft' ? { kind } : { kind, beta: 0.1 }
    const small = await writeRandomModel(`tied-${kind}`, smallConfig, 4, 0.3)
    const some = randomSequences(4, 32)
    const params = trainingOf(small, { tuning: { kind: 'full' }, objective, optimiser: unclipped })
    await agree(params, async (device) => (kind === 'sft' ? sftBatch(some) : pairsOf(some, await score(engine, { folder: small, adapter: null }, some, place(device)))), `full ${kind}`)
  })

  test('log-probabilities of base and adapter', async () => {
    for (const model of [{ folder, adapter: null }, { folder, adapter }]) {
      const [cpu, webgpu] = [await score(engine, model, sequences), await score(engine, model, sequences, gpu)]
      webgpu.forEach((list, i) => expectClose(list, cpu[i]!, 1e-5, `logps ${i}`))
    }
  })

  test('text: greedy is transformers’, drawn is the CPU’s; still so after other models took the memory', async () => {
    const { cases } = goldenJson<{ cases: { prompt: number[]; completion: number[] }[] }>('greedy/gqa-tied.json')
    const params = sampling(golden('gqa-tied'), cases.map(({ prompt }) => prompt), { ...gpu, maxNewTokens: 20 })
    const expected = cases.map(({ completion }) => completion.slice(0, 20))
    expect(textsOf(await engine.call('sample', params))).toEqual(expected)
    for (const other of ['headdim', 'mha-untied']) await score(engine, golden(other), randomSequences(1, 96), gpu)
    expect(textsOf(await engine.call('sample', params))).toEqual(expected)

    const drawn = { ...sampling(golden('gqa-tied', true), cases.map(({ prompt }) => prompt), { samplingTemperature: 0.8, topP: 0.95, maxNewTokens: 12 }) }
    expect(textsOf(await engine.call('sample', { ...drawn, ...gpu }))).toEqual(textsOf(await engine.call('sample', drawn)))
    await engine.call('endSampling', {})
  })

  test('equal logits, and a flat row beyond the candidates, are drawn as on the CPU', async () => {
    const equal = await writeRandomModel('equal', { ...smallConfig, vocab_size: 1000 }, 3, 0)
    const greedy = sampling({ folder: equal, adapter: null }, [[3, 4, 5]], { maxNewTokens: 3 })
    expect(textsOf(await engine.call('sample', { ...greedy, ...gpu }))).toEqual([[0, 0, 0]])
    const flat = { ...greedy, model: { folder: await writeRandomModel('flat', { ...smallConfig, vocab_size: 1000 }, 3, 0.05), adapter: null }, samplingTemperature: 1, topP: 0.999, rows: [0, 1, 2, 3].map((i) => ({ prompt: 0, key: [i] })), shape: { ...greedy.shape, rows: 4 } }
    expect(textsOf(await engine.call('sample', { ...flat, ...gpu }))).toEqual(textsOf(await engine.call('sample', flat)))
    await engine.call('endSampling', {})
  })

  test('a checkpoint resumes where it stood', async () => {
    const small = await writeRandomModel('resumed', smallConfig, 6, 0.3)
    const batch = sftBatch(randomSequences(4, 32))
    const params = { ...trainingOf(small, { objective: { kind: 'sft' } }), ...gpu }
    const step = () => engine.call('trainStep', { microBatches: [batch], learningRate: 1e-2 })
    await engine.call('startTraining', params)
    const losses = [await step(), await step()].map(({ loss }) => loss)
    const { path } = await engine.call('saveCheckpoint', { path: join(scratch, 'webgpu.safetensors') })
    losses.push((await step()).loss)
    expect(losses[2]).toBeLessThan(losses[0]!)
    expect(await engine.call('startTraining', { ...params, resume: path })).toMatchObject({ step: 2 })
    expectClose([(await step()).loss], [losses[2]!], 1e-6, 'resumed loss')
    await engine.call('endTraining', {})
  })

  describe('between steps', () => {
    const ids = ['tokens', 'places', 'targets']
    const scalars = ['clip', 'keep', 'rate', 'spread']
    const perPair = ['losses', 'chosenRewards', 'rejectedRewards', 'chosenLogps', 'rejectedLogps']

    test('only ids, indices, masks, per-token references and scalars go to the device; only scalars and per-pair values come back', async () => {
      const small = await writeRandomModel('traffic', smallConfig, 5)
      const from = await writeRandomAdapter('traffic-adapter', smallConfig, 5)
      const some = randomSequences(4, 32)
      const references = await score(engine, { folder: small, adapter: from }, some, gpu)
      await engine.call('startTraining', { ...trainingOf(small, { from }), ...gpu })
      const microBatches = [[0, 2], [2, 4]].map(([begin, end]) => dpoBatch(some.slice(begin, end), references.slice(begin, end), [0.7]))
      await engine.call('trainStep', { microBatches, learningRate: 1e-3 })
      await engine.call('traffic', {})
      await engine.call('trainStep', { microBatches, learningRate: 1e-3 })
      const traffic = await engine.call('traffic', {})
      const [weights, trained] = [11, 14]
      expect(traffic.map(({ resident }) => resident), 'two micro-batches, the norm, AdamW for each tensor').toEqual([weights + 2 * trained, weights + 2 * trained, trained, ...Array<number>(trained).fill(4)])
      const names = (list: readonly Traffic[], what: 'fed' | 'fetched'): string[] => [...new Set(list.flatMap((run) => Object.keys(run[what])))].sort()
      expect(names(traffic, 'fed')).toEqual([...ids, ...scalars, 'consistency', 'members', 'refLogps', 'weight'].sort())
      expect(names(traffic, 'fetched')).toEqual([...perPair, 'grad_norm', 'loss'].sort())
      for (const { fed, fetched } of traffic) {
        for (const name of scalars) expect(fed[name] ?? 1).toBe(1)
        for (const size of Object.values(fetched)) expect(size).toBe(1) // one pair a micro-batch
      }
      await engine.call('endTraining', {})
    })

    test('sampling sends ids and lengths, and gets the choice', async () => {
      await engine.call('traffic', {})
      await engine.call('sample', sampling({ folder, adapter }, [[3, 4, 5], [6, 7]], { ...gpu, maxNewTokens: 4, samplingTemperature: 1, topP: 0.9 }))
      const steps = (await engine.call('traffic', {})).slice(-3)
      for (const { fed, fetched } of steps) {
        expect(fed).toEqual({ tokens: 2, lengths: 2, filled: 2, inverseTemperature: 1 })
        expect(fetched).toEqual({ values: 204, ids: 204, logSum: 2, hidden: 256 })
      }
      await engine.call('endSampling', {})
    })
  })

  test('300 steps leave memory where it was', async () => {
    // Few tensors, so that steps are quick, but one of 64 KiB: losing a single copy of it per step would cost 19 MiB.
    const long = await writeRandomModel('long', { ...smallConfig, hidden_size: 64 }, 8)
    const batch = sftBatch(randomSequences(1, 32))
    const own = startEngine({ env: swiftshaderEnv() })
    await own.call('startTraining', { ...trainingOf(long, { objective: { kind: 'sft' }, tuning: { kind: 'lora', r: 256, alpha: 256, targets: ['q_proj'] } }), ...gpu })
    const steps = async (count: number): Promise<number> => {
      for (let i = 0; i < count; i++) await own.call('trainStep', { microBatches: [batch], learningRate: 1e-4 })
      return (await own.call('memory', {})).rss
    }
    const before = await steps(50)
    const after = await steps(300)
    if (process.env['DEVIATIONS']) console.info(`300 steps: ${((after - before) / 2 ** 20).toFixed(1)} MiB`)
    expect(after - before).toBeLessThan(14 * 2 ** 20)
  }, 240_000)
})

test.runIf(process.platform === 'linux')('without a driver WebGPU is refused, and nothing is computed on the CPU instead', async () => {
  const engine = startEngine({ env: { VK_ICD_FILENAMES: '/nonexistent/driver.json', VK_DRIVER_FILES: '/nonexistent/driver.json' } })
  const refused = { code: 'device-unavailable', message: expect.stringContaining('choose the CPU') }
  const some = randomSequences(2, 96)
  const model = golden('gqa-tied')
  await expect(score(engine, model, some, place('webgpu'))).rejects.toMatchObject(refused)
  await expect(engine.call('sample', sampling(model, [[3, 4]], { device: 'webgpu' }))).rejects.toMatchObject(refused)
  await expect(engine.call('startTraining', { ...trainingOf(model.folder), device: 'webgpu' })).rejects.toMatchObject(refused)
  await expect(engine.call('trainStep', { microBatches: [sftBatch(some)], learningRate: 1e-3 })).rejects.toMatchObject({ code: 'engine-died' })
  expect(await score(engine, model, some)).toHaveLength(2)
})
