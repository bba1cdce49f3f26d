/** A run: one configuration carried out on one base model. */
import { dirname, resolve } from 'node:path'
import type { RunConfig } from '../../preload/contract/config.ts'
import { all, get, run } from './database.ts'
import type { Database } from './database.ts'
import { toJson } from './encoding.ts'
import { linkForRow, linkIn } from './links.ts'

export interface Run {
  id: string
  config: RunConfig
  seed: number
  /** Folder of M0, absolute, as are the files of the configuration. Their rows are links. */
  basePath: string
  baseSha256: string
  /** Where the path ends that is carried on; null before iteration 0 is planned. */
  activeIterationId: string | null
  createdAt: string
}
export type NewRun = Omit<Run, 'createdAt' | 'activeIterationId'>
type RunRow = Omit<Run, 'config'> & { config: string }

export function insertRun(db: Database, row: NewRun): void {
  const link = toLink(db)
  run(db, 'INSERT INTO runs (id, config, seed, base_path, base_sha256) VALUES (@id, @config, @seed, @basePath, @baseSha256)', {
    ...row,
    basePath: link(row.basePath),
    config: toJson({ ...row.config, model: link(row.config.model), data: dataBy(link, row.config.data) }),
  })
}

export function runsOf(db: Database): Run[] {
  return all<RunRow>(db, 'SELECT * FROM runs ORDER BY id').map((row) => fromRow(db, row))
}

export function runOf(db: Database, id: string): Run | undefined {
  const row = get<RunRow>(db, 'SELECT * FROM runs WHERE id = @id', { id })
  return row && fromRow(db, row)
}

/** The path to this iteration is the one that is carried on. */
export function setActiveIteration(db: Database, id: string, iterationId: string): void {
  run(db, 'UPDATE runs SET active_iteration_id = @iterationId WHERE id = @id', { id, iterationId })
}

/** The base model is elsewhere now ("locate", or a copy of the project's own); the caller has checked that its sha256 is the same. */
export function relocateBase(db: Database, id: string, basePath: string): void {
  run(db, 'UPDATE runs SET base_path = @basePath WHERE id = @id', { id, basePath: toLink(db)(basePath) })
}

/** Files of the run were moved; what has begun on other contents stays with its input hash. */
export function relocateData(db: Database, id: string, data: Data): void {
  run(db, "UPDATE runs SET config = json_set(config, '$.data', json(@data)) WHERE id = @id", { id, data: toJson(dataBy(toLink(db), data)) })
}

type Data = RunConfig['data']
type Link = (path: string) => string

/** The project's folder, wherever it lies today: the database is in it. */
const placeOf = (db: Database): { folder: string } => ({ folder: dirname(resolve(db.name)) })
const toLink = (db: Database): Link => (path) => linkForRow(placeOf(db), path)
const fromLink = (db: Database): Link => (link) => linkIn(placeOf(db), link)

const dataBy = (link: Link, data: Data): Data => ({
  ...data,
  ...(data.sft !== undefined && { sft: link(data.sft) }),
  prompts: link(data.prompts),
  evaluation: data.evaluation.map((source) => ({ ...source, file: link(source.file) })),
})

function fromRow(db: Database, row: RunRow): Run {
  const link = fromLink(db)
  const config = JSON.parse(row.config) as Omit<RunConfig, 'weights'>
  // Runs from before there was a choice of weights had them in fp32.
  return { ...row, basePath: link(row.basePath), config: { weights: 'fp32', ...config, model: link(config.model), data: dataBy(link, config.data) } }
}
