/** M0, M1, …: the linked base, adapters over it, or whole weight sets. */
import { all, get, run } from './database.ts'
import type { Database } from './database.ts'

export interface Model {
  id: string
  runId: string
  name: string
  /** The model it was trained from; null for M0. */
  parentId: string | null
  kind: 'base' | 'adapter' | 'full'
  /** Relative to the project; null for the base. */
  path: string | null
  sha256: string
  createdAt: string
}
export type NewModel = Omit<Model, 'createdAt'>

export function insertModel(db: Database, row: NewModel): void {
  run(db, 'INSERT INTO models (id, run_id, name, parent_id, kind, path, sha256) VALUES (@id, @runId, @name, @parentId, @kind, @path, @sha256)', { ...row })
}

/** In the order they were committed. */
export function modelsOf(db: Database, runId: string): Model[] {
  return all(db, 'SELECT * FROM models WHERE run_id = @runId ORDER BY rowid', { runId })
}

export function modelOf(db: Database, id: string): Model | undefined {
  return get(db, 'SELECT * FROM models WHERE id = @id', { id })
}
