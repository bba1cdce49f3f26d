/** A real (if small) model from the shared assets against an independent float64 implementation in NumPy. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { batchOf, expectClose, gradientsOf, loadModel, runTraining } from './fixtures.ts'
import { logitsGraph } from './logits-graph.ts'
import { scoringGraph } from '../../native-models/training/graphs.ts'
import { runGraph } from '../run-graph.ts'

interface Case {
  readonly text: string
  readonly input_ids: number[]
  readonly mean_ce: number
  readonly token_nll: number[]
  readonly last_logits_first16: number[]
  readonly last_argmax: number
  readonly top5: [number, number][]
  readonly logsumexp_last: number
  readonly logit_abs_sum: number
}
interface Golden {
  readonly cases: [Case, ...Case[]]
  /** [tensor, flat index, d(mean cross-entropy of case 0)/d(weight)]. */
  readonly grad_samples_mean_ce_case0: [string, number, number][]
}

const folder = fileURLToPath(new URL('../../../shared/assets/models/stories260K', import.meta.url))
const isThere = existsSync(`${folder}/golden.json`)
if (!isThere) console.warn('stories260K is not in ../shared/assets/models: its parity tests are skipped')

describe.skipIf(!isThere)('stories260K', () => {
  const { cases, grad_samples_mean_ce_case0: samples } = isThere ? (JSON.parse(readFileSync(`${folder}/golden.json`, 'utf8')) as Golden) : { cases: [], grad_samples_mean_ce_case0: [] }
  const { spec, weights } = isThere ? loadModel(folder) : ({} as ReturnType<typeof loadModel>)

  it.each(cases)('logits: $text', async (one) => {
    const { bucket, feeds } = batchOf([{ tokens: one.input_ids, start: 1 }])
    const logits = (await runGraph(logitsGraph(spec, 1, bucket.length), { ...weights, ...feeds }))['logits'] as Float32Array
    const last = Array.from(logits.slice(-spec.config.vocabSize))
    expectClose(last.slice(0, 16), one.last_logits_first16, 1e-4, 'first 16 logits')
    expectClose(one.top5.map(([token]) => last[token]!), one.top5.map(([, logit]) => logit), 1e-4, 'best 5 logits')
    expect(last.indexOf(Math.max(...last))).toBe(one.last_argmax)
    expectClose([logits.reduce((sum, logit) => sum + Math.abs(logit), 0)], [one.logit_abs_sum], 1e-5, 'Σ|logit|')
    expectClose([Math.log(last.reduce((sum, logit) => sum + Math.exp(logit), 0))], [one.logsumexp_last], 1e-5, 'log Σ exp')
  })

  it.each(cases)('log-probs: $text', async (one) => {
    const { bucket, feeds } = batchOf([{ tokens: one.input_ids, start: 1 }])
    const { logps } = await runGraph(scoringGraph(spec, bucket), { ...weights, ...feeds })
    expectClose(logps!, one.token_nll.map((nll) => -nll), 1e-5, 'logps')
  })

  it('gradients of the mean cross-entropy', async () => {
    const { bucket, feeds } = batchOf([{ tokens: cases[0]!.input_ids, start: 1 }])
    const results = await runTraining(spec, { kind: 'sft' }, bucket, { ...weights, ...feeds, scale: 1 / bucket.positions })
    expectClose(results['loss']!, [cases[0]!.mean_ce], 1e-5, 'mean cross-entropy')
    const gradients = gradientsOf(results)
    expect(samples.length).toBeGreaterThan(20)
    expectClose(samples.map(([name, at]) => gradients[name]![at]!), samples.map(([, , gradient]) => gradient), 1e-4, 'sampled gradients')
  })
})
