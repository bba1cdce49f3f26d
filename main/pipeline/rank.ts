/** Stage `rank`: two rankings of every prompt's responses, their agreement, and C (METHOD §2c, d). */
import { agreement, consistencyOf, meanConsistency } from '../cream/consistency.ts'
import { chanceBand, chanceOf } from '../cream/chance.ts'
import { type Judge, judgesOf, quantitiesOf } from '../cream/judges.ts'
import { distinctResponses } from '../cream/pairs.ts'
import { ranking } from '../cream/rankings.ts'
import { measuredTolerance, requireMovedPolicy, type Score } from '../cream/rewards.ts'
import { shapeOf } from '../engine/batches.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { inTransaction } from '../store/database.ts'
import { rankingSetId } from '../store/ids.ts'
import { insertConsistency, insertRanking, insertRankingSet, rankingSetOf } from '../store/rankings.ts'
import { type Response, responsesOf } from '../store/responses.ts'
import { scoresOf } from '../store/scores.ts'
import { type StageContext, configOf, dbOf, modelRef, placeOf } from './context.ts'
import { sequencesOf } from './score.ts'

/** Responses re-scored to measure the noise that tells a tie from a difference. */
const NOISE_SAMPLE = 16

export async function rank(context: StageContext): Promise<string> {
  const { iteration } = context
  const { consistency: settings, method } = configOf(context)
  const db = dbOf(context)
  const setId = rankingSetId(iteration.id)
  if (rankingSetOf(db, setId)) return summary(context, setId)

  const quantities = quantitiesOf(iteration.t, settings.firstIterationRule)
  const tolerances = settings.tieTolerance === 'measured'
    ? await measureNoise(context, quantities)
    : { tolCurrent: settings.tieTolerance, tolPrevious: settings.tieTolerance, tolReward: settings.tieTolerance }
  const judged = [...Map.groupBy(responsesOf(db, iteration.id), ({ promptId }) => promptId)].map(([promptId, responses]) => judge(context, promptId, responses))
  if (method !== 'oracle') requireMovedPolicy(judged.map(({ judges }) => [...judges.rewards.values()]), tolerances.tolReward)

  const prompts = judged.map(({ promptId, judges, counts }) => {
    const [current, previous] = [[...judges.current.values.values()], [...judges.previous.values.values()]]
    return {
      promptId, judges, counts,
      result: agreement(settings.statistic, current, previous, tolerances),
      chance: chanceOf(settings.statistic, current, previous, tolerances),
    }
  })
  const band = chanceBand(prompts.map(({ chance }) => chance))
  inTransaction(db, () => {
    insertRankingSet(db, {
      id: setId, iterationId: iteration.id, statistic: settings.statistic, firstIterationRule: iteration.t === 1 ? settings.firstIterationRule : null,
      currentModelId: iteration.policyModelId, currentMeasure: quantities.current, currentTolerance: tolerances.tolCurrent,
      previousModelId: iteration.previousModelId!, previousMeasure: quantities.previous, previousTolerance: tolerances.tolPrevious, rewardTolerance: tolerances.tolReward,
      meanConsistency: meanConsistency(prompts.map(({ result }) => (result.value === null ? null : consistencyOf(result.value)))),
      chance: band ? { ...band } : {},
    })
    for (const { promptId, judges, counts, result } of prompts) {
      const store = (which: 'current' | 'previous', { values }: Judge<string>, tolerance: number): void => insertRanking(db, {
        setId, promptId, judge: which,
        rewards: [...values].map(([responseId, reward]) => ({ responseId, reward, count: counts.get(responseId)! })),
        ordering: ranking(values, tolerance).places.map(({ id }) => id),
      })
      store('current', judges.current, tolerances.tolCurrent)
      store('previous', judges.previous, tolerances.tolPrevious)
      insertConsistency(db, {
        setId, promptId, agreement: result.value, consistency: result.value === null ? null : consistencyOf(result.value), nullReason: result.reason,
        currentTies: result.tiesCurrent, previousTies: result.tiesPrevious,
      })
    }
  })
  return summary(context, setId)
}

/** One prompt's distinct responses under both judges; identical texts are one response with a count. */
export function judge(context: StageContext, promptId: string, responses: readonly Response[]) {
  const { iteration } = context
  const distinct = distinctResponses(responses)
  const scored = distinct.map(({ response }) => {
    const scores = new Map(scoresOf(dbOf(context), response.id).map((one) => [one.modelId, one]))
    const under = (modelId: string): Score => {
      const found = scores.get(modelId)
      if (!found) throw new AppError('internal', `Response ${response.id} has no score under ${modelId}; run the stage "score" again.`)
      return found
    }
    return { id: response.id, policy: under(iteration.policyModelId), previous: under(iteration.previousModelId!), base: under(iteration.baseModelId) }
  })
  return {
    promptId,
    counts: new Map(distinct.map(({ response, count }) => [response.id, count])),
    judges: judgesOf(scored, iteration.t, configOf(context).consistency.firstIterationRule),
  }
}

/**
 * The tie tolerance of each judge, in its own unit: how far a value moves when the same response is scored again in a
 * batch of another shape. On the CPU that is 0, bit for bit.
 */
async function measureNoise(context: StageContext, quantities: ReturnType<typeof quantitiesOf>): Promise<{ tolCurrent: number; tolPrevious: number; tolReward: number }> {
  const { iteration, engine, signal } = context
  const { policyModelId, baseModelId } = iteration
  const previousModelId = iteration.previousModelId!
  const sequences = [...sequencesOf(context)].slice(0, NOISE_SAMPLE)
  const models = [...new Set([policyModelId, previousModelId, baseModelId])]
  const again = new Map<string, Map<string, Score>>()
  for (const [responseId, sequence] of sequences) {
    const shape = shapeOf([{ promptTokens: sequence.promptIds.length, completionTokens: sequence.completionIds.length }], 2)
    const { perTokenLogps } = await engine.call('score', { ...placeOf(context), models: models.map((id) => modelRef(context, id)), sequences: [sequence], shape }, { signal })
    again.set(responseId, new Map(models.map((id, m) => {
      const logps = perTokenLogps[m]![0]!.reduce((sum, value) => sum + value, 0)
      return [id, { logps, meanLogps: logps / sequence.completionIds.length }]
    })))
  }
  const noise = (modelId: string, quantity: 'log-ratio' | 'mean-logps'): number => {
    const value = (scores: ReadonlyMap<string, Score>): number => (quantity === 'mean-logps' ? scores.get(modelId)!.meanLogps : scores.get(modelId)!.logps - scores.get(baseModelId)!.logps)
    const stored = sequences.map(([id]) => value(new Map(scoresOf(dbOf(context), id).map((one) => [one.modelId, one]))))
    return measuredTolerance(stored, sequences.map(([id]) => value(again.get(id)!)))
  }
  return { tolCurrent: noise(policyModelId, quantities.current), tolPrevious: noise(previousModelId, quantities.previous), tolReward: noise(policyModelId, 'log-ratio') }
}

function summary(context: StageContext, setId: string): string {
  const { meanConsistency: mean, chance } = rankingSetOf(dbOf(context), setId)!
  return mean === null ? 'no prompt has a consistency' : `C = ${mean.toFixed(3)} (chance ${(chance['meanC'] ?? 0.5).toFixed(3)} ± ${(chance['sdOfMeanC'] ?? 0).toFixed(3)})`
}
