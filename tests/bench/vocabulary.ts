/**
 * `npx node tests/bench/vocabulary.ts [--json]`
 * A random model of two layers whose (tied) embedding is 160 000 × 1024: 655 MB in fp32, beyond what one tensor may hold.
 * Opens it, scores, samples and takes a LoRA step, in blocks of rows and in one, on the CPU; says how long each takes and
 * what memory the engine has held by then, and fails unless both give the same.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { EngineHost } from '../../main/engine/host.ts'
import type { EngineCalls } from '../../main/engine/protocol.ts'
import { relativeError } from '../run-graph.ts'
import { type BenchModel, tuning, writeRandomModel } from './model.ts'

interface Measured {
  readonly blocks: string
  readonly what: string
  readonly seconds: number
  /** The engine's high-water mark when it was done, in MB. */
  readonly peakMb: number
}

const place = { device: 'cpu' as const, weights: 'fp32' as const, threads: 0 }
const idsOf = (length: number, key: number): Int32Array => Int32Array.from({ length }, (_, t) => (key * 7919 + t * 104_729) % 160_000)
const sequences = [0, 1, 2, 3].map((key) => ({ promptIds: idsOf(16, key), completionIds: idsOf(32, key + 9) }))
const shape = { rows: 4, length: 48, positions: 128 }

/** What each call took, and what scoring, sampling and training came to. */
async function measure(model: BenchModel, blocks: string, env: Record<string, string>): Promise<{ measured: Measured[]; logps: number[]; texts: string; losses: number[] }> {
  const engine = EngineHost.start({ env })
  const measured: Measured[] = []
  const timed = async <Name extends keyof EngineCalls>(what: string, name: Name, params: EngineCalls[Name]['params']): Promise<EngineCalls[Name]['result']> => {
    const began = performance.now()
    const result = await engine.call(name, params)
    const seconds = (performance.now() - began) / 1000
    measured.push({ blocks, what, seconds, peakMb: (await engine.call('memory', {})).peakRss / 1e6 })
    return result
  }
  try {
    await engine.call('hello', {})
    const ref = { folder: model.folder, adapter: model.adapter }
    const score = { ...place, models: [ref], sequences, shape }
    await timed('open and score', 'score', score)
    const { perTokenLogps: [logps] } = await timed('score again', 'score', score)
    const training = { ...place, folder: model.folder, tuning, from: model.adapter, objective: { kind: 'sft' as const }, optimiser: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 1 }, seed: 1, resume: null }
    await engine.call('startTraining', training)
    const { loss, gradNorm } = await timed('LoRA step', 'trainStep', { microBatches: [{ sequences, shape }], learningRate: 1e-4 })
    await engine.call('endTraining', {})
    const sampling = { ...place, model: ref, prompts: [idsOf(16, 3), idsOf(12, 4)], rows: [0, 0, 1, 1].map((prompt, row) => ({ prompt, key: [row] })), shape: { rows: 4, prompts: 2, promptLength: 16, capacity: 48 }, seed: 1, samplingTemperature: 0, topP: 1, topK: 0, maxNewTokens: 16, eosIds: [], stream: false }
    await timed('merge and sample', 'sample', sampling)
    const { completions } = await timed('sample again', 'sample', sampling)
    return { measured, logps: logps!.flatMap((list) => Array.from(list)), texts: completions.map(({ ids }) => ids.join()).join('\n'), losses: [loss, gradNorm] }
  } finally {
    await engine.close()
  }
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const folder = mkdtempSync(join(tmpdir(), 'creamery-vocabulary-'))
try {
  const model = await writeRandomModel('large-vocabulary', folder)
  const [two, one] = [await measure(model, 'two', {}), await measure(model, 'one', { CREAMERY_BLOCK_BYTES: String(2 ** 30) })]
  assert(relativeError(two.logps, one.logps) < 1e-6, 'log-probabilities differ')
  assert(relativeError(two.losses, one.losses) < 2e-6, 'losses differ')
  assert.equal(two.texts, one.texts)
  const measured = [...two.measured, ...one.measured]
  if (values.json) console.log(JSON.stringify(measured))
  else for (const { blocks, what, seconds, peakMb } of measured) console.log(`${blocks.padEnd(4)} ${what.padEnd(18)} ${seconds.toFixed(1).padStart(6)} s  ${peakMb.toFixed(0).padStart(5)} MB`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
