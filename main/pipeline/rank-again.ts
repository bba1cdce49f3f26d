/** Another ranking of an iteration from its stored scores, with no forward pass: what "back to rank" and `rank/apply` do. */
import type { RankChoice } from '../../preload/contract/requests/rank.ts'
import type { SettingsChange } from '../../preload/contract/requests/run.ts'
import type { Database } from '../store/database.ts'
import type { Iteration } from '../store/iterations.ts'
import type { Run } from '../store/runs.ts'
import { chosenRule, rankedIteration, rejudge } from './rank-view.ts'
import { commitRankingSet } from './ranking-set.ts'
import { runIn } from './settings.ts'

/**
 * Ranks what `of` was ranked on by the settings of `to` (the same iteration, or a branch of it), as a new set of `to`.
 * @returns its id, or null where the tolerance is to be measured first and never was: that takes the engine
 */
export function rankAgain(db: Database, of: Iteration, to: Iteration): string | null {
  const ranked = rankedIteration(db, of)
  if (!ranked) return null
  const { consistency: { statistic, tieTolerance, firstIterationRule }, method } = runIn(db, to).config
  if (tieTolerance === 'measured' && runIn(db, of).config.consistency.tieTolerance !== 'measured') return null
  const rule = chosenRule(ranked.rule, to, { statistic, firstIterationRule, tieTolerance: tieTolerance === 'measured' ? 'stored' : tieTolerance })
  return commitRankingSet(db, to, rule, rejudge(db, to, ranked, rule), { pairsByReward: method !== 'oracle' })
}

/** A choice in the Rank step as a change of settings. */
export function settingsOfChoice({ config }: Pick<Run, 'config'>, { statistic, tieTolerance = 'stored', firstIterationRule, clamp, whenNull, method, fixedConsistency }: RankChoice): SettingsChange {
  const before = config.consistency
  return {
    consistency: {
      ...before, statistic: statistic ?? before.statistic, firstIterationRule: firstIterationRule ?? before.firstIterationRule,
      tieTolerance: tieTolerance === 'stored' ? before.tieTolerance : tieTolerance, clamp: clamp ?? before.clamp, whenNull: whenNull ?? before.whenNull,
    },
    method: method ?? config.method,
    fixedConsistency: fixedConsistency ?? config.fixedConsistency,
  }
}
