/** Spot-check sessions: the plan they were started with, the verdicts that stand in them, and notes on what is not judged yet. */
import { all, get, inTransaction, run } from './database.ts'
import type { Database } from './database.ts'
import { toJson } from './encoding.ts'
import type { Verdict } from './verdicts.ts'

/** `Plan` is the method's; the store keeps it as it came. */
export interface Audit<Plan> {
  id: string
  setId: string
  mode: 'pairs' | 'rankings'
  /** The session whose showings and verdicts it goes on with. */
  continuesId: string | null
  plan: Plan
  annotator: string
  criterion: string
  /** The agreement that the gate demands, in (0, 1). */
  line: number
  idempotencyKey: string
  startedAt: string
  /** Null while it is open. */
  closedAt: string | null
}
export type NewAudit<Plan> = Omit<Audit<Plan>, 'startedAt' | 'closedAt'>
type AuditRow = Omit<Audit<never>, 'plan'> & { plan: string }

/** The same request again (by its key) adds nothing. */
export function insertAudit<Plan>(db: Database, row: NewAudit<Plan>): void {
  run(
    db,
    `INSERT INTO audits (id, set_id, mode, continues_id, plan, annotator, criterion, line, idempotency_key)
     VALUES (@id, @setId, @mode, @continuesId, @plan, @annotator, @criterion, @line, @idempotencyKey) ON CONFLICT (idempotency_key) DO NOTHING`,
    { ...row, plan: toJson(row.plan) },
  )
}

export function auditOf<Plan>(db: Database, id: string): Audit<Plan> | undefined {
  const row = get<AuditRow>(db, 'SELECT * FROM audits WHERE id = @id', { id })
  return row && fromRow<Plan>(row)
}

export function auditByKey<Plan>(db: Database, key: string): Audit<Plan> | undefined {
  const row = get<AuditRow>(db, 'SELECT * FROM audits WHERE idempotency_key = @key', { key })
  return row && fromRow<Plan>(row)
}

/** Oldest first. */
export function auditsOf<Plan>(db: Database, setId: string): Audit<Plan>[] {
  return all<AuditRow>(db, 'SELECT * FROM audits WHERE set_id = @setId ORDER BY started_at, id', { setId }).map((row) => fromRow<Plan>(row))
}

/** Over every branch of an iteration: those on the sets of all that have its t, oldest first. */
export function auditsOfRound<Plan>(db: Database, iterationId: string): Audit<Plan>[] {
  return all<AuditRow>(db, auditsOfRoundSql, { iterationId }).map((row) => fromRow<Plan>(row))
}

const auditsOfRoundSql = `
  SELECT a.* FROM iterations here JOIN iterations i ON i.run_id = here.run_id AND i.t = here.t
  JOIN ranking_sets s ON s.iteration_id = i.id JOIN audits a ON a.set_id = s.id
  WHERE here.id = @iterationId ORDER BY a.rowid`

/** Closes it, once; closing again changes nothing. */
export function closeAudit(db: Database, id: string): void {
  run(db, "UPDATE audits SET closed_at = strftime('%Y-%m-%dT%H:%M:%fZ') WHERE id = @id AND closed_at IS NULL", { id })
}

/** Which of the project's criteria this text is, counted from 1 in the order they were first used; the next number for a new one. */
export function criterionVersion(db: Database, criterion: string): number {
  const known = all<{ criterion: string }>(db, 'SELECT criterion FROM audits GROUP BY criterion ORDER BY min(rowid)').map((row) => row.criterion)
  const at = known.indexOf(criterion)
  return 1 + (at < 0 ? known.length : at)
}

/** A session and those it goes on with, the first one first. */
export function chainOf(db: Database, auditId: string): string[] {
  return all<{ id: string }>(db, chainSql, { auditId }).map(({ id }) => id)
}

const chainSql = `
  WITH RECURSIVE chain (id, continues_id, depth) AS (
    SELECT id, continues_id, 0 FROM audits WHERE id = @auditId
    UNION ALL SELECT a.id, a.continues_id, depth + 1 FROM audits a JOIN chain c ON a.id = c.continues_id)
  SELECT id FROM chain ORDER BY depth DESC`

/** Those that stand in this session, in the order given. */
export function standingVerdictsIn(db: Database, auditId: string): Verdict[] {
  return all(db, standingSql, { auditId })
}

const standingSql = `
  SELECT * FROM verdicts v WHERE audit_id = @auditId AND verdict IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM verdicts u WHERE u.undone_of = v.id) ORDER BY id`

/** Keeps a note on a showing that is not judged yet. The same request again (by its key) adds nothing. */
export function insertNote(db: Database, { auditId, showing, note, idempotencyKey }: { auditId: string; showing: number; note: string; idempotencyKey: string }): void {
  inTransaction(db, () => void run(
    db,
    `INSERT INTO audit_notes (audit_id, showing, note, idempotency_key) VALUES (@auditId, @showing, @note, @idempotencyKey) ON CONFLICT (idempotency_key) DO NOTHING`,
    { auditId, showing, note, idempotencyKey },
  ))
}

/** The newest; null where there is none, or it was taken away. */
export function noteOn(db: Database, auditId: string, showing: number): string | null {
  return get<{ note: string }>(db, 'SELECT note FROM audit_notes WHERE audit_id = @auditId AND showing = @showing ORDER BY id DESC LIMIT 1', { auditId, showing })?.note || null
}

export function hasNote(db: Database, idempotencyKey: string): boolean {
  return get(db, 'SELECT 1 AS one FROM audit_notes WHERE idempotency_key = @idempotencyKey', { idempotencyKey }) !== undefined
}

const fromRow = <Plan>(row: AuditRow): Audit<Plan> => ({ ...row, plan: JSON.parse(row.plan) as Plan })
