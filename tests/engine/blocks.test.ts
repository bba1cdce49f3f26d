/** Embedding and head in blocks of rows through the engine process: scored, sampled, trained, saved and resumed as in one. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Footprint, MicroBatch, ModelRef, Place, TrainingParams, TrainStepResult } from '../../main/engine/protocol.ts'
import { readAdapter } from '../../native-models/weights/adapter.ts'
import { closeCheckpoint, openCheckpoint } from '../../native-models/weights/checkpoint.ts'
import type { JsonObject } from '../../native-models/weights/files.ts'
import { readMerged } from '../../native-models/weights/merge.ts'
import { openSafetensors } from '../../native-models/weights/safetensors.ts'
import type { Device } from '../../preload/contract/domain.ts'
import { Goldens, completionEntries, expectAllClose, expectClose, goldenJson, goldenPath, loadModel, realLogits, rowsOf } from '../golden/fixtures.ts'
import { swiftshaderEnv, swiftshaderRuns } from '../swiftshader.ts'
import { type Caller, adapterValues, dpoBatch, loraTuning, optimiser, place, randomSequences, sampling, score, scratch, sequenceOf, sftBatch, startEngine, stateOf, textsOf, trainingOf } from './fixture.ts'

/** The goldens' tables are 96 rows of 128 bytes: six blocks. */
const inSix = { CREAMERY_BLOCK_BYTES: '2048' }
/** Of one block's: tests/golden/blocks.test.ts says why not 1e-6. */
const GRADIENT = 2e-6
const one = startEngine()
const six = startEngine({ env: inSix })

const names = ['llama/gqa-tied', 'llama/llama3-rope', 'families/gemma2', 'families/gemma3', 'families/phi3-window']
const modelOf = (name: string, adapter = false): ModelRef => ({ folder: goldenPath(name), adapter: adapter ? goldenPath(`${name}/adapter`) : null })
const goldensOf = (name: string): Goldens => new Goldens(`${name}/golden.safetensors`)
const greedyOf = (name: string) => goldenJson<{ cases: { prompt: number[]; completion: number[] }[] }>(name.startsWith('llama/') ? `greedy/${name.slice(6)}.json` : `${name}/greedy.json`).cases
const flat = (lists: readonly Float32Array[]): number[] => lists.flatMap((list) => Array.from(list))
/** The large ε keeps an update as near as its gradients are: with a small one AdamW takes steps of full length along last bits. */
const smooth = { ...optimiser, epsilon: 1e-2, maxGradNorm: 1e9 }
const fullSft = (name: string, where: Place = place()): TrainingParams => ({ ...trainingOf(modelOf(name).folder, { tuning: { kind: 'full' }, objective: { kind: 'sft' }, optimiser: smooth }), ...where })
const loraDpo = (name: string, where: Place = place()): TrainingParams => ({ ...trainingOf(modelOf(name).folder, { from: modelOf(name, true).adapter, optimiser: smooth }), ...where })

interface Trained {
  readonly steps: readonly TrainStepResult[]
  /** After the first step. */
  readonly checkpoint: string
  /** After the second. */
  readonly sha256: string
  readonly path: string
}

async function train(on: Caller, params: TrainingParams, batch: MicroBatch, name: string): Promise<Trained> {
  await on.call('startTraining', params)
  const step = () => on.call('trainStep', { microBatches: [batch], learningRate: 1e-3 })
  const first = await step()
  const { path: checkpoint } = await on.call('saveCheckpoint', { path: join(scratch, `${name}.safetensors`) })
  return { steps: [first, await step()], checkpoint, ...(await finish(on, name)) }
}

async function finish(on: Caller, name: string): Promise<{ sha256: string; path: string }> {
  const saved = await on.call('saveModel', { folder: join(scratch, name) })
  await on.call('endTraining', {})
  return saved
}

/** The second step, from a checkpoint. */
async function resume(on: Caller, params: TrainingParams, { checkpoint }: Trained, batch: MicroBatch, name: string): Promise<{ sha256: string; path: string }> {
  expect(await on.call('startTraining', { ...params, resume: checkpoint })).toMatchObject({ step: 1 })
  await on.call('trainStep', { microBatches: [batch], learningRate: 1e-3 })
  return finish(on, name)
}

/** After one step m = (1 − β₁)·g. */
const gradientOf = ({ checkpoint }: Trained, times: number): Record<string, Float32Array> => Object.fromEntries(Object.entries(stateOf(checkpoint, 'm/')).map(([name, m]) => [name, m.map((x) => x * 10 * times)]))

function headerOf(path: string): unknown[] {
  const file = openSafetensors(path)
  file.close()
  return [...file.tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])
}

/** What a merged export holds of a base and a trained adapter, by tensor. */
function mergedWith(name: string, { path }: Trained): Record<string, Float32Array> {
  const base = openCheckpoint(modelOf(name).folder)
  try {
    const adapter = readAdapter(join(path, '..'), base.config)
    return Object.fromEntries([...base.tensors].map(([tensor, { shape }]) => [tensor, readMerged(base, adapter, tensor, [0, shape[0]!])]))
  } finally {
    closeCheckpoint(base)
  }
}

function expectSameTraining(mine: Trained, theirs: Trained, what: string): void {
  mine.steps.forEach((step, i) => {
    expectClose([step.loss, ...step.pairs.map((pair) => pair.loss)], [theirs.steps[i]!.loss, ...theirs.steps[i]!.pairs.map((pair) => pair.loss)], 1e-6, `${what} loss ${i}`)
    expectClose([step.gradNorm], [theirs.steps[i]!.gradNorm], GRADIENT, `${what} grad_norm ${i}`)
  })
  expect(headerOf(mine.checkpoint)).toEqual(headerOf(theirs.checkpoint))
  expectAllClose(gradientOf(mine, 1), gradientOf(theirs, 1), GRADIENT, `${what} gradient`)
}

describe.each(names)('%s', (name) => {
  const goldens = goldensOf(name)
  const rows = rowsOf(goldens)
  const sequences = rows.map(sequenceOf)
  const prompts = greedyOf(name).map(({ prompt }) => prompt)

  test('is scored as transformers and PEFT do, each sequence to the last bit as when it is alone', async () => {
    for (const [adapter, key] of [[false, 'logps'], [true, 'lora.logps']] as const) {
      const together = await score(six, modelOf(name, adapter), sequences)
      expectClose(flat(together), completionEntries(goldens.get(key), rows), 3e-6, `${name} ${key}`)
      expectClose(flat(together), flat(await score(one, modelOf(name, adapter), sequences)), 1e-6, `${name} ${key} in one block`)
      for (const [i, alone] of sequences.entries()) expect(await score(six, modelOf(name, adapter), [alone])).toEqual([together[i]])
    }
  })

  test('has transformers’ logits, block after block of the head', async () => {
    const asked = { ...place(), model: modelOf(name, true), sequences: rows.map(({ tokens }) => Int32Array.from(tokens)) }
    const { logits } = await six.call('logits', asked)
    expectClose(flat(logits), realLogits(goldens.get('lora.logits'), rows), 1e-5, `${name} lora.logits`)
    expectClose(flat(logits), flat((await one.call('logits', asked)).logits), 1e-6, `${name} logits in one block`)
  })

  test('writes transformers’ text, and draws what one block draws', async () => {
    expect(textsOf(await six.call('sample', sampling(modelOf(name), prompts)))).toEqual(greedyOf(name).map(({ completion }) => completion))
    const drawn = sampling(modelOf(name, true), prompts, { samplingTemperature: 0.9, topP: 0.95 })
    expect(textsOf(await six.call('sample', drawn))).toEqual(textsOf(await one.call('sample', drawn)))
  })

  test('is tuned in full, resumed and saved as in one block, with transformers’ gradients', async () => {
    const batch = sftBatch(sequences)
    const id = name.replace('/', '-')
    const [mine, theirs] = [await train(six, fullSft(name), batch, `six-full-${id}`), await train(one, fullSft(name), batch, `one-full-${id}`)]
    expectAllClose(gradientOf(mine, 26), goldens.under('grad.'), 3e-5, `${name} gradient`) // the golden's loss is a sum over 26 tokens
    expectSameTraining(mine, theirs, `${name} full`)
    const weights = loadModel(theirs.path).weights
    expect(headerOf(join(mine.path, 'model.safetensors'))).toEqual(headerOf(join(theirs.path, 'model.safetensors')))
    expect(readFileSync(join(mine.path, 'config.json'))).toEqual(readFileSync(join(theirs.path, 'config.json')))
    expectAllClose(loadModel(mine.path).weights, weights, 1e-6, `${name} trained weights`)

    expect((await resume(six, fullSft(name), mine, batch, `six-resumed-${id}`)).sha256).toBe(mine.sha256)
    expectAllClose(loadModel((await resume(one, fullSft(name), mine, batch, `one-resumed-${id}`)).path).weights, weights, 1e-6, `${name} resumed in one block`)
  })

  test('is aligned by LoRA as in one block: ln 2 at first to the last bit, then the same gradients and adapter', async () => {
    const id = name.replace('/', '-')
    const four = randomSequences(4, 96)
    const batchOn = async (on: Caller) => dpoBatch(four, await score(on, modelOf(name, true), four), [0.8, 0.3])
    const mine = await train(six, loraDpo(name), await batchOn(six), `six-lora-${id}`)
    expect(mine.steps[0]!.pairs.map(({ loss }) => loss)).toEqual([Math.fround(Math.LN2), Math.fround(Math.LN2)])
    const theirs = await train(one, loraDpo(name), await batchOn(one), `one-lora-${id}`)
    expectSameTraining(mine, theirs, `${name} lora`)
    const config = goldenJson<JsonObject>(`${name}/config.json`)
    expectAllClose(adapterValues(join(mine.path, '..'), config), adapterValues(join(theirs.path, '..'), config), 1e-6, `${name} adapter`)
    expectAllClose(mergedWith(name, mine), mergedWith(name, theirs), 1e-6, `${name} merged`)
    expect((await resume(six, loraDpo(name), mine, await batchOn(six), `six-lora-resumed-${id}`)).sha256).toBe(mine.sha256)
  })
})

test.each([{ kind: 'full' as const }, loraTuning])('what memory is estimated by counts the same weights in smaller pieces, and the graphs in blocks ($kind)', async (tuning) => {
  const shape = { rows: 4, length: 32, positions: 64 }
  const asked = { folder: modelOf('llama/llama3-rope').folder, tuning, device: 'cpu' as const, weights: 'fp32' as const, scoring: [shape], training: [{ objective: { kind: 'sft' as const }, shape }], sampling: [{ rows: 4, prompts: 2, promptLength: 16, capacity: 32 }] }
  const [mine, theirs] = [await six.call('footprint', asked), await one.call('footprint', asked)]
  for (const count of ['parameters', 'trainable', 'head', 'layers'] as const) expect(mine[count], count).toBe(theirs[count])
  expect([mine.largestTensor, theirs.largestTensor]).toEqual([64 * 32, 96 * 32]) // a layer's, and the table
  const nodesOf = ({ scoring, training, sampling }: Footprint): number[] => [...scoring, ...training, ...sampling.flatMap(({ prefill, decode }) => [prefill, decode])].map(({ nodes }) => nodes)
  nodesOf(mine).forEach((nodes, i) => expect(nodes).toBeGreaterThan(nodesOf(theirs)[i]!))
})

test.each(['0', '-1', '1e6', 'half', ''])('a limit of "%s" bytes is refused by name', async (given) => {
  await expect(score(startEngine({ env: { CREAMERY_BLOCK_BYTES: given } }), modelOf(names[0]!), randomSequences(1, 96))).rejects.toMatchObject({ code: 'bad-config', message: expect.stringContaining(`CREAMERY_BLOCK_BYTES is "${given}"`) })
})

describe.runIf(swiftshaderRuns)('on SwiftShader', () => {
  const gpu = startEngine({ env: { ...swiftshaderEnv(), ...inSix } })
  const there = place('webgpu')

  test.each(names)('%s: text, log-probabilities, full gradients and DPO steps', async (name) => {
    const cases = greedyOf(name)
    expect(textsOf(await gpu.call('sample', sampling(modelOf(name), cases.map(({ prompt }) => prompt), { ...there, maxNewTokens: 20 })))).toEqual(cases.map(({ completion }) => completion.slice(0, 20)))
    await gpu.call('endSampling', {})

    const goldens = goldensOf(name)
    const rows = rowsOf(goldens)
    const sequences = rows.map(sequenceOf)
    expectClose(flat(await score(gpu, modelOf(name, true), sequences, there)), completionEntries(goldens.get('lora.logps'), rows), 1e-5, `${name} lora.logps`)

    const full = await train(gpu, fullSft(name, there), sftBatch(sequences), `gpu-full-${name.replace('/', '-')}`)
    expectAllClose(gradientOf(full, 26), goldens.under('grad.'), 1e-4, `${name} gradient`)

    const four = randomSequences(4, 96)
    const onDevice = async (on: Caller, device: Device, id: string): Promise<Trained> => train(on, loraDpo(name, place(device)), dpoBatch(four, await score(on, modelOf(name, true), four, place(device)), [0.8, 0.3]), `${id}-${name.replace('/', '-')}`)
    const [mine, theirs] = [await onDevice(gpu, 'webgpu', 'gpu-lora'), await onDevice(one, 'cpu', 'cpu-lora')]
    expectAllClose(gradientOf(mine, 1), gradientOf(theirs, 1), 1e-4, `${name} DPO gradient`)
    expectClose([mine.steps[1]!.loss], [theirs.steps[1]!.loss], 1e-5, `${name} DPO loss`)
  }, 240_000)
})
