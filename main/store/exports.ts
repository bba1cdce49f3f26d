/** Files made from a model, with what was proven about them. */
import { all, run } from './database.ts'
import type { Database } from './database.ts'
import { toJson } from './encoding.ts'

export interface Export {
  modelId: string
  format: string
  /** Relative to the project when inside it. */
  path: string
  sha256: string
  /** What was proven and how. */
  verification: Record<string, unknown>
  createdAt: string
}
type ExportRow = Omit<Export, 'verification'> & { verification: string }

/** What was exported to this place before is there no more: a new export takes its row. */
export function insertExport(db: Database, row: Omit<Export, 'createdAt'>): void {
  run(db, `INSERT INTO exports (model_id, format, path, sha256, verification) VALUES (@modelId, @format, @path, @sha256, @verification)
    ON CONFLICT (model_id, format, path) DO UPDATE SET sha256 = excluded.sha256, verification = excluded.verification, created_at = strftime('%Y-%m-%dT%H:%M:%fZ')`, {
    ...row,
    verification: toJson(row.verification),
  })
}

export function exportsOf(db: Database, modelId: string): Export[] {
  return all<ExportRow>(db, 'SELECT * FROM exports WHERE model_id = @modelId ORDER BY format, path', { modelId }).map(fromRow)
}

/** Of every model of a run, newest first. */
export function exportsOfRun(db: Database, runId: string): Export[] {
  return all<ExportRow>(db, 'SELECT e.* FROM exports e JOIN models m ON m.id = e.model_id WHERE m.run_id = @runId ORDER BY e.created_at DESC, e.path', { runId }).map(fromRow)
}

const fromRow = (row: ExportRow): Export => ({ ...row, verification: JSON.parse(row.verification) as Record<string, unknown> })
