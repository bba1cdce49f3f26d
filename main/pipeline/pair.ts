/** Stage `pair`: chosen and rejected of every prompt, and the C its label trains with; skips keep their reason (METHOD §2e, §4). */
import { promptHeads } from '../store/browse.ts'
import { type Database, inTransaction } from '../store/database.ts'
import type { Iteration } from '../store/iterations.ts'
import { countPairs, insertPair, insertSkip } from '../store/pairs.ts'
import { skipCounts } from '../store/ranked-prompts.ts'
import { type RankingSet, consistenciesOf, currentSetOf } from '../store/rankings.ts'
import { insertExternalReward } from '../store/scores.ts'
import { writeAside } from './aside.ts'
import type { StageContext } from './context.ts'
import { judgedPrompts } from './judged.ts'
import { type LabelledPrompt, chooseOutcomes, labellingOf, noneEnded } from './labels.ts'
import { type OutsideRewards, oracleRewards } from './oracle.ts'
import { runIn } from './settings.ts'

export async function pair(context: StageContext): Promise<string> {
  const { iteration, project } = context
  const { id: setId } = currentSetOf(project.db, iteration.id)!
  const before = summary(project.db, setId)
  if (before !== null) return before
  const { choosesTruncated } = await writeAside(project, 'pairResponses', { iterationId: iteration.id })
  if (choosesTruncated) context.emit({ kind: 'notice', message: 'Every response ended by length, so such responses may be chosen this time; a larger sampling.maxNewTokens lets the model end by itself.' })
  return summary(project.db, setId)!
}

/** Commits a pair or a skip for every prompt, at once. `choosesTruncated`: for want of any response that ended by itself. @throws AppError as `chooseOutcomes` does, 'bad-data' for the oracle's rewards */
export async function pairResponses(db: Database, iteration: Iteration): Promise<{ choosesTruncated: boolean }> {
  const { config } = runIn(db, iteration)
  const set = currentSetOf(db, iteration.id)!
  const outside = config.method === 'oracle' ? await oracleRewards(db, iteration.id, config.oracle) : null
  const prompts = labelledPrompts(db, set, outside)
  const outcomes = chooseOutcomes(promptHeads(db, iteration.runId, iteration.t), prompts, labellingOf(config, config.method, outside ? 0 : set.rewardTolerance))
  inTransaction(db, () => {
    for (const row of outside?.rows ?? []) insertExternalReward(db, row)
    for (const [promptId, outcome] of outcomes) {
      if (outcome.kind === 'skip') insertSkip(db, { setId: set.id, promptId, reason: outcome.reason })
      else insertPair(db, { setId: set.id, promptId, chosenId: outcome.chosenId, rejectedId: outcome.rejectedId, margin: outcome.margin, consistency: outcome.label })
    }
  })
  return { choosesTruncated: !config.pairs.chooseTruncated && noneEnded(prompts) }
}

/** Every ranked prompt with the rewards that make its pair: r_θt, or the outside judge's. */
function labelledPrompts(db: Database, set: RankingSet, outside: OutsideRewards | null): LabelledPrompt[] {
  const measured = new Map(consistenciesOf(db, set.id).map(({ promptId, consistency }) => [promptId, consistency]))
  return judgedPrompts(db, set).map(({ promptId, responses, rewards }) => ({
    promptId, responses, consistency: measured.get(promptId)!,
    rewards: outside ? responses.map(({ id }) => outside.rewards.get(id) ?? null) : rewards,
  }))
}

/** Null while nothing of the set is paired. */
function summary(db: Database, setId: string): string | null {
  const [pairs, skips] = [countPairs(db, setId), skipCounts(db, setId)]
  if (pairs + skips.length === 0) return null
  const skipped = skips.reduce((sum, { prompts }) => sum + prompts, 0)
  return `${pairs} pairs${skipped ? `, ${skipped} prompts skipped (${skips.map(({ reason, prompts }) => `${prompts} ${reason}`).join(', ')})` : ''}`
}
