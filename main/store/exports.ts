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

export function insertExport(db: Database, row: Omit<Export, 'createdAt'>): void {
  run(db, 'INSERT INTO exports (model_id, format, path, sha256, verification) VALUES (@modelId, @format, @path, @sha256, @verification)', {
    ...row,
    verification: toJson(row.verification),
  })
}

export function exportsOf(db: Database, modelId: string): Export[] {
  return all<Omit<Export, 'verification'> & { verification: string }>(db, 'SELECT * FROM exports WHERE model_id = @modelId ORDER BY format, path', { modelId }).map(
    (row) => ({ ...row, verification: JSON.parse(row.verification) as Record<string, unknown> }),
  )
}
