/** Stage `pair`: chosen and rejected of every prompt, and the C its label trains with; skips keep their reason (METHOD §2e, §4). */
import { inTransaction } from '../store/database.ts'
import { insertPair, insertSkip, pairsOf, skipsOf } from '../store/pairs.ts'
import { promptsOf } from '../store/prompts.ts'
import { type RankingSet, consistenciesOf, currentSetOf } from '../store/rankings.ts'
import { insertExternalReward } from '../store/scores.ts'
import { type StageContext, configOf, dbOf } from './context.ts'
import { judgedPrompts } from './judged.ts'
import { type LabelledPrompt, chooseOutcomes, labellingOf, noneEnded } from './labels.ts'
import { type OutsideRewards, oracleRewards } from './oracle.ts'

export async function pair(context: StageContext): Promise<string> {
  const { iteration, run } = context
  const config = configOf(context)
  const db = dbOf(context)
  const set = currentSetOf(db, iteration.id)!
  if (pairsOf(db, set.id).length + skipsOf(db, set.id).length > 0) return summary(context, set.id)

  const outside = config.method === 'oracle' ? await oracleRewards(context) : null
  const prompts = labelledPrompts(context, set, outside)
  if (noneEnded(prompts) && !config.pairs.chooseTruncated) context.emit({ kind: 'notice', message: 'Every response ended by length, so such responses may be chosen this time; a larger sampling.maxNewTokens lets the model end by itself.' })
  const outcomes = chooseOutcomes(promptsOf(db, run.id, iteration.t), prompts, labellingOf(config, config.method, outside ? 0 : set.rewardTolerance))

  inTransaction(db, () => {
    for (const row of outside?.rows ?? []) insertExternalReward(db, row)
    for (const [promptId, outcome] of outcomes) {
      if (outcome.kind === 'skip') insertSkip(db, { setId: set.id, promptId, reason: outcome.reason })
      else insertPair(db, { setId: set.id, promptId, chosenId: outcome.chosenId, rejectedId: outcome.rejectedId, margin: outcome.margin, consistency: outcome.label })
    }
  })
  return summary(context, set.id)
}

/** Every ranked prompt with the rewards that make its pair: r_θt, or the outside judge's. */
function labelledPrompts(context: StageContext, set: RankingSet, outside: OutsideRewards | null): LabelledPrompt[] {
  const db = dbOf(context)
  const measured = new Map(consistenciesOf(db, set.id).map(({ promptId, consistency }) => [promptId, consistency]))
  return judgedPrompts(db, set).map(({ promptId, responses, rewards }) => ({
    promptId, responses, consistency: measured.get(promptId)!,
    rewards: outside ? responses.map(({ id }) => outside.rewards.get(id) ?? null) : rewards,
  }))
}

function summary(context: StageContext, setId: string): string {
  const db = dbOf(context)
  const [pairs, skips] = [pairsOf(db, setId), skipsOf(db, setId)]
  const reasons = [...Map.groupBy(skips, ({ reason }) => reason)].map(([reason, rows]) => `${rows.length} ${reason}`).join(', ')
  return `${pairs.length} pairs${skips.length ? `, ${skips.length} prompts skipped (${reasons})` : ''}`
}
