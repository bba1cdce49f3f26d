/** A way of ranking, applied to an iteration's judged responses and kept: two rankings a prompt, their agreement, and C. */
import { AppError } from '../../preload/contract/errors.ts'
import { agreement, consistencyOf, meanConsistency } from '../cream/consistency.ts'
import { chanceBand, chanceOf } from '../cream/chance.ts'
import { ranking } from '../cream/rankings.ts'
import { requireMovedPolicy } from '../cream/rewards.ts'
import { type Database, inTransaction } from '../store/database.ts'
import type { Iteration } from '../store/iterations.ts'
import { insertConsistency, insertRanking, insertRankingSet, nextRankingSetId } from '../store/rankings.ts'
import type { RankingRule } from './agreement.ts'
import type { JudgedPrompt } from './judged.ts'

export type PromptToRank = Omit<JudgedPrompt, 'responses'> & { readonly responses: readonly { readonly id: string }[] }

/** The new set is the iteration's from now on; those before stay. @returns its id @throws AppError 'method-stopped' when no reward tells responses apart, and the run pairs by them */
export function commitRankingSet(db: Database, iteration: Iteration, rule: RankingRule, judged: readonly PromptToRank[], { pairsByReward }: { pairsByReward: boolean }): string {
  if (pairsByReward) requireMovedPolicy(judged.map(({ rewards }) => [...rewards]), rule.tolReward)
  const prompts = judged.map((prompt) => ({ ...prompt, result: agreement(rule.statistic, prompt.current, prompt.previous, rule) }))
  const band = chanceBand(judged.map(({ current, previous }) => chanceOf(rule.statistic, current, previous, rule)))
  return inTransaction(db, () => {
    const setId = nextRankingSetId(db, iteration.id)
    if (iteration.previousModelId === null) throw new AppError('internal', 'SFT ranks nothing.')
    insertRankingSet(db, {
      id: setId, iterationId: iteration.id, statistic: rule.statistic, firstIterationRule: rule.firstIterationRule,
      currentModelId: iteration.policyModelId, currentMeasure: rule.currentMeasure, currentTolerance: rule.tolCurrent,
      previousModelId: iteration.previousModelId, previousMeasure: rule.previousMeasure, previousTolerance: rule.tolPrevious, rewardTolerance: rule.tolReward,
      meanConsistency: meanConsistency(prompts.map(({ result }) => (result.value === null ? null : consistencyOf(result.value)))),
      chance: band ? { ...band } : {},
    })
    for (const { promptId, responses, counts, current, previous, result } of prompts) {
      const store = (judge: 'current' | 'previous', values: readonly number[], tolerance: number): void => insertRanking(db, {
        setId, promptId, judge,
        rewards: responses.map(({ id: responseId }, i) => ({ responseId, reward: values[i]!, count: counts[i]! })),
        ordering: ranking(new Map(responses.map(({ id }, i) => [id, values[i]!])), tolerance).places.map(({ id }) => id),
      })
      store('current', current, rule.tolCurrent)
      store('previous', previous, rule.tolPrevious)
      insertConsistency(db, {
        setId, promptId, agreement: result.value, consistency: result.value === null ? null : consistencyOf(result.value), nullReason: result.reason,
        currentTies: result.tiesCurrent, previousTies: result.tiesPrevious,
      })
    }
    return setId
  })
}
