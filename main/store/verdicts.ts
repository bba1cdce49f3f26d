/** What people judged: append-only; taking one back is a new row. */
import { all, get, inTransaction, run } from './database.ts'
import type { Database } from './database.ts'

/** What a row says beside what was judged. */
export interface JudgementRow {
  id: number
  promptId: string
  /** The row this one takes back. */
  undoneOf: number | null
  note: string | null
  annotator: string
  criterion: string
  idempotencyKey: string
  /** From shown to judged. */
  elapsedMs: number
  createdAt: string
}

export interface Verdict extends JudgementRow {
  responseAId: string
  responseBId: string
  /** The better side, neither, no answer, a broken pair; null in an undo. */
  verdict: 'a' | 'b' | 'tie' | 'skip' | 'flag' | null
  /** The session and its showing; null outside of one. */
  auditId: string | null
  showing: number | null
}
type InSession = 'auditId' | 'showing' | 'note'
export type NewVerdict = Omit<Verdict, 'id' | 'createdAt' | InSession> & Partial<Pick<Verdict, InSession>>

/** The row's id; the same request again (by its key) adds nothing. @throws SqliteError when the verdict is undone or the showing judged already, or the session closed */
export function insertVerdict(db: Database, row: NewVerdict): number {
  return inTransaction(db, () => {
    run(
      db,
      `INSERT INTO verdicts (prompt_id, response_a_id, response_b_id, verdict, undone_of, audit_id, showing, note, annotator, criterion, idempotency_key, elapsed_ms)
       VALUES (@promptId, @responseAId, @responseBId, @verdict, @undoneOf, @auditId, @showing, @note, @annotator, @criterion, @idempotencyKey, @elapsedMs)
       ON CONFLICT (idempotency_key) DO NOTHING`,
      { auditId: null, showing: null, note: null, ...row },
    )
    return get<{ id: number }>(db, 'SELECT id FROM verdicts WHERE idempotency_key = @key', { key: row.idempotencyKey })!.id
  })
}

/** What a request wrote, if it did: a verdict or an undo. */
export function verdictByKey(db: Database, key: string): Verdict | undefined {
  return get(db, 'SELECT * FROM verdicts WHERE idempotency_key = @key', { key })
}

/** All rows about a prompt, undone ones and undos included, in the order given. */
export function verdictsOf(db: Database, promptId: string): Verdict[] {
  return all(db, 'SELECT * FROM verdicts WHERE prompt_id = @promptId ORDER BY id', { promptId })
}

/** Those that stand: neither undone nor an undo. */
export function standingVerdictsOf(db: Database, promptId: string): Verdict[] {
  return all(db, standingVerdictsSql, { promptId })
}

const standingVerdictsSql = `
  SELECT * FROM verdicts v WHERE prompt_id = @promptId AND verdict IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM verdicts u WHERE u.undone_of = v.id) ORDER BY id`

/** A standing verdict on the two texts of a pair, whichever branch or session it was given in. */
export interface PairVerdict {
  promptId: string
  verdict: NonNullable<Verdict['verdict']>
  /** 1 = the chosen text was shown on side a, 0 = on side b. */
  chosenIsA: 0 | 1
}

/** On the pairs of a ranking set, oldest first; none of a session that is still open. */
export function verdictsOnPairs(db: Database, setId: string): PairVerdict[] {
  return all(db, verdictsOnPairsSql, { setId })
}

const verdictsOnPairsSql = `
  SELECT p.prompt_id, v.verdict, a.text = c.text AS chosen_is_a
  FROM verdicts v JOIN pairs p ON p.prompt_id = v.prompt_id AND p.set_id = @setId
  JOIN responses c ON c.id = p.chosen_id JOIN responses r ON r.id = p.rejected_id
  JOIN responses a ON a.id = v.response_a_id JOIN responses b ON b.id = v.response_b_id
  LEFT JOIN audits s ON s.id = v.audit_id
  WHERE v.verdict IS NOT NULL AND NOT EXISTS (SELECT 1 FROM verdicts u WHERE u.undone_of = v.id)
    AND (v.audit_id IS NULL OR s.closed_at IS NOT NULL)
    AND ((a.text = c.text AND b.text = r.text) OR (a.text = r.text AND b.text = c.text))
  ORDER BY v.id`
