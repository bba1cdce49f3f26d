/** An iteration's first ranking: what its stored scores say under both judges (METHOD §2c). */
import { type ResponseScores, judgesOf, quantitiesOf } from '../cream/judges.ts'
import { distinctResponses } from '../cream/pairs.ts'
import type { Score } from '../cream/rewards.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { FirstIterationRule } from '../../preload/contract/domain.ts'
import type { Database } from '../store/database.ts'
import type { Iteration } from '../store/iterations.ts'
import { type Response, responsesOf } from '../store/responses.ts'
import { scoresOf } from '../store/scores.ts'
import type { RankingRule } from './agreement.ts'
import { type PromptToRank, commitRankingSet } from './ranking-set.ts'
import { runIn } from './settings.ts'

export type Tolerances = Pick<RankingRule, 'tolCurrent' | 'tolPrevious' | 'tolReward'>

/** Commits the iteration's first set. @throws AppError 'method-stopped' as `commitRankingSet` does */
export function rankScores(db: Database, iteration: Iteration, tolerances: Tolerances): void {
  const { consistency: { statistic, firstIterationRule }, method } = runIn(db, iteration).config
  const { current: currentMeasure, previous: previousMeasure } = quantitiesOf(iteration.t, firstIterationRule)
  const judged = [...Map.groupBy(responsesOf(db, iteration.id), ({ promptId }) => promptId)].map(([promptId, responses]) => judge(db, iteration, firstIterationRule, promptId, responses))
  const rule = { statistic, firstIterationRule: iteration.t === 1 ? firstIterationRule : null, currentMeasure, previousMeasure, ...tolerances }
  commitRankingSet(db, iteration, rule, judged, { pairsByReward: method !== 'oracle' })
}

/** One prompt's distinct responses under both judges; identical texts are one response with a count. */
function judge(db: Database, iteration: Iteration, rule: FirstIterationRule, promptId: string, responses: readonly Response[]): PromptToRank {
  const distinct = distinctResponses(responses)
  const scored = distinct.map(({ response }) => storedScores(db, iteration, response.id))
  const { current, previous, rewards } = judgesOf(scored, iteration.t, rule)
  return { promptId, responses: scored, counts: distinct.map(({ count }) => count), current: [...current.values.values()], previous: [...previous.values.values()], rewards: [...rewards.values()] }
}

/** @throws AppError 'internal' where a judge has not scored the response */
export function storedScores(db: Database, iteration: Iteration, id: string): ResponseScores<string> {
  const scores = new Map(scoresOf(db, id).map((one) => [one.modelId, one]))
  return scoresUnder(iteration, id, (modelId) => {
    const found = scores.get(modelId)
    if (!found) throw new AppError('internal', `Response ${id} has no score under ${modelId}; run the stage "score" again.`)
    return found
  })
}

export const scoresUnder = ({ policyModelId, previousModelId, baseModelId }: Iteration, id: string, under: (modelId: string) => Score): ResponseScores<string> => ({
  id, policy: under(policyModelId), previous: under(previousModelId!), base: under(baseModelId),
})
