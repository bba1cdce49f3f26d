/** Preference pairs, and for every prompt without one the reason. */
import type { SkipReason } from '../../preload/contract/domain.ts'
import { all, get, run } from './database.ts'
import type { Database } from './database.ts'

export interface Pair {
  setId: string
  promptId: string
  chosenId: string
  rejectedId: string
  /** Reward of chosen − reward of rejected, above 0. */
  margin: number
  /** The C its loss uses, after mean and clamp. */
  consistency: number
}

/** @throws SqliteError when a side does not answer this prompt, or the prompt is skipped in this set */
export function insertPair(db: Database, row: Pair): void {
  run(
    db,
    `INSERT INTO pairs (set_id, prompt_id, chosen_id, rejected_id, margin, consistency)
     VALUES (@setId, @promptId, @chosenId, @rejectedId, @margin, @consistency)`,
    { ...row },
  )
}

export function pairsOf(db: Database, setId: string): Pair[] {
  return all(db, 'SELECT * FROM pairs WHERE set_id = @setId ORDER BY prompt_id', { setId })
}

export function countPairs(db: Database, setId: string): number {
  return get<{ total: number }>(db, 'SELECT count(*) AS total FROM pairs WHERE set_id = @setId', { setId })!.total
}

export interface Skip {
  setId: string
  promptId: string
  reason: SkipReason
}

export function insertSkip(db: Database, row: Skip): void {
  run(db, 'INSERT INTO skips (set_id, prompt_id, reason) VALUES (@setId, @promptId, @reason)', { ...row })
}

export function skipsOf(db: Database, setId: string): Skip[] {
  return all(db, 'SELECT * FROM skips WHERE set_id = @setId ORDER BY prompt_id', { setId })
}
