/** Spot-check sessions: the plan they were started with, and the verdicts that stand in them. */
import { all, get, run } from './database.ts'
import type { Database } from './database.ts'
import { toJson } from './encoding.ts'
import type { Verdict } from './verdicts.ts'

/** `Plan` is the method's; the store keeps it as it came. */
export interface Audit<Plan> {
  id: string
  setId: string
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
    `INSERT INTO audits (id, set_id, plan, annotator, criterion, line, idempotency_key)
     VALUES (@id, @setId, @plan, @annotator, @criterion, @line, @idempotencyKey) ON CONFLICT (idempotency_key) DO NOTHING`,
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

/** Closes it, once; closing again changes nothing. */
export function closeAudit(db: Database, id: string): void {
  run(db, "UPDATE audits SET closed_at = strftime('%Y-%m-%dT%H:%M:%fZ') WHERE id = @id AND closed_at IS NULL", { id })
}

/** Those that stand, in the order given. */
export function standingVerdictsIn(db: Database, auditId: string): Verdict[] {
  return all(db, standingSql, { auditId })
}

const standingSql = `
  SELECT * FROM verdicts v WHERE audit_id = @auditId AND verdict IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM verdicts u WHERE u.undone_of = v.id) ORDER BY id`

const fromRow = <Plan>(row: AuditRow): Audit<Plan> => ({ ...row, plan: JSON.parse(row.plan) as Plan })
