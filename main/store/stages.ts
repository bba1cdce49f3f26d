/** A stage of one iteration: its status, what it depended on, and what went wrong. */
import { stages } from '../../preload/contract/domain.ts'
import type { Stage, StageStatus } from '../../preload/contract/domain.ts'
import { all, get, run } from './database.ts'
import type { Database } from './database.ts'
import { batchCounts } from './batches.ts'
import { type Iteration, iterationOf } from './iterations.ts'
import { checkpointsOf } from './training.ts'

export interface StageRow {
  id: string
  iterationId: string
  stage: Stage
  status: StageStatus
  /** Hash of everything the stage depends on; null before it is known. */
  inputHash: string | null
  /** The sentence of a failed stage. */
  error: string | null
  startedAt: string | null
  finishedAt: string | null
  /** Optimiser steps in all; null before a training has begun, and in other stages. */
  plannedSteps: number | null
}

/** Plans a stage as 'pending'. */
export function insertStage(db: Database, row: Pick<StageRow, 'id' | 'iterationId' | 'stage' | 'inputHash'>): void {
  run(db, 'INSERT INTO stages (id, iteration_id, stage, input_hash) VALUES (@id, @iterationId, @stage, @inputHash)', { ...row })
}

/** Starts a stage, or starts it again. */
export function startStage(db: Database, id: string, inputHash: string): void {
  change(db, id, `UPDATE stages SET status = 'running', error = NULL, input_hash = @inputHash, started_at = ${now}, finished_at = NULL WHERE id = @id`, { inputHash })
}

/** @throws SqliteError while one of its batches is not committed */
export function finishStage(db: Database, id: string): void {
  change(db, id, `UPDATE stages SET status = 'done', error = NULL, finished_at = ${now} WHERE id = @id`)
}

/** `error` is the sentence a person reads. */
export function failStage(db: Database, id: string, error: string): void {
  change(db, id, `UPDATE stages SET status = 'failed', error = @error, finished_at = ${now} WHERE id = @id`, { error })
}

export function markStage(db: Database, id: string, status: 'pending' | 'paused' | 'stale'): void {
  change(db, id, 'UPDATE stages SET status = @status, error = NULL WHERE id = @id', { status })
}

export function setPlannedSteps(db: Database, id: string, plannedSteps: number): void {
  change(db, id, 'UPDATE stages SET planned_steps = @plannedSteps WHERE id = @id', { plannedSteps })
}

/** Of an iteration, in the order they are carried out. */
export function stagesOf(db: Database, iterationId: string): StageRow[] {
  const rows = all<StageRow>(db, 'SELECT * FROM stages WHERE iteration_id = @iterationId', { iterationId })
  return rows.sort((a, b) => stages.indexOf(a.stage) - stages.indexOf(b.stage))
}

/** Of an iteration and, before its own first one, of the branch it came from: each row says whose it is. In order. */
export function stagesWithShared(db: Database, { id, originId, originStage }: Pick<Iteration, 'id' | 'originId' | 'originStage'>): StageRow[] {
  const own = stagesOf(db, id)
  if (originId === null) return own
  const shared = stagesWithShared(db, iterationOf(db, originId)!).filter(({ stage }) => stages.indexOf(stage) < stages.indexOf(originStage!))
  return [...shared, ...own]
}

/** Whether it has committed something: it then ends with what it began with. */
export function hasBegun(db: Database, { id, status }: StageRow): boolean {
  return status === 'done' || batchCounts(db, id).committed > 0 || checkpointsOf(db, id).length > 0
}

/** How long its last start took until it was done, in seconds; null before. */
export function secondsOf({ status, startedAt, finishedAt }: StageRow): number | null {
  return status !== 'done' || startedAt === null || finishedAt === null ? null : Math.max(0, (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000)
}

export function stageOf(db: Database, id: string): StageRow | undefined {
  return get(db, 'SELECT * FROM stages WHERE id = @id', { id })
}

const now = "strftime('%Y-%m-%dT%H:%M:%fZ')"

function change(db: Database, id: string, sql: string, params: Record<string, string | number> = {}): void {
  if (run(db, sql, { id, ...params }) !== 1) throw new Error(`there is no stage ${id}`)
}
