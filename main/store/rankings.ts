/** A ranking set owns the two judges' rankings of one iteration and the consistencies between them. */
import type { FirstIterationRule, NullReason, Statistic } from '../../preload/contract/domain.ts'
import { all, get, run } from './database.ts'
import type { Database } from './database.ts'
import { toJson } from './encoding.ts'
import { rankingSetId } from './ids.ts'
import { setRankingSet } from './iterations.ts'

/** What a judge ranks by: the reward logps(θ) − logps(θ_0), or the mean log-likelihood. */
export type Measure = 'log-ratio' | 'mean-logps'

export interface RankingSet {
  id: string
  iterationId: string
  statistic: Statistic
  /** Null for t > 1. */
  firstIterationRule: FirstIterationRule | null
  currentModelId: string
  currentMeasure: Measure
  /** Rewards this near are tied, in the judge's own unit. */
  currentTolerance: number
  previousModelId: string
  previousMeasure: Measure
  previousTolerance: number
  /** The same for r_θt, which makes the pairs. */
  rewardTolerance: number
  /** C; null when every prompt's is null. */
  meanConsistency: number | null
  /** The chance band's figures. */
  chance: Record<string, number>
}
type RankingSetRow = Omit<RankingSet, 'chance'> & { chance: string }

/** From now on it is the one that counts for its iteration; earlier ones stay. */
export function insertRankingSet(db: Database, row: RankingSet): void {
  run(
    db,
    `INSERT INTO ranking_sets (id, iteration_id, statistic, first_iteration_rule, current_model_id, current_measure, current_tolerance,
       previous_model_id, previous_measure, previous_tolerance, reward_tolerance, mean_consistency, chance)
     VALUES (@id, @iterationId, @statistic, @firstIterationRule, @currentModelId, @currentMeasure, @currentTolerance,
       @previousModelId, @previousMeasure, @previousTolerance, @rewardTolerance, @meanConsistency, @chance)`,
    { ...row, chance: toJson(row.chance) },
  )
  setRankingSet(db, row.iterationId, row.id)
}

/** The set that counts: the iteration's newest, or in a branch that shares it, its origin's. Undefined before the stage `rank`. */
export function currentSetOf(db: Database, iterationId: string): RankingSet | undefined {
  const row = get<RankingSetRow>(db, 'SELECT s.* FROM iterations i JOIN ranking_sets s ON s.id = i.set_id WHERE i.id = @iterationId', { iterationId })
  return row && fromSetRow(row)
}

/** An id for the next set of an iteration. */
export function nextRankingSetId(db: Database, iterationId: string): string {
  return rankingSetId(iterationId, get<{ sets: number }>(db, 'SELECT count(*) AS sets FROM ranking_sets WHERE iteration_id = @iterationId', { iterationId })!.sets)
}

export function rankingSetsOf(db: Database, iterationId: string): RankingSet[] {
  return all<RankingSetRow>(db, 'SELECT * FROM ranking_sets WHERE iteration_id = @iterationId ORDER BY id', { iterationId }).map(fromSetRow)
}

export function rankingSetOf(db: Database, id: string): RankingSet | undefined {
  const row = get<RankingSetRow>(db, 'SELECT * FROM ranking_sets WHERE id = @id', { id })
  return row && fromSetRow(row)
}

/** The same ranking once more, as the next set of another iteration or of the same one; it counts there from now on. @returns its id */
export function copyRankingSet(db: Database, fromId: string, iterationId: string): string {
  const id = nextRankingSetId(db, iterationId)
  insertRankingSet(db, { ...rankingSetOf(db, fromId)!, id, iterationId })
  run(db, 'INSERT INTO rankings (set_id, prompt_id, judge, rewards, ordering) SELECT @id, prompt_id, judge, rewards, ordering FROM rankings WHERE set_id = @fromId', { id, fromId })
  run(
    db,
    `INSERT INTO consistencies (set_id, prompt_id, agreement, consistency, null_reason, current_ties, previous_ties)
     SELECT @id, prompt_id, agreement, consistency, null_reason, current_ties, previous_ties FROM consistencies WHERE set_id = @fromId`,
    { id, fromId },
  )
  return id
}

const fromSetRow = (row: RankingSetRow): RankingSet => ({ ...row, chance: JSON.parse(row.chance) as Record<string, number> })

/** A distinct text: equal texts are one response, named by the first, with a count. */
export interface RankedResponse {
  responseId: string
  reward: number
  count: number
}

export interface Ranking {
  setId: string
  promptId: string
  judge: 'current' | 'previous'
  rewards: RankedResponse[]
  /** Response ids, best first. */
  ordering: string[]
}
type RankingRow = Omit<Ranking, 'rewards' | 'ordering'> & { rewards: string; ordering: string }

export function insertRanking(db: Database, row: Ranking): void {
  run(db, 'INSERT INTO rankings (set_id, prompt_id, judge, rewards, ordering) VALUES (@setId, @promptId, @judge, @rewards, @ordering)', {
    ...row,
    rewards: toJson(row.rewards),
    ordering: toJson(row.ordering),
  })
}

/** By prompt, `current` before `previous`. */
export function rankingsOf(db: Database, setId: string): Ranking[] {
  return all<RankingRow>(db, 'SELECT * FROM rankings WHERE set_id = @setId ORDER BY prompt_id, judge', { setId }).map((row) => ({
    ...row,
    rewards: JSON.parse(row.rewards) as RankedResponse[],
    ordering: JSON.parse(row.ordering) as string[],
  }))
}

export interface Consistency {
  setId: string
  promptId: string
  /** The set's statistic: τ_j for tau-b and tau-a, rho, or 0/1 for toporder; null with the consistency. */
  agreement: number | null
  /** C_j in [0, 1], before any clamp. */
  consistency: number | null
  nullReason: NullReason | null
  /** Tied pairs in each judge's ranking. */
  currentTies: number
  previousTies: number
}

export function insertConsistency(db: Database, row: Consistency): void {
  run(
    db,
    `INSERT INTO consistencies (set_id, prompt_id, agreement, consistency, null_reason, current_ties, previous_ties)
     VALUES (@setId, @promptId, @agreement, @consistency, @nullReason, @currentTies, @previousTies)`,
    { ...row },
  )
}

export function consistenciesOf(db: Database, setId: string): Consistency[] {
  return all(db, 'SELECT * FROM consistencies WHERE set_id = @setId ORDER BY prompt_id', { setId })
}
