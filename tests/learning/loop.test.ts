/**
 * The loop learns, in the right direction: the demo's model, data and settings through the real pipeline, three seeds.
 * Every seed samples, scores and ranks once; what follows is branched from there. The seeds run side by side, on one
 * thread each: faster for so small a model, and the same numbers however many cores there are.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { choosePair, distinctResponses } from '../../main/cream/pairs.ts'
import { dpoLogit } from '../../main/cream/loss.ts'
import { extractExact } from '../../main/evaluate/answers.ts'
import { compareItems } from '../../main/evaluate/scoring.ts'
import { loadConfig } from '../../main/pipeline/config.ts'
import { type RunContext, configOf, dbOf } from '../../main/pipeline/context.ts'
import { type ModelReport, reportRun } from '../../main/pipeline/report.ts'
import { iterationId } from '../../main/store/ids.ts'
import { promptsOf } from '../../main/store/prompts.ts'
import { type Response, responsesOf } from '../../main/store/responses.ts'
import type { RunConfig } from '../../preload/contract/config.ts'
import { branchRun, logpsUnder, makeScratch, mean, model, pool, readFrom, runId, sampleFrom, sharesOf, standardError, startRun } from './fixture.ts'

const seeds = [1, 2, 3]
// Engines run at low priority: on a busy computer they wait.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const scratch = makeScratch()
afterAll(scratch.remove)

const config = (seed: number): RunConfig => loadConfig({ preset: 'demo', overrides: { seed, threads: 1, iterations: 1, data: { promptsLimit: 600 } } })
const ranked = (seed: number): string => scratch.at(`ranked-${seed}`)
const oracle = (negate: boolean) => (settings: RunConfig): RunConfig => ({ ...settings, method: 'oracle', oracle: { rewards: 'answers', negate } })

let reports: ModelReport[][]
let responses: Response[][]
beforeAll(async () => {
  await Promise.all(seeds.map((seed) => startRun(ranked(seed), config(seed), 'rank')))
  reports = seeds.map((seed) => readFrom(ranked(seed), (db) => reportRun(db, runId)))
  responses = seeds.map((seed) => readFrom(ranked(seed), (db) => responsesOf(db, iterationId(runId, 1))))
})

const accuracyOf = (report: readonly ModelReport[], name: string) => report.find((one) => one.model === name)!.tasks['all']!
const overSeeds = (figure: (report: readonly ModelReport[]) => number): number => mean(reports.map(figure))

describe('the bundled model', () => {
  test('has head-room: M0 is right in 30 to 75 % of the questions by its first choice, and less often when it samples', () => {
    for (const report of reports) {
      const { greedy, sampled } = accuracyOf(report, 'M0')
      expect(greedy!.accuracy).toBeGreaterThan(0.3)
      expect(greedy!.accuracy).toBeLessThan(0.75)
      expect(sampled!.accuracy).toBeLessThan(greedy!.accuracy)
    }
  })

  test('is better after SFT, which leaves the implicit reward informative', () => {
    expect(overSeeds((report) => accuracyOf(report, 'M1').sampled!.accuracy)).toBeGreaterThan(overSeeds((report) => accuracyOf(report, 'M0').sampled!.accuracy))
    for (const report of reports) expect(report.find((one) => one.model === 'M1')!.judged!.rewardAccuracy).toBeGreaterThan(0.6)
  })

  test('answers variously: two different answers or more to 60 % of the prompts', () => {
    for (const rows of responses) {
      const answers = [...Map.groupBy(rows, ({ promptId }) => promptId).values()].map((same) => new Set(same.map(({ text }) => extractExact(text))).size)
      expect(answers).toHaveLength(600)
      expect(answers.filter((count) => count >= 2).length / answers.length).toBeGreaterThan(0.6)
    }
  })
})

describe('one round', () => {
  /** Sampled accuracy of M2 − of M1 on the same questions, pooled over the seeds. */
  async function gain(name: string, change: (settings: RunConfig) => RunConfig) {
    const folder = (seed: number): string => scratch.at(`${name}-${seed}`)
    await Promise.all(seeds.map((seed) => branchRun(ranked(seed), folder(seed), change)))
    const [before, after] = ['M1', 'M2'].map((one) => pool(seeds.map((seed) => readFrom(folder(seed), (db) => sharesOf(db, model(one), 'sampled')))))
    return compareItems(before!, after!)
  }

  test('with rewards from the answers makes M2 better than M1, beyond two standard errors', async () => {
    const { z, items } = await gain('oracle', oracle(false))
    expect(items).toBe(400)
    expect(z).toBeGreaterThan(2)
  })

  test('with those rewards negated makes M2 worse, beyond two standard errors', async () => {
    const { z } = await gain('negated', oracle(true))
    expect(z).toBeLessThan(-2)
  })

  test('of self-rewarding raises the reward margin on prompts that were never trained on', async () => {
    const settings = (one: RunConfig): RunConfig => ({ ...one, method: 'srlm', data: { ...one.data, evaluation: [] } })
    const margins = (await branchRun(ranked(seeds[0]!), scratch.at('srlm'), settings, heldOutMargins))!
    expect(margins.length).toBeGreaterThan(150)
    expect(mean(margins) / standardError(margins)).toBeGreaterThan(2)
  })
})

/** β[log π_2/π_1 (chosen) − log π_2/π_1 (rejected)] of M1's answers to unseen prompts, paired by r_1 = log π_1/π_0. */
async function heldOutMargins(context: RunContext): Promise<number[]> {
  const { data, dpo: { beta }, pairs: { chooseTruncated } } = configOf(context)
  const trained = promptsOf(dbOf(context), runId, 1).length
  const { taken } = await context.sandbox.readPrompts(data.prompts)
  const encoded = await context.text.encodePrompts(taken.slice(trained, trained + 300).map(({ prompt }) => prompt))
  const sampled = await sampleFrom(context, model('M1'), encoded.map((one) => Int32Array.from('ids' in one ? one.ids : [])))

  const distinct = [...Map.groupBy(sampled, ({ prompt }) => prompt).values()].flatMap((same) => distinctResponses(same).map(({ response }) => response))
  const [m0, m1, m2] = await logpsUnder(context, [model('M0'), model('M1'), model('M2')], distinct.map(({ sequence }) => sequence))
  const judged = distinct.map((response, i) => ({ ...response, reward: m1![i]! - m0![i]!, side: { logps: m2![i]!, refLogps: m1![i]! } }))
  return [...Map.groupBy(judged, ({ prompt }) => prompt).values()].flatMap((same) => {
    const outcome = choosePair(same, { tolerance: 0, chooseTruncated })
    return outcome.kind === 'pair' ? [dpoLogit(beta, outcome.chosen.side, outcome.rejected.side)] : []
  })
}
