/** How people ordered all responses to a prompt: append-only; taking one back is a new row. */
import { all, get, run } from './database.ts'
import type { Database } from './database.ts'
import { toJson } from './encoding.ts'
import type { JudgementRow } from './verdicts.ts'

export interface HumanRanking extends JudgementRow {
  /** The session and its showing. */
  auditId: string
  showing: number
  /** Response ids in groups of equals, best first; null = skipped, or an undo. */
  ordering: string[][] | null
}
type HumanRankingRow = Omit<HumanRanking, 'ordering'> & { ordering: string | null }

/** The same request again (by its key) adds nothing. @throws SqliteError when the showing has a ranking that stands, or the session is closed */
export function insertHumanRanking(db: Database, row: Omit<HumanRanking, 'id' | 'createdAt'>): void {
  if (humanRankingByKey(db, row.idempotencyKey)) return // before the triggers see it
  run(
    db,
    `INSERT INTO human_rankings (audit_id, showing, prompt_id, ordering, undone_of, note, annotator, criterion, idempotency_key, elapsed_ms)
     VALUES (@auditId, @showing, @promptId, @ordering, @undoneOf, @note, @annotator, @criterion, @idempotencyKey, @elapsedMs)`,
    { ...row, ordering: row.ordering && toJson(row.ordering) },
  )
}

/** What a request wrote, if it did: a ranking or an undo. */
export function humanRankingByKey(db: Database, key: string): HumanRanking | undefined {
  const row = get<HumanRankingRow>(db, 'SELECT * FROM human_rankings WHERE idempotency_key = @key', { key })
  return row && fromRow(row)
}

/** Those that stand in a session, skipped ones included, in the order given. */
export function standingRankingsIn(db: Database, auditId: string): HumanRanking[] {
  return all<HumanRankingRow>(db, standingSql, { auditId }).map(fromRow)
}

const standingSql = `
  SELECT * FROM human_rankings r WHERE audit_id = @auditId AND undone_of IS NULL
    AND NOT EXISTS (SELECT 1 FROM human_rankings u WHERE u.undone_of = r.id) ORDER BY id`

const fromRow = (row: HumanRankingRow): HumanRanking => ({ ...row, ordering: row.ordering === null ? null : (JSON.parse(row.ordering) as string[][]) })
