/** Training through the engine process: equivalences, the golden curve, checkpoints, refusals. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { EngineHost } from '../../main/engine/host.ts'
import type { MicroBatch, SavedFile, Sequence, TrainingParams } from '../../main/engine/protocol.ts'
import { scheduleFactor } from '../../native-models/training/schedule.ts'
import { readAdapter, writeAdapter } from '../../native-models/weights/adapter.ts'
import { parseConfig } from '../../native-models/weights/config.ts'
import type { JsonObject } from '../../native-models/weights/files.ts'
import { Goldens, expectAllClose, expectClose, goldenJson, goldenPath, lora, rowsOf } from '../golden/fixtures.ts'
import { adapterValues, dpoBatch, golden, loraTuning, optimiser, randomSequences, sampling, score, scratch, sequenceOf, sftBatch, smallConfig, startEngine, stateOf, textsOf, trainingOf, writeRandomModel } from './fixture.ts'

const engine = startEngine()
const base = golden('gqa-tied')
const adapted = golden('gqa-tied', true)
const sft = { kind: 'sft' } as const
const unclipped = { ...optimiser, maxGradNorm: 1e9 }

/** Trains a step per list of micro-batches and saves what came of it. */
async function train(params: TrainingParams, steps: readonly (readonly MicroBatch[])[], name: string, learningRate = 1e-3, on: EngineHost = engine): Promise<SavedFile> {
  await on.call('startTraining', params)
  for (const microBatches of steps) await on.call('trainStep', { microBatches, learningRate })
  const saved = await on.call('saveModel', { folder: join(scratch, name) })
  await on.call('endTraining', {})
  return saved
}

const gqaConfig = goldenJson<JsonObject>('llama/gqa-tied/config.json')
const valuesOf = (name: string): Record<string, Float32Array> => adapterValues(join(scratch, name), gqaConfig)
const sequences = randomSequences(8, 96)
const consistency = [1, 0.73, 0.5, 0.2]
let references: readonly Float32Array[]
/** Pairs of `sequences` with the adapted model's own log-probabilities. */
const pairs = (from: number, to: number): MicroBatch => dpoBatch(sequences.slice(2 * from, 2 * to), references.slice(2 * from, 2 * to), consistency.slice(from, to))
beforeAll(async () => void (references = await score(engine, adapted, sequences)))

describe('a batch is its micro-batches', () => {
  test.each(['sft', 'dpo'] as const)('%s: one of all, halves, or one by one: the same loss, gradient and adapter', async (kind) => {
    const objective = kind === 'sft' ? sft : { kind, beta: 0.1 }
    const units = kind === 'sft' ? 8 : 4
    const cut = (size: number): MicroBatch[] => Array.from({ length: units / size }, (_, i) => (kind === 'sft' ? sftBatch(sequences.slice(i * size, (i + 1) * size)) : pairs(i * size, (i + 1) * size)))
    const found = []
    for (const size of [units, units / 2, 1]) {
      await engine.call('startTraining', trainingOf(base.folder, { from: adapted.adapter, objective }))
      const steps = [await engine.call('trainStep', { microBatches: cut(size), learningRate: 1e-3 }), await engine.call('trainStep', { microBatches: cut(size), learningRate: 1e-3 })]
      await engine.call('saveModel', { folder: join(scratch, `${kind}-by-${size}`) })
      found.push({ steps, values: valuesOf(`${kind}-by-${size}`) })
    }
    for (const { steps, values } of found.slice(1)) {
      expectClose(steps.map(({ loss }) => loss), found[0]!.steps.map(({ loss }) => loss), 1e-6, `${kind} loss`)
      expectClose(steps.map(({ gradNorm }) => gradNorm), found[0]!.steps.map(({ gradNorm }) => gradNorm), 1e-6, `${kind} grad_norm`)
      expectAllClose(values, found[0]!.values, 1e-6, `${kind} adapter`)
      // Per pair nothing depends on the batch. (A later step's adapter differs in its last bits.)
      expect(steps[0]!.pairs).toEqual(found[0]!.steps[0]!.pairs)
      expect(steps[0]!.tokens).toBe(sequences.reduce((sum, { completionIds }) => sum + completionIds.length, 0))
    }
  })

  test('an empty pair in a padded batch changes nothing', async () => {
    const three = pairs(0, 3)
    const padded = { ...three, shape: { ...three.shape, rows: 8 } }
    const results = []
    for (const batch of [three, padded]) {
      await engine.call('startTraining', trainingOf(base.folder, { from: adapted.adapter }))
      results.push(await engine.call('trainStep', { microBatches: [batch], learningRate: 1e-3 }))
    }
    expect(results[1]!.pairs).toHaveLength(3)
    expect(results[1]!.pairs).toEqual(results[0]!.pairs)
    expectClose([results[1]!.loss, results[1]!.gradNorm], [results[0]!.loss, results[0]!.gradNorm], 1e-6, 'padded')
  })
})

describe('the first DPO step', () => {
  test('has loss ln 2 in every pair, exactly, whatever its C; so has the second after a learning rate of 0', async () => {
    await engine.call('startTraining', trainingOf(base.folder, { from: adapted.adapter }))
    for (const _ of [0, 1]) {
      const { loss, pairs: rows } = await engine.call('trainStep', { microBatches: [pairs(0, 4)], learningRate: 0 })
      expect(rows.map((row) => row.loss)).toEqual(Array(4).fill(Math.fround(Math.LN2)))
      expect(rows.map(({ chosenReward, rejectedReward }) => [chosenReward, rejectedReward])).toEqual(Array(4).fill([0, 0]))
      expect(loss).toBeCloseTo(Math.LN2, 6)
    }
  })

  test('of a new adapter takes the base model’s own log-probabilities as reference', async () => {
    await engine.call('startTraining', trainingOf(base.folder))
    const own = await score(engine, base, sequences)
    const { pairs: rows } = await engine.call('trainStep', { microBatches: [dpoBatch(sequences, own, consistency)], learningRate: 1e-3 })
    expect(rows.map(({ loss }) => loss)).toEqual(Array(4).fill(Math.fround(Math.LN2)))
    expectClose(rows.map(({ chosenLogps }) => chosenLogps), [0, 2, 4, 6].map((i) => own[i]!.reduce((a, b) => a + b, 0)), 1e-6, 'logps/chosen')
  })

  test.each([
    ['the base model’s numbers for an adapter', async () => ({ from: adapted.adapter, refs: await score(engine, base, sequences) })],
    ['an adapter’s numbers for a new one', async () => ({ from: null, refs: references })],
    ['one token of one response off by .001 nats', async () => ({ from: adapted.adapter, refs: references.map((list, i) => (i === 6 ? list.map((x, t) => (t === 2 ? x - 0.001 : x)) : list)) })],
    ['chosen and rejected off alike, which leaves the loss at ln 2', async () => ({ from: adapted.adapter, refs: references.map((list) => list.map((x, t) => (t === 2 ? x - 0.5 : x))) })],
    ['not a number', async () => ({ from: adapted.adapter, refs: references.map((list) => list.map(() => Number.NaN)) })],
  ])('stops the method when the reference is wrong: %s', async (_, make) => {
    const { from, refs } = await make()
    await engine.call('startTraining', trainingOf(base.folder, { from }))
    await expect(engine.call('trainStep', { microBatches: [dpoBatch(sequences, refs, consistency)], learningRate: 1e-3 })).rejects.toMatchObject({ code: 'method-stopped', message: expect.stringMatching(/first step.*reference/) })
  })

  test('of pairs whose references are out of line is a fault', async () => {
    await engine.call('startTraining', trainingOf(base.folder, { from: adapted.adapter }))
    await expect(engine.call('trainStep', { microBatches: [dpoBatch(sequences, [...references].reverse(), consistency)], learningRate: 1e-3 })).rejects.toThrow(/sequence 0 has 4 completion tokens, but \d+ values/)
  })
})

test('the golden curve: TRL’s loss under torch’s AdamW, ten steps', async () => {
  interface Curve { readonly beta: number; readonly lr: number; readonly betas: readonly [number, number]; readonly eps: number; readonly weightDecay: number; readonly maxNorm: number; readonly warmup: number; readonly total: number; readonly steps: readonly { readonly loss: number; readonly gradNorm: number; readonly 'rewards/margins': number }[] }
  const curve = goldenJson<Curve>('curve.json')
  const goldens = new Goldens('curve.safetensors')
  const all = rowsOf(goldens).map(sequenceOf)
  const config = parseConfig(gqaConfig, 'config.json')
  const initial = goldens.under('initial.') as Record<string, Float32Array>
  const modules = new Map([...new Set(Object.keys(initial).map((name) => name.replace(/\.lora_[AB]\.weight$/, '')))].map((peft) => [peft.replace('base_model.model.', ''), { a: initial[`${peft}.lora_A.weight`]!, b: initial[`${peft}.lora_B.weight`]! }]))
  const from = join(scratch, 'curve-initial')
  await writeAdapter(from, { config: { rank: lora.r, alpha: lora.alpha, dropout: 0, base: 'gqa-tied', targets: [...lora.targets] }, modules }, config)
  const refs = await score(engine, { folder: base.folder, adapter: from }, all)

  const [beta1, beta2] = curve.betas
  await engine.call('startTraining', trainingOf(base.folder, { from, objective: { kind: 'dpo', beta: curve.beta }, optimiser: { beta1, beta2, epsilon: curve.eps, weightDecay: curve.weightDecay, maxGradNorm: curve.maxNorm } }))
  const ours = []
  for (let step = 0; step < curve.total; step++) {
    const chosen = Array.from(goldens.get('pairs').slice(4 * step, 4 * step + 4))
    const members = chosen.flatMap((pair) => [2 * pair, 2 * pair + 1])
    const batch = dpoBatch(members.map((i) => all[i]!), members.map((i) => refs[i]!), chosen.map((pair) => goldens.get('c')[pair]!))
    ours.push(await engine.call('trainStep', { microBatches: [batch], learningRate: curve.lr * scheduleFactor('cosine', step, curve.warmup, curve.total) }))
  }
  await engine.call('saveModel', { folder: join(scratch, 'curve-final') })
  ours.forEach(({ loss }, step) => expect(Math.abs(loss - curve.steps[step]!.loss), `step ${step} loss`).toBeLessThan(1e-5))
  expectClose(ours.map(({ gradNorm }) => gradNorm), curve.steps.map(({ gradNorm }) => gradNorm), 1e-4, 'grad_norm')
  expectClose(ours.map((one) => one.pairs.reduce((sum, { chosenReward, rejectedReward }) => sum + chosenReward - rejectedReward, 0) / 4), curve.steps.map((one) => one['rewards/margins']), 1e-4, 'rewards/margins')
  expectAllClose(valuesOf('curve-final'), goldens.under('final.'), 1e-4, 'trained adapter')
})

describe('a checkpoint', () => {
  const params = (): TrainingParams => trainingOf(base.folder, { objective: sft })
  const steps = [0, 1, 2, 3, 4].map((i) => [sftBatch(sequences.slice(i, i + 2)), sftBatch(sequences.slice(i + 2, i + 4))])
  let whole: SavedFile
  beforeAll(async () => void (whole = await train(params(), steps, 'whole')))

  test('resumed after an end gives the uninterrupted run’s bytes', async () => {
    await engine.call('startTraining', params())
    for (const microBatches of steps.slice(0, 2)) await engine.call('trainStep', { microBatches, learningRate: 1e-3 })
    const saved = await engine.call('saveCheckpoint', { path: join(scratch, 'two.safetensors') })
    await engine.call('trainStep', { microBatches: steps[4]!, learningRate: 1 }) // lost work
    await engine.call('endTraining', {})
    expect(await engine.call('startTraining', { ...params(), resume: saved.path })).toMatchObject({ step: 2 })
    for (const microBatches of steps.slice(2)) expect(Number.isFinite((await engine.call('trainStep', { microBatches, learningRate: 1e-3 })).loss)).toBe(true)
    expect((await engine.call('saveModel', { folder: join(scratch, 'resumed') })).sha256).toBe(whole.sha256)
  })

  test('resumed after kill -9 gives them too', async () => {
    const mortal = startEngine()
    await mortal.call('startTraining', params())
    for (const microBatches of steps.slice(0, 3)) await mortal.call('trainStep', { microBatches, learningRate: 1e-3 })
    const { path } = await mortal.call('saveCheckpoint', { path: join(scratch, 'three.safetensors') })
    await mortal.call('trainStep', { microBatches: steps[3]!, learningRate: 1e-3 })
    const dying = mortal.call('trainStep', { microBatches: steps[4]!, learningRate: 1e-3 })
    process.kill(mortal.pid!, 'SIGKILL')
    await expect(dying).rejects.toMatchObject({ code: 'engine-died' })
    await expect(mortal.call('trainStep', { microBatches: steps[3]!, learningRate: 1e-3 })).rejects.toMatchObject({ code: 'engine-died', message: expect.stringContaining('Resume') })
    expect((await train({ ...params(), resume: path }, steps.slice(3), 'killed', 1e-3, mortal)).sha256).toBe(whole.sha256)
    expect(mortal.generation).toBe(2)
  })

  test('with dropout too: what is left out depends on seed, step and batch alone', async () => {
    const tuning = { ...loraTuning, dropout: 0.3 }
    const dropping = trainingOf(base.folder, { tuning, objective: { kind: 'sft', dropout: 0.3 } })
    const batches = [[sftBatch(sequences.slice(0, 4)), sftBatch(sequences.slice(4))], [sftBatch(sequences)], [sftBatch(sequences.slice(2))]]
    const uninterrupted = await train(dropping, batches, 'dropping-whole')
    await engine.call('startTraining', dropping)
    for (const microBatches of batches.slice(0, 2)) await engine.call('trainStep', { microBatches, learningRate: 1e-3 })
    const { path } = await engine.call('saveCheckpoint', { path: join(scratch, 'dropping-two.safetensors') })
    expect((await train({ ...dropping, resume: path }, batches.slice(2), 'dropping-resumed', 1e-3, startEngine())).sha256).toBe(uninterrupted.sha256)
    expect((await train({ ...dropping, seed: 6 }, batches, 'dropping-otherwise')).sha256).not.toBe(uninterrupted.sha256)
    expect((await train({ ...dropping, objective: sft }, batches, 'dropping-nothing')).sha256).not.toBe(uninterrupted.sha256)
    expect(readAdapter(join(scratch, 'dropping-whole'), parseConfig(gqaConfig, 'config.json')).config.dropout).toBe(0.3)
  })

  test('of full tuning as well', async () => {
    const full = trainingOf(base.folder, { tuning: { kind: 'full' }, objective: sft })
    const uninterrupted = await train(full, steps, 'full-whole')
    await engine.call('startTraining', full)
    for (const microBatches of steps.slice(0, 2)) await engine.call('trainStep', { microBatches, learningRate: 1e-3 })
    const { path } = await engine.call('saveCheckpoint', { path: join(scratch, 'full-two.safetensors') })
    expect((await train({ ...full, resume: path }, steps.slice(2), 'full-resumed')).sha256).toBe(uninterrupted.sha256)
  })

  test('that is absent, damaged or of another training is refused', async () => {
    await expect(engine.call('startTraining', { ...params(), resume: join(scratch, 'none.safetensors') })).rejects.toMatchObject({ code: 'bad-model', message: expect.stringContaining('none.safetensors') })
    writeFileSync(join(scratch, 'damaged.safetensors'), new Uint8Array(64))
    await expect(engine.call('startTraining', { ...params(), resume: join(scratch, 'damaged.safetensors') })).rejects.toMatchObject({ code: 'bad-model', message: expect.stringContaining('damaged.safetensors') })
    const resume = join(scratch, 'two.safetensors')
    await expect(engine.call('startTraining', { ...params(), tuning: { ...loraTuning, r: 8 } as TrainingParams['tuning'], resume })).rejects.toMatchObject({ code: 'bad-model', message: expect.stringMatching(/two\.safetensors.*another training/) })
    await expect(engine.call('startTraining', { ...params(), tuning: { kind: 'full' }, resume })).rejects.toMatchObject({ code: 'bad-model' })
  })
})

describe('full fine-tuning', () => {
  test('has transformers’ gradient for every weight, the tied embedding included', async () => {
    for (const name of ['gqa-tied', 'gqa-biased']) {
      const goldens = new Goldens(`llama/${name}/golden.safetensors`)
      await engine.call('startTraining', trainingOf(goldenPath(`llama/${name}`), { tuning: { kind: 'full' }, objective: sft, optimiser: unclipped }))
      const { loss } = await engine.call('trainStep', { microBatches: [sftBatch(rowsOf(goldens).map(sequenceOf))], learningRate: 1e-6 })
      const { path } = await engine.call('saveCheckpoint', { path: join(scratch, `${name}-gradient.safetensors`) })
      // After one step m = (1 − β₁)·g, and the golden's loss is a sum over 26 tokens.
      const gradient = Object.fromEntries(Object.entries(stateOf(path, 'm/')).map(([weight, m]) => [weight, m.map((x) => x * 260)]))
      expectClose([loss], [goldens.get('loss')[0]! / 26], 1e-6, `${name} loss`)
      expectAllClose(gradient, goldens.under('grad.'), 3e-5, `${name} gradient`)
    }
  })

  test('saves a folder that scores as the model was trained', async () => {
    const batch = sftBatch(sequences)
    await engine.call('startTraining', trainingOf(base.folder, { tuning: { kind: 'full' }, objective: sft }))
    const losses = []
    for (let i = 0; i < 5; i++) losses.push((await engine.call('trainStep', { microBatches: [batch], learningRate: 1e-2 })).loss)
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.5)
    const { path } = await engine.call('saveModel', { folder: join(scratch, 'full') })
    const { loss } = await engine.call('trainStep', { microBatches: [batch], learningRate: 0 })
    const logps = await score(engine, { folder: path, adapter: null }, sequences)
    const tokens = logps.flatMap((list) => Array.from(list))
    expectClose([-tokens.reduce((a, b) => a + b, 0) / tokens.length], [loss], 1e-6, 'nll')
    // The next training goes on from there.
    await engine.call('startTraining', trainingOf(base.folder, { tuning: { kind: 'full' }, objective: sft, from: path }))
    expect((await engine.call('trainStep', { microBatches: [batch], learningRate: 0 })).loss).toBe(loss)
  })
})

describe('refused', () => {
  const stepOf = (batch: Partial<MicroBatch>, learningRate = 1e-3) => ({ microBatches: [{ ...pairs(0, 4), ...batch }], learningRate })

  test.each([
    ['a learning rate that is not a number', () => stepOf({}, Number.NaN), /learning rate/],
    ['a learning rate below zero', () => stepOf({}, -1e-3), /learning rate/],
    ['a gradient that overflows', () => stepOf({ consistency: [1e38, 1, 1, 1] }), /gradient is not a number/],
    ['a consistency that is not a number', () => stepOf({ consistency: [Number.NaN, 1, 1, 1] }), /stopped/],
    ['a step of no batches', () => ({ microBatches: [], learningRate: 1e-3 }), /no completion token/],
  ])('%s, before the update', async (_, step, words) => {
    await engine.call('startTraining', trainingOf(base.folder, { from: adapted.adapter }))
    await expect(engine.call('trainStep', step())).rejects.toThrow(words)
    const { path } = await engine.call('saveCheckpoint', { path: join(scratch, 'untouched.safetensors') })
    expect(stateOf(path, 'values/')).toEqual(adapterValues(adapted.adapter!, gqaConfig))
    expect(Object.values(stateOf(path, 'm/')).every((m) => m.every((x) => x === 0))).toBe(true)
    expect((await engine.call('startTraining', trainingOf(base.folder, { from: adapted.adapter, resume: path }))).step).toBe(0)
  })

  test('an adapter with another r, alpha or other targets than the run asks for', async () => {
    for (const change of [{ r: 8 }, { alpha: 16 }, { targets: ['q_proj', 'v_proj'] }]) {
      await expect(engine.call('startTraining', trainingOf(base.folder, { from: adapted.adapter, tuning: { ...loraTuning, ...change } as TrainingParams['tuning'] }))).rejects.toMatchObject({ code: 'bad-config', message: expect.stringContaining(adapted.adapter!) })
    }
  })

  test('a model folder that is none', async () => {
    await expect(engine.call('startTraining', trainingOf(join(scratch, 'nowhere')))).rejects.toMatchObject({ code: 'bad-model' })
    await expect(engine.call('startTraining', trainingOf(base.folder, { from: join(scratch, 'nowhere') }))).rejects.toMatchObject({ code: 'bad-model' })
  })

  test('a step without a training', async () => {
    await engine.call('endTraining', {})
    await expect(engine.call('trainStep', stepOf({}))).rejects.toMatchObject({ code: 'engine-died' })
  })
})

describe('beside other work', () => {
  test('training goes on after many other models were scored', async () => {
    const steps = [[sftBatch(sequences.slice(0, 4))], [sftBatch(sequences.slice(4, 8))]]
    const alone = await train(trainingOf(base.folder, { objective: sft }), steps, 'alone')
    await engine.call('startTraining', trainingOf(base.folder, { objective: sft }))
    await engine.call('trainStep', { microBatches: steps[0]!, learningRate: 1e-3 })
    for (const name of ['headdim', 'mha-untied', 'gqa-biased']) await score(engine, golden(name), sequences.slice(0, 1))
    await engine.call('trainStep', { microBatches: steps[1]!, learningRate: 1e-3 })
    expect((await engine.call('saveModel', { folder: join(scratch, 'beside') })).sha256).toBe(alone.sha256)
  })

  test('an adapter saved where another lay is read anew', async () => {
    const folder = await writeRandomModel('small', smallConfig, 2)
    const few: Sequence[] = randomSequences(4, 32)
    const steps = Array.from({ length: 6 }, () => [sftBatch(few)])
    const once = async (learningRate: number) => {
      const adapter = join((await train(trainingOf(folder, { objective: sft }), steps, 'same-place', learningRate)).path, '..')
      const logps = await score(engine, { folder, adapter }, few)
      return { logps, texts: textsOf(await engine.call('sample', sampling({ folder, adapter }, [[3, 4, 5]], { samplingTemperature: 1, rows: [0, 1, 2, 3].map((i) => ({ prompt: 0, key: [i] })) }))) }
    }
    const first = await once(1e-2)
    const second = await once(5e-2)
    expect(second.logps).not.toEqual(first.logps)
    expect(second.texts).not.toEqual(first.texts)
    expect(await once(1e-2)).toEqual(first)
  })
})
