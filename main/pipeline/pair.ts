/** Stage `pair`: chosen and rejected of every prompt, and the C its label trains with; skips keep their reason (METHOD §2e, §4). */
import { type RewardedResponse, choosePair } from '../cream/pairs.ts'
import { labelConsistencies } from '../cream/labels.ts'
import { inTransaction } from '../store/database.ts'
import { rankingsBy } from '../store/history.ts'
import { rankingSetId } from '../store/ids.ts'
import { insertPair, insertSkip, pairsOf, skipsOf } from '../store/pairs.ts'
import { promptsOf } from '../store/prompts.ts'
import { consistenciesOf, rankingSetOf } from '../store/rankings.ts'
import { responsesOf } from '../store/responses.ts'
import { insertExternalReward } from '../store/scores.ts'
import { type StageContext, configOf, dbOf } from './context.ts'
import { oracleRewards } from './oracle.ts'

export async function pair(context: StageContext): Promise<string> {
  const { iteration, run } = context
  const { method, consistency: settings, pairs: { chooseTruncated }, fixedConsistency } = configOf(context)
  const db = dbOf(context)
  const setId = rankingSetId(iteration.id)
  const set = rankingSetOf(db, setId)!
  if (pairsOf(db, setId).length + skipsOf(db, setId).length > 0) return summary(context, setId)

  const outside = method === 'oracle' ? await oracleRewards(context) : null
  const rewards = outside ? outside.rewards : implicitRewards(context)
  const tolerance = outside ? 0 : set.rewardTolerance
  const responses = Map.groupBy(responsesOf(db, iteration.id), ({ promptId }) => promptId)
  // A model that never ends by itself within the budget would leave no pair at all.
  const noneEnded = [...responses.values()].flat().every(({ finishReason }) => finishReason === 'length')
  if (noneEnded && !chooseTruncated) context.emit({ kind: 'notice', message: 'Every response ended by length, so such responses may be chosen this time; a larger sampling.maxNewTokens lets the model end by itself.' })
  const measured = new Map(consistenciesOf(db, setId).map(({ promptId, consistency }) => [promptId, consistency]))
  const { consistencies } = labelConsistencies(method, measured, { ...settings, fixedConsistency })

  inTransaction(db, () => {
    for (const row of outside?.rows ?? []) insertExternalReward(db, row)
    for (const { id: promptId, skipReason } of promptsOf(db, run.id, iteration.t)) {
      const skip = (reason: Parameters<typeof insertSkip>[1]['reason']): void => insertSkip(db, { setId, promptId, reason })
      if (skipReason) { skip(skipReason); continue }
      const rewarded: RewardedResponse[] = responses.get(promptId)!.map(({ id, text, finishReason }) => ({ id, text, finishReason, reward: rewards.get(id) ?? null }))
      const outcome = choosePair(rewarded, { tolerance, chooseTruncated: chooseTruncated || noneEnded })
      const label = consistencies.get(promptId)
      if (outcome.kind === 'skip') skip(outcome.reason)
      else if (label === null || label === undefined) skip('no-consistency')
      else insertPair(db, { setId, promptId, chosenId: String(outcome.chosen.id), rejectedId: String(outcome.rejected.id), margin: outcome.margin, consistency: label })
    }
  })
  return summary(context, setId)
}

/** r_θt of every response of the iteration. */
function implicitRewards(context: StageContext): Map<string, number> {
  const { id: iterationId, policyModelId: judgeModelId } = context.iteration
  const judged = rankingsBy(dbOf(context), { iterationId, judgeModelId, kind: 'log-ratio' })
  return new Map(judged.flatMap(({ responseIds, values }) => responseIds.map((id, i) => [id, values[i]!] as const)))
}

function summary(context: StageContext, setId: string): string {
  const db = dbOf(context)
  const [pairs, skips] = [pairsOf(db, setId), skipsOf(db, setId)]
  const reasons = [...Map.groupBy(skips, ({ reason }) => reason)].map(([reason, rows]) => `${rows.length} ${reason}`).join(', ')
  return `${pairs.length} pairs${skips.length ? `, ${skips.length} prompts skipped (${reasons})` : ''}`
}
