/** M_t → M_{t+1}: a tree of iterations whose foreign keys tie each to the one that produced its policy. */
import { all, get, run } from './database.ts'
import type { Database } from './database.ts'

export interface Iteration {
  id: string
  runId: string
  /** The iteration that produced the policy; null for t = 0, which is SFT (M0 → M1). */
  parentId: string | null
  t: number
  policyModelId: string
  /** The parent's policy; null for t = 0. */
  previousModelId: string | null
  baseModelId: string
  /** Null until it is trained. */
  producedModelId: string | null
}
export type NewIteration = Omit<Iteration, 'producedModelId'>

/** @throws SqliteError when policy, previous or t do not follow from the parent */
export function insertIteration(db: Database, row: NewIteration): void {
  run(
    db,
    `INSERT INTO iterations (id, run_id, parent_id, t, policy_model_id, previous_model_id, base_model_id)
     VALUES (@id, @runId, @parentId, @t, @policyModelId, @previousModelId, @baseModelId)`,
    { ...row },
  )
}

/** Names the model an iteration produced, once. */
export function setProducedModel(db: Database, iterationId: string, modelId: string): void {
  const changed = run(db, 'UPDATE iterations SET produced_model_id = @modelId WHERE id = @iterationId AND produced_model_id IS NULL', { iterationId, modelId })
  if (changed !== 1) throw new Error(`iteration ${iterationId} does not exist or has produced a model already`)
}

/** Parents before children. */
export function iterationsOf(db: Database, runId: string): Iteration[] {
  return all(db, 'SELECT * FROM iterations WHERE run_id = @runId ORDER BY t, id', { runId })
}

export function iterationOf(db: Database, id: string): Iteration | undefined {
  return get(db, 'SELECT * FROM iterations WHERE id = @id', { id })
}

/** The iterations that start from what this one produced. */
export function childrenOf(db: Database, iterationId: string): Iteration[] {
  return all(db, 'SELECT * FROM iterations WHERE parent_id = @iterationId ORDER BY id', { iterationId })
}
