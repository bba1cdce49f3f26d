/** Planned batches: what a stage works on, in order. A batch's rows and its committed mark are one transaction. */
import { all, get, inTransaction, run } from './database.ts'
import type { Database } from './database.ts'
import { toJson } from './encoding.ts'

export interface Batch<Content = unknown> {
  stageId: string
  /** Plan order, from 0. */
  position: number
  /** JSON: what the batch works on, e.g. prompt ids. */
  content: Content
  /** Padded length in tokens, where the batch has one. */
  bucket: number | null
  status: 'planned' | 'committed'
  committedAt: string | null
}
export type BatchPlan<Content = unknown> = Pick<Batch<Content>, 'content' | 'bucket'>
type BatchRow = Omit<Batch, 'content'> & { content: string }

/**
 * Stores a stage's whole plan in one transaction. The same plan again changes nothing; a different one replaces it
 * as long as nothing is committed.
 * @throws Error when batches of a different plan are committed: a resumed stage must keep its plan
 */
export function planBatches<Content>(db: Database, stageId: string, plan: readonly BatchPlan<Content>[]): void {
  const rows = plan.map(({ content, bucket }, position) => ({ stageId, position, content: toJson(content), bucket }))
  inTransaction(db, () => {
    const stored = rowsOf(db, stageId)
    if (stored.length === rows.length && rows.every((row, i) => row.content === stored[i]?.content && row.bucket === stored[i].bucket)) return
    if (stored.some(({ status }) => status === 'committed')) throw new Error(`stage ${stageId} has committed batches of a different plan`)
    run(db, 'DELETE FROM batches WHERE stage_id = @stageId', { stageId })
    for (const row of rows) run(db, 'INSERT INTO batches (stage_id, position, content, bucket) VALUES (@stageId, @position, @content, @bucket)', row)
  })
}

/** The next batch to work on; undefined when all are committed. */
export function nextBatch<Content>(db: Database, stageId: string): Batch<Content> | undefined {
  const row = get<BatchRow>(db, "SELECT * FROM batches WHERE stage_id = @stageId AND status = 'planned' ORDER BY position LIMIT 1", { stageId })
  return row && fromRow<Content>(row)
}

/**
 * Commits a batch: what `insertRows` inserts and the committed mark, or nothing.
 * @throws Error when the batch is not planned or is committed already
 */
export function commitBatch(db: Database, batch: Pick<Batch, 'stageId' | 'position'>, insertRows: () => void): void {
  const { stageId, position } = batch
  inTransaction(db, () => {
    const changed = run(
      db,
      `UPDATE batches SET status = 'committed', committed_at = strftime('%Y-%m-%dT%H:%M:%fZ')
       WHERE stage_id = @stageId AND position = @position AND status = 'planned'`,
      { stageId, position },
    )
    if (changed !== 1) throw new Error(`batch ${position} of stage ${stageId} is not waiting to be committed`)
    insertRows()
  })
}

export function batchesOf<Content>(db: Database, stageId: string): Batch<Content>[] {
  return rowsOf(db, stageId).map((row) => fromRow<Content>(row))
}

/** For a progress bar. */
export function batchCounts(db: Database, stageId: string): { committed: number; total: number } {
  return get(db, "SELECT count(*) FILTER (WHERE status = 'committed') AS committed, count(*) AS total FROM batches WHERE stage_id = @stageId", { stageId })!
}

const rowsOf = (db: Database, stageId: string) => all<BatchRow>(db, 'SELECT * FROM batches WHERE stage_id = @stageId ORDER BY position', { stageId })
const fromRow = <Content>(row: BatchRow): Batch<Content> => ({ ...row, content: JSON.parse(row.content) as Content })
