/** M_t → M_{t+1}: a tree of iterations whose foreign keys tie each to the one that produced its policy. */
import type { RunConfig } from '../../preload/contract/config.ts'
import type { BackStage } from '../../preload/contract/requests/run.ts'
import { all, get, run } from './database.ts'
import type { Database } from './database.ts'
import { toJson } from './encoding.ts'
import { iterationId } from './ids.ts'
import { type Run, setActiveIteration } from './runs.ts'

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
  /** The iteration of the same t and parent that it branched off; null for none. */
  originId: string | null
  /** A branch's first own stage: those before are its origin's. */
  originStage: BackStage | null
  /** Whose responses it ranks and trains on; null = its own. */
  samplesId: string | null
  /** The ranking set that counts: its newest, or its origin's; null before the stage `rank`. */
  setId: string | null
  /** What replaces the run's settings here, and in the rounds after it. */
  settings: Partial<RunConfig>
}
type Branching = 'originId' | 'originStage' | 'samplesId' | 'setId' | 'settings'
export type NewIteration = Omit<Iteration, 'producedModelId' | Branching> & Partial<Pick<Iteration, Branching>>
type IterationRow = Omit<Iteration, 'settings'> & { settings: string }

/** It is where the run goes on from now. @throws SqliteError when policy, previous or t do not follow from the parent */
export function insertIteration(db: Database, row: NewIteration): void {
  run(
    db,
    `INSERT INTO iterations (id, run_id, parent_id, t, policy_model_id, previous_model_id, base_model_id, origin_id, origin_stage, samples_id, set_id, settings)
     VALUES (@id, @runId, @parentId, @t, @policyModelId, @previousModelId, @baseModelId, @originId, @originStage, @samplesId, @setId, @settings)`,
    { originId: null, originStage: null, samplesId: null, setId: null, ...row, settings: toJson(row.settings ?? {}) },
  )
  setActiveIteration(db, row.runId, row.id)
}

/** Names the model an iteration produced, once. */
export function setProducedModel(db: Database, iterationId: string, modelId: string): void {
  const changed = run(db, 'UPDATE iterations SET produced_model_id = @modelId WHERE id = @iterationId AND produced_model_id IS NULL', { iterationId, modelId })
  if (changed !== 1) throw new Error(`iteration ${iterationId} does not exist or has produced a model already`)
}

/** Another ranking set counts from now on; null = it is to be ranked again. */
export function setRankingSet(db: Database, iterationId: string, setId: string | null): void {
  run(db, 'UPDATE iterations SET set_id = @setId WHERE id = @iterationId', { iterationId, setId })
}

/** Settings for what is still to come in it; the caller has seen to it that nothing done depends on them. */
export function setSettings(db: Database, iterationId: string, settings: Iteration['settings']): void {
  run(db, 'UPDATE iterations SET settings = @settings WHERE id = @iterationId', { iterationId, settings: toJson(settings) })
}

/** Parents before children, each t in the order planned. */
export function iterationsOf(db: Database, runId: string): Iteration[] {
  return all<IterationRow>(db, 'SELECT * FROM iterations WHERE run_id = @runId ORDER BY t, id', { runId }).map(fromRow).sort((a, b) => a.t - b.t || inOrder(a, b))
}

export function iterationOf(db: Database, id: string): Iteration | undefined {
  const row = get<IterationRow>(db, 'SELECT * FROM iterations WHERE id = @id', { id })
  return row && fromRow(row)
}

/** The iterations that start from what this one produced, in the order planned. */
export function childrenOf(db: Database, iterationId: string): Iteration[] {
  return all<IterationRow>(db, 'SELECT * FROM iterations WHERE parent_id = @iterationId ORDER BY id', { iterationId }).map(fromRow).sort(inOrder)
}

/** SQL: the id under which the responses of `@iterationId` stand; a branch may share its origin's. */
export const samplesOf = '(SELECT coalesce(samples_id, id) FROM iterations WHERE id = @iterationId)'

/** The end of the path that is carried on. */
export function activeIteration(db: Database, { id, activeIterationId }: Pick<Run, 'id' | 'activeIterationId'>): Iteration {
  const found = activeIterationId === null ? undefined : iterationOf(db, activeIterationId)
  if (!found) throw new Error(`${id} has no iteration`)
  return found
}

/** An id for another iteration of this t: a new round, or a branch. */
export function nextIterationId(db: Database, runId: string, t: number): string {
  return iterationId(runId, t, get<{ planned: number }>(db, 'SELECT count(*) AS planned FROM iterations WHERE run_id = @runId AND t = @t', { runId, t })!.planned)
}

/** From iteration 0 to this one. */
export function pathTo(db: Database, iterationId: string): Iteration[] {
  const path: Iteration[] = []
  for (let at = iterationOf(db, iterationId); at; at = at.parentId === null ? undefined : iterationOf(db, at.parentId)) path.unshift(at)
  return path
}

/** Of one t, as they were planned: i1, i1b2, i1b10. */
const inOrder = (a: Iteration, b: Iteration): number => a.id.length - b.id.length || a.id.localeCompare(b.id, 'en')

const fromRow = (row: IterationRow): Iteration => ({ ...row, settings: JSON.parse(row.settings) as Iteration['settings'] })
