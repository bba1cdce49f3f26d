/** A run: one configuration carried out on one base model. */
import type { RunConfig } from '../../preload/contract/config.ts'
import { all, get, run } from './database.ts'
import type { Database } from './database.ts'
import { toJson } from './encoding.ts'

export interface Run {
  id: string
  config: RunConfig
  seed: number
  /** Folder of M0: a link, so it may be absolute. */
  basePath: string
  baseSha256: string
  /** Where the path ends that is carried on; null before iteration 0 is planned. */
  activeIterationId: string | null
  createdAt: string
}
export type NewRun = Omit<Run, 'createdAt' | 'activeIterationId'>
type RunRow = Omit<Run, 'config'> & { config: string }

export function insertRun(db: Database, row: NewRun): void {
  run(db, 'INSERT INTO runs (id, config, seed, base_path, base_sha256) VALUES (@id, @config, @seed, @basePath, @baseSha256)', {
    ...row,
    config: toJson(row.config),
  })
}

export function runsOf(db: Database): Run[] {
  return all<RunRow>(db, 'SELECT * FROM runs ORDER BY id').map(fromRow)
}

export function runOf(db: Database, id: string): Run | undefined {
  const row = get<RunRow>(db, 'SELECT * FROM runs WHERE id = @id', { id })
  return row && fromRow(row)
}

/** The path to this iteration is the one that is carried on. */
export function setActiveIteration(db: Database, id: string, iterationId: string): void {
  run(db, 'UPDATE runs SET active_iteration_id = @iterationId WHERE id = @id', { id, iterationId })
}

/** The base model was moved ("locate"); the caller has checked that its sha256 is the same. */
export function relocateBase(db: Database, id: string, basePath: string): void {
  run(db, 'UPDATE runs SET base_path = @basePath WHERE id = @id', { id, basePath })
}

/** Files of the run were moved; what has begun on other contents stays with its input hash. */
export function relocateData(db: Database, id: string, data: RunConfig['data']): void {
  run(db, 'UPDATE runs SET config = @config WHERE id = @id', { id, config: toJson({ ...runOf(db, id)!.config, data }) })
}

const fromRow = (row: RunRow): Run => ({ ...row, config: JSON.parse(row.config) as RunConfig })
