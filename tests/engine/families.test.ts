/** Every family through the engine process: scoring, greedy text with the cache it grows, full fine-tuning; and WebGPU against the CPU. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ModelRef } from '../../main/engine/protocol.ts'
import { Goldens, completionEntries, expectAllClose, expectClose, goldenJson, goldenPath, realLogits, rowsOf } from '../golden/fixtures.ts'
import { swiftshaderEnv, swiftshaderRuns } from '../swiftshader.ts'
import { type Caller, optimiser, place, sampling, score, scratch, sequenceOf, sftBatch, startEngine, stateOf, textsOf, trainingOf } from './fixture.ts'

interface Greedy {
  readonly cases: readonly { readonly prompt: number[]; readonly completion: number[] }[]
}

const names = readdirSync(goldenPath('families')).sort()
const modelOf = (name: string, adapter = false): ModelRef => ({ folder: goldenPath(`families/${name}`), adapter: adapter ? goldenPath(`families/${name}/adapter`) : null })
const goldensOf = (name: string): Goldens => new Goldens(`families/${name}/golden.safetensors`)
const flat = (lists: readonly Float32Array[]): number[] => lists.flatMap((list) => Array.from(list))
const engine = startEngine()

describe.each(names)('%s', (name) => {
  const goldens = goldensOf(name)
  const rows = rowsOf(goldens)
  const sequences = rows.map(sequenceOf)
  const { cases } = goldenJson<Greedy>(`families/${name}/greedy.json`)
  const prompts = cases.map(({ prompt }) => prompt)

  test('scores as transformers and PEFT do', async () => {
    for (const [adapter, key] of [[false, 'logps'], [true, 'lora.logps']] as const) {
      expectClose(flat(await score(engine, modelOf(name, adapter), sequences)), completionEntries(goldens.get(key), rows), 3e-6, `${name} ${key}`)
    }
  }, 60_000)

  test('read layer by layer, has the logits of transformers and PEFT', async () => {
    for (const [adapter, key] of [[false, 'logits'], [true, 'lora.logits']] as const) {
      const { logits } = await engine.call('logits', { ...place(), model: modelOf(name, adapter), sequences: rows.map(({ tokens }) => Int32Array.from(tokens)) })
      expectClose(flat(logits), realLogits(goldens.get(key), rows), 1e-5, `${name} ${key}`)
    }
  })

  test('samples greedily what transformers does, and with a merged adapter what the adapter finds likeliest', async () => {
    expect(textsOf(await engine.call('sample', sampling(modelOf(name), prompts)))).toEqual(cases.map(({ completion }) => completion))

    const texts = textsOf(await engine.call('sample', sampling(modelOf(name, true), prompts)))
    const every = texts.flatMap((text, i) => [3, 17, 40].map((t) => ({ prefix: [...prompts[i]!, ...text.slice(0, t)], token: text[t]! })))
    for (const { prefix, token } of every) {
      const logps = flat(await score(engine, modelOf(name, true), Array.from({ length: 96 }, (_, id) => sequenceOf({ tokens: [...prefix, id], start: prefix.length }))))
      expect(Math.max(...logps) - logps[token]!).toBeLessThanOrEqual(1e-5)
    }
  }, 120_000)

  test('is tuned in full with transformers’ gradients, and saved as its own loaders read it', async () => {
    await train(engine, name, 'cpu')
    const { path } = await engine.call('saveModel', { folder: join(scratch, name) })
    const { loss } = await engine.call('trainStep', { microBatches: [sftBatch(sequences)], learningRate: 0 })
    const logps = flat(await score(engine, { folder: path, adapter: null }, sequences))
    expectClose([-logps.reduce((a, b) => a + b, 0) / logps.length], [loss], 1e-6, `${name} nll`)
    await engine.call('endTraining', {})
  }, 60_000)
})

/** One step of full SFT on the golden's rows; its loss and gradients must be the golden's. */
async function train(on: Caller, name: string, device: 'cpu' | 'webgpu'): Promise<void> {
  const goldens = goldensOf(name)
  const objective = { kind: 'sft' as const }
  await on.call('startTraining', { ...trainingOf(modelOf(name).folder, { tuning: { kind: 'full' }, objective, optimiser: { ...optimiser, maxGradNorm: 1e9 } }), ...place(device) })
  const { loss } = await on.call('trainStep', { microBatches: [sftBatch(rowsOf(goldens).map(sequenceOf))], learningRate: 1e-4 })
  const { path } = await on.call('saveCheckpoint', { path: join(scratch, `${name}-${device}.safetensors`) })
  // After one step m = (1 − β₁)·g, and the golden's loss is a sum over 26 tokens.
  const gradient = Object.fromEntries(Object.entries(stateOf(path, 'm/')).map(([weight, m]) => [weight, m.map((x) => x * 260)]))
  expectClose([loss], [goldens.get('loss')[0]! / 26], device === 'cpu' ? 1e-6 : 1e-5, `${name} ${device} loss`)
  expectAllClose(gradient, goldens.under('grad.'), device === 'cpu' ? 3e-5 : 1e-4, `${name} ${device} gradient`)
}

describe.runIf(swiftshaderRuns)('on SwiftShader', () => {
  const gpu = startEngine({ env: swiftshaderEnv() })

  test.each(names)('%s: text with a resident cache, log-probabilities, logits and full gradients', async (name) => {
    const { cases } = goldenJson<Greedy>(`families/${name}/greedy.json`)
    const texts = textsOf(await gpu.call('sample', sampling(modelOf(name), cases.map(({ prompt }) => prompt), { ...place('webgpu'), maxNewTokens: 20 })))
    expect(texts).toEqual(cases.map(({ completion }) => completion.slice(0, 20)))
    await gpu.call('endSampling', {})

    const goldens = goldensOf(name)
    const rows = rowsOf(goldens)
    expectClose(flat(await score(gpu, modelOf(name, true), rows.map(sequenceOf), place('webgpu'))), completionEntries(goldens.get('lora.logps'), rows), 1e-5, `${name} lora.logps`)
    const { logits } = await gpu.call('logits', { ...place('webgpu'), model: modelOf(name, true), sequences: rows.map(({ tokens }) => Int32Array.from(tokens)) })
    expectClose(flat(logits), realLogits(goldens.get('lora.logits'), rows), 1e-5, `${name} lora.logits`)
    await train(gpu, name, 'webgpu')
    await gpu.call('endTraining', {})
  }, 240_000)
})
