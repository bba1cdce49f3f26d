/** Stage `rank`: two rankings of every prompt's responses, their agreement, and C (METHOD §2c, d). */
import { judgesOf, quantitiesOf } from '../cream/judges.ts'
import { distinctResponses } from '../cream/pairs.ts'
import { measuredTolerance, type Score } from '../cream/rewards.ts'
import { shapeOf } from '../engine/batches.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { iterationOf } from '../store/iterations.ts'
import { currentSetOf } from '../store/rankings.ts'
import { type Response, responsesOf } from '../store/responses.ts'
import { scoresOf } from '../store/scores.ts'
import { type StageContext, configOf, dbOf, modelRef, placeOf } from './context.ts'
import { type PromptToRank, commitRankingSet } from './ranking-set.ts'
import { sequencesOf } from './score.ts'

/** Responses re-scored to measure the noise that tells a tie from a difference. */
const NOISE_SAMPLE = 16

export async function rank(context: StageContext): Promise<string> {
  const { iteration } = context
  const { consistency: { statistic, firstIterationRule, tieTolerance }, method } = configOf(context)
  const db = dbOf(context)
  if (iterationOf(db, iteration.id)!.setId === null) {
    const quantities = quantitiesOf(iteration.t, firstIterationRule)
    const tolerances = tieTolerance === 'measured'
      ? await measureNoise(context, quantities)
      : { tolCurrent: tieTolerance, tolPrevious: tieTolerance, tolReward: tieTolerance }
    const judged = [...Map.groupBy(responsesOf(db, iteration.id), ({ promptId }) => promptId)].map(([promptId, responses]) => judge(context, promptId, responses))
    const rule = { statistic, firstIterationRule: iteration.t === 1 ? firstIterationRule : null, currentMeasure: quantities.current, previousMeasure: quantities.previous, ...tolerances }
    commitRankingSet(db, iteration, rule, judged, { pairsByReward: method !== 'oracle' })
  }
  return summary(context)
}

/** One prompt's distinct responses under both judges; identical texts are one response with a count. */
function judge(context: StageContext, promptId: string, responses: readonly Response[]): PromptToRank {
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
  const { current, previous, rewards } = judgesOf(scored, iteration.t, configOf(context).consistency.firstIterationRule)
  return { promptId, responses: scored, counts: distinct.map(({ count }) => count), current: [...current.values.values()], previous: [...previous.values.values()], rewards: [...rewards.values()] }
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

function summary(context: StageContext): string {
  const { meanConsistency: mean, chance } = currentSetOf(dbOf(context), context.iteration.id)!
  return mean === null ? 'no prompt has a consistency' : `C = ${mean.toFixed(3)} (chance ${(chance['meanC'] ?? 0.5).toFixed(3)} ± ${(chance['sdOfMeanC'] ?? 0).toFixed(3)})`
}
