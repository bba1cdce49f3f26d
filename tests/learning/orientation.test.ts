/**
 * Which way round: chosen and rejected, J and K, policy, previous, reference and base, read off the rows of a small run.
 * Each expectation is worked out here from what was sampled and from the engine's own log-probabilities.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { shapeOf } from '../../main/engine/batches.ts'
import type { TrainingParams } from '../../main/engine/protocol.ts'
import { loadConfig } from '../../main/pipeline/config.ts'
import { type RunContext, configOf, dbOf, modelRef, placeOf } from '../../main/pipeline/context.ts'
import type { Database } from '../../main/store/database.ts'
import { iterationId, rankingSetId, stageId } from '../../main/store/ids.ts'
import { type Iteration, iterationsOf } from '../../main/store/iterations.ts'
import { modelsOf } from '../../main/store/models.ts'
import { type Pair, pairsOf, skipsOf } from '../../main/store/pairs.ts'
import { promptsOf } from '../../main/store/prompts.ts'
import { consistenciesOf, rankingSetOf, rankingsOf } from '../../main/store/rankings.ts'
import { type Response, responsesOf } from '../../main/store/responses.ts'
import { type Score, scoresOf } from '../../main/store/scores.ts'
import { trainingStepsOf } from '../../main/store/training.ts'
import { branchRun, logpsUnder, lookInto, makeScratch, mean, model, readFrom, runId, startRun, sumOf } from './fixture.ts'

// Engines run at low priority: on a busy computer they wait.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const scratch = makeScratch()
const [ranked, whole] = [scratch.at('ranked'), scratch.at('whole')]
afterAll(scratch.remove)

/** Prompts of an iteration. */
const share = 64

/**
 * Two iterations of 64 prompts: in the second one policy, previous and base are three different models. Learning rates
 * are high, so that the models lie well apart and the judges do not always agree.
 */
const config = loadConfig({ preset: 'ci', overrides: { threads: 1, data: { sftLimit: 512, promptsLimit: 2 * share, evaluation: [] }, sft: { learningRate: 2e-3 }, sampling: { responses: 6, samplingTemperature: 1.5, topP: 1 }, dpo: { learningRate: 1e-3 } } })
beforeAll(async () => {
  await startRun(ranked, config, 'rank')
  await branchRun(ranked, whole, (settings) => settings)
})

const set = (t: number): string => rankingSetId(iterationId(runId, t))

const iterationAt = (db: Database, t: number): Iteration => iterationsOf(db, runId).find((one) => one.t === t)!
const stored = (db: Database, responseId: string, modelId: string): Score => scoresOf(db, responseId).find((one) => one.modelId === modelId)!
/** log π_θ − log π_0 of a stored response, θ by name. */
const logRatio = (db: Database, id: string, name: string): number => stored(db, id, model(name)).logps - stored(db, id, model('M0')).logps
const meanLogps = (db: Database, id: string, name: string): number => stored(db, id, model(name)).meanLogps

describe('the models of an iteration', () => {
  test('M_t samples and becomes M_{t+1}; M_{t−1} is the previous judge, M0 the base throughout', () => {
    readFrom(whole, (db) => {
      const names = (t: number) => Object.values((({ policyModelId, previousModelId, baseModelId, producedModelId }) => ({ policyModelId, previousModelId, baseModelId, producedModelId }))(iterationAt(db, t)))
      expect(names(0)).toEqual([model('M0'), null, model('M0'), model('M1')])
      expect(names(1)).toEqual([model('M1'), model('M0'), model('M0'), model('M2')])
      expect(names(2)).toEqual([model('M2'), model('M1'), model('M0'), model('M3')])
      expect(modelsOf(db, runId).map(({ name, parentId }) => [name, parentId])).toEqual([['M0', null], ['M1', model('M0')], ['M2', model('M1')], ['M3', model('M2')]])
    })
  })

  test('a response comes from the policy: the engine repeats it from M_t, and not from M_{t−1}', async () => {
    await lookInto(whole, async (context) => {
      const db = dbOf(context)
      for (const [t, policy, previous] of [[1, 'M1', 'M0'], [2, 'M2', 'M1']] as const) {
        const prompts = promptsOf(db, runId, t)
        const texts = responsesOf(db, iterationId(runId, t)).map(({ text }) => text)
        expect(await repeat(context, t, model(policy), prompts)).toEqual(texts)
        expect(await repeat(context, t, model(previous), prompts)).not.toEqual(texts)
      }
    })
  })

  test('a stored score is of the model it names', async () => {
    await lookInto(whole, async (context) => {
      const db = dbOf(context)
      for (const [t, names] of [[1, ['M1', 'M0']], [2, ['M2', 'M1', 'M0']]] as const) {
        const responses = responsesOf(db, iterationId(runId, t)).slice(0, 20)
        const prompts = new Map(promptsOf(db, runId, t).map(({ id, tokenIds }) => [id, tokenIds]))
        const sequences = responses.map(({ promptId, tokenIds }) => ({ promptIds: prompts.get(promptId)!, completionIds: tokenIds }))
        const found: number[][] = []
        for (const name of names) found.push((await logpsUnder(context, [model(name)], sequences))[0]!)
        names.forEach((name, m) => responses.forEach(({ id }, i) => expect(stored(db, id, model(name)).logps).toBeCloseTo(found[m]![i]!, 4)))
        // A mix-up of two models would show: their numbers are further apart than what counts as equal.
        for (const [m, other] of [[0, 1], [names.length - 2, names.length - 1]] as const) expect(mean(responses.map((_, i) => Math.abs(found[m]![i]! - found[other]![i]!)))).toBeGreaterThan(0.01)
      }
    })
  })
})

describe('the two judges', () => {
  test.each([
    { t: 1, current: meanLogps, previous: meanLogps, names: ['M1', 'M0'] as const },
    { t: 2, current: logRatio, previous: logRatio, names: ['M2', 'M1'] as const },
  ])('of iteration $t: J is by the policy, K by the previous model', ({ t, current, previous, names: [policy, before] }) => {
    readFrom(whole, (db) => {
      expect(rankingSetOf(db, set(t))).toMatchObject({ currentModelId: model(policy), previousModelId: model(before) })
      const rankings = Map.groupBy(rankingsOf(db, set(t)), ({ judge }) => judge)
      expect(rankings.get('current')).toHaveLength(share)
      expect(rankings.get('previous')).toHaveLength(share)
      for (const { rewards, ordering } of rankings.get('current')!) checkRanking(rewards, ordering, (id) => current(db, id, policy))
      for (const { rewards, ordering } of rankings.get('previous')!) checkRanking(rewards, ordering, (id) => previous(db, id, before))
      // They are told apart: J's numbers are not K's.
      const [j, k] = ['current', 'previous'].map((judge) => rankings.get(judge as 'current')!.flatMap(({ rewards }) => rewards.map(({ reward }) => reward)))
      expect(mean(j!.map((value, i) => Math.abs(value - k![i]!)))).toBeGreaterThan(0.001)
    })
  })

  test('C is (tau-b + 1) / 2 of the two, prompt by prompt, and labels that prompt’s pair', () => {
    readFrom(whole, (db) => {
      for (const t of [1, 2]) {
        const { currentTolerance, previousTolerance } = rankingSetOf(db, set(t))!
        const rankings = Map.groupBy(rankingsOf(db, set(t)), ({ promptId }) => promptId)
        const expected = new Map([...rankings].map(([promptId, both]) => {
          const of = (judge: 'current' | 'previous') => both.find((one) => one.judge === judge)!.rewards
          const tau = tauB(of('current').map(({ reward }) => reward), of('previous').map(({ reward }) => reward), currentTolerance, previousTolerance)
          return [promptId, Number.isNaN(tau) ? null : (tau + 1) / 2]
        }))
        const known = [...expected.values()].filter((c) => c !== null)
        expect(new Set(known).size).toBeGreaterThan(2)
        for (const { promptId, consistency } of consistenciesOf(db, set(t))) expectNear(consistency, expected.get(promptId)!)
        for (const { promptId, consistency } of pairsOf(db, set(t))) expectNear(consistency, Math.max(0.5, expected.get(promptId) ?? mean(known)))
      }
    })
  })
})

describe('chosen and rejected', () => {
  test.each([[1, 'M1'], [2, 'M2']] as const)('of iteration %i: r by %s is highest for chosen, among what ended, and lowest for rejected', (t, policy) => {
    readFrom(whole, (db) => {
      const responses = Map.groupBy(responsesOf(db, iterationId(runId, t)), ({ promptId }) => promptId)
      const pairs = pairsOf(db, set(t))
      expect(pairs.length + skipsOf(db, set(t)).length).toBe(share)
      expect(pairs.length).toBeGreaterThan(share / 4)
      for (const { promptId, chosenId, rejectedId, margin } of pairs) {
        // Of equal texts the first counts, one that ended before one that was cut off: their tokens may differ.
        const sampled = responses.get(promptId)!
        const standing = [...Map.groupBy(sampled, ({ text }) => text).values()].map((same) => same.find(({ finishReason }) => finishReason === 'eos') ?? same[0]!)
        const rewards = new Map(standing.map(({ id }) => [id, logRatio(db, id, policy)]))
        const ended = standing.filter(({ finishReason }) => finishReason === 'eos')
        expect(rewards.get(chosenId)).toBe(Math.max(...ended.map(({ id }) => rewards.get(id)!)))
        expect(rewards.get(rejectedId)).toBe(Math.min(...rewards.values()))
        expectNear(rewards.get(chosenId)! - rewards.get(rejectedId)!, margin)
        expect(margin).toBeGreaterThan(0)
      }
    })
  })

  test.each([[false, true], [true, false]] as const)('of an oracle (negated: %s): chosen is right: %s, and rejected the other', async (negate, chosenIsRight) => {
    const folder = scratch.at(`oracle-${negate}`)
    await branchRun(ranked, folder, (settings) => ({ ...settings, iterations: 1, method: 'oracle', oracle: { rewards: 'answers', negate } }))
    readFrom(folder, (db) => {
      const responses = new Map(responsesOf(db, iterationId(runId, 1)).map((one): [string, Response] => [one.id, one]))
      const pairs = pairsOf(db, set(1))
      expect(pairs.length).toBeGreaterThan(5)
      for (const { chosenId, rejectedId, consistency } of pairs) {
        expect([responses.get(chosenId)!.isCorrect, responses.get(rejectedId)!.isCorrect]).toEqual([chosenIsRight, !chosenIsRight])
        expect(consistency).toBe(1)
      }
      const answers = new Map(promptsOf(db, runId, 1).map(({ id, answer }) => [id, answer]))
      for (const { text, promptId, isCorrect } of responses.values()) expect(isCorrect).toBe(text.replace(/^Answer: /, '').replace(/[!.]$/, '') === answers.get(promptId))
    })
  })
})

describe('training', () => {
  const only = { iterations: 1 }
  test.each([
    ['srlm, from C = 1', 1, { method: 'srlm' }],
    ['rewards from the answers', 1, { method: 'oracle' }],
    ['C = 0.9', 1, { method: 'fixed-c', fixedConsistency: 0.9 }],
    ['C = 0.1, which believes the opposite', -1, { method: 'fixed-c', fixedConsistency: 0.1, consistency: { ...config.consistency, clamp: false, acceptReversed: true } }],
  ] as const)('%s: moves the margin of its own pairs by sign %i', async (name, sign, change) => {
    const margins = (await branchRun(ranked, scratch.at(name), (settings) => ({ ...settings, ...only, ...change }), trainedMargins))!
    expect(margins.length).toBeGreaterThan(5)
    expect(sign * mean(margins)).toBeGreaterThan(0.01)
  })

  test('starts every round from loss ln 2 and margin 0: its reference is its policy', () => {
    readFrom(whole, (db) => {
      for (const t of [1, 2]) {
        const [first] = trainingStepsOf(db, stageId(iterationId(runId, t), 'train'))
        expect(first!.metrics['loss']).toBeCloseTo(Math.LN2, 6)
        expect([first!.metrics['rewards/chosen'], first!.metrics['rewards/rejected']]).toEqual([0, 0])
      }
    })
  })

  test.each([[1, 'M1', 'M0'], [2, 'M2', 'M1']] as const)('of iteration %i stops when the reference of %s is %s', async (t, policy, wrong) => {
    await lookInto(whole, async (context) => {
      const pairs = pairsOf(dbOf(context), set(t)).slice(0, 4)
      await expect(firstStep(context, t, model(policy), model(wrong), pairs)).rejects.toMatchObject({ code: 'method-stopped', message: expect.stringMatching(/reference/) })
      const { loss } = await firstStep(context, t, model(policy), model(policy), pairs)
      expect(loss).toBeCloseTo(Math.LN2, 6)
    })
  })
})

/** The texts of an iteration, sampled once more from this model with the same random numbers. */
async function repeat(context: RunContext, t: number, modelId: string, prompts: ReturnType<typeof promptsOf>): Promise<string[]> {
  const { responses, maxNewTokens } = config.sampling
  const longest = Math.max(...prompts.map(({ tokenIds }) => tokenIds.length))
  const { completions } = await context.engine.call('sample', {
    ...placeOf(context), ...config.sampling, model: modelRef(context, modelId), seed: config.seed, eosIds: context.text.info.eosIds, stream: false,
    prompts: prompts.map(({ tokenIds }) => tokenIds),
    rows: prompts.flatMap(({ position }, prompt) => Array.from({ length: responses }, (_, i) => ({ prompt, key: [t, position, i] }))),
    shape: { rows: prompts.length * responses, prompts: prompts.length, promptLength: Math.ceil(longest / 16) * 16, capacity: Math.ceil((longest + maxNewTokens) / 16) * 16 },
  })
  return context.text.decode(completions.map(({ ids }) => [...ids]), { skipSpecial: true })
}

/** How far training moved β log π_2/π_1 (chosen) − (rejected), pair by pair. */
async function trainedMargins(context: RunContext): Promise<number[]> {
  const pairs = pairsOf(dbOf(context), set(1))
  const sequences = sequencesOf(dbOf(context), 1, pairs)
  const [m1, m2] = await logpsUnder(context, [model('M1'), model('M2')], sequences)
  const moved = m2!.map((logps, i) => logps - m1![i]!)
  return pairs.map((_, i) => configOf(context).dpo.beta * (moved[2 * i]! - moved[2 * i + 1]!))
}

/** Chosen, rejected, chosen, rejected … */
function sequencesOf(db: Database, t: number, pairs: readonly Pair[]) {
  const prompts = new Map(promptsOf(db, runId, t).map(({ id, tokenIds }) => [id, tokenIds]))
  const responses = new Map(responsesOf(db, iterationId(runId, t)).map((one) => [one.id, { promptIds: prompts.get(one.promptId)!, completionIds: one.tokenIds }]))
  return pairs.flatMap(({ chosenId, rejectedId }) => [responses.get(chosenId)!, responses.get(rejectedId)!])
}

/** One DPO step of `policy` on these pairs, with another model's log-probabilities as the reference. */
async function firstStep(context: RunContext, t: number, policy: string, reference: string, pairs: readonly Pair[]): Promise<{ loss: number }> {
  const { tuning, dpo: { beta, beta1, beta2, epsilon, weightDecay, maxGradNorm } } = configOf(context)
  const sequences = sequencesOf(dbOf(context), t, pairs)
  const shape = shapeOf(sequences.map(({ promptIds, completionIds }) => ({ promptTokens: promptIds.length, completionTokens: completionIds.length })))
  const { perTokenLogps } = await context.engine.call('score', { ...placeOf(context), models: [modelRef(context, reference)], sequences, shape })
  const params: TrainingParams = {
    ...placeOf(context), folder: context.run.basePath, tuning, from: modelRef(context, policy).adapter, objective: { kind: 'dpo', beta },
    optimiser: { beta1, beta2, epsilon, weightDecay, maxGradNorm }, seed: 1, resume: null,
  }
  await context.engine.call('startTraining', params)
  return context.engine.call('trainStep', { microBatches: [{ sequences, shape, refLogps: perTokenLogps[0]!, consistency: pairs.map(() => 1) }], learningRate: 1e-4 })
}

function checkRanking(rewards: readonly { responseId: string; reward: number }[], ordering: readonly string[], expected: (id: string) => number): void {
  for (const { responseId, reward } of rewards) expectNear(reward, expected(responseId))
  const inOrder = ordering.map(expected)
  inOrder.slice(1).forEach((value, i) => expect(value).toBeLessThanOrEqual(inOrder[i]! + 1e-4))
}

/** By the definition, over all pairs; NaN when a judge ties everything. */
function tauB(x: readonly number[], y: readonly number[], tolX: number, tolY: number): number {
  const order = (a: number, b: number, tolerance: number): number => (Math.abs(a - b) <= tolerance ? 0 : Math.sign(a - b))
  const pairs = x.flatMap((_, i) => x.slice(0, i).map((_, j) => [order(x[i]!, x[j]!, tolX), order(y[i]!, y[j]!, tolY)] as const))
  const untied = (side: 0 | 1): number => sumOf(pairs.map((pair) => Math.abs(pair[side])))
  return sumOf(pairs.map(([a, b]) => a * b)) / Math.sqrt(untied(0) * untied(1))
}

function expectNear(found: number | null, expected: number | null): void {
  if (found === null || expected === null) expect(found).toBe(expected)
  else expect(found).toBeCloseTo(expected, 4)
}
