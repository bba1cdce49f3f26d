/** The only file that knows better-sqlite3: opening, transactions, and rows as plain camelCase objects. */
import { existsSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { AppError } from '../../preload/contract/errors.ts'
import { checkVersion, migrate, migrationsFolder } from './migrate.ts'

export type Database = Sqlite.Database
/** What a column holds and a parameter may be. */
export type Value = string | number | Uint8Array | null
export type Params = Readonly<Record<string, Value>>

export interface OpenOptions {
  readOnly?: boolean
  /** Folder of `NNN-*.sql`; another one only in tests. */
  migrations?: string
}

/**
 * Opens a project's database: creates it or migrates it to this version (after a backup), unless `readOnly`.
 * @throws AppError 'wrong-version' when the file is newer, or older and read-only; 'bad-data' when it is not a project's
 */
export function openDatabase(file: string, { readOnly = false, migrations = migrationsFolder }: OpenOptions = {}): Database {
  if (readOnly && !existsSync(file)) throw new AppError('bad-arguments', `There is no project database at ${file}; check the project's path.`)
  let db: Database | undefined
  try {
    db = new Sqlite(file, { readonly: readOnly, timeout: 5000 })
    checkVersion(db, file, migrations, readOnly)
    db.pragma('recursive_triggers = ON')
    if (!readOnly) {
      db.pragma('journal_mode = WAL')
      db.pragma('synchronous = FULL')
      migrate(db, file, migrations)
    }
    db.pragma('foreign_keys = ON')
    return db
  } catch (error) {
    db?.close()
    throw explained(error, file)
  }
}

/**
 * Runs `work` in one transaction: all of it is committed and durable, or none of it. Nested calls are savepoints.
 * @throws AppError 'disk-full', 'no-project'; everything else as thrown
 */
export function inTransaction<T>(db: Database, work: () => T): T {
  requireOpen(db)
  try {
    return db.transaction(work).immediate()
  } catch (error) {
    throw explained(error, db.name)
  }
}

/** Runs a statement that returns no rows; the number of rows it changed. */
export function run(db: Database, sql: string, params: Params = {}): number {
  return prepared(db, sql).statement.run(params).changes
}

/** All rows of a query, columns in camelCase. `T` is the caller's promise about the columns it selects. */
export function all<T>(db: Database, sql: string, params: Params = {}): T[] {
  const { statement, names } = prepared(db, sql)
  return (statement.all(params) as Value[][]).map((values) => toRow(names, values) as T)
}

/** The first row of a query, or undefined. */
export function get<T>(db: Database, sql: string, params: Params = {}): T | undefined {
  const { statement, names } = prepared(db, sql)
  const values = statement.get(params) as Value[] | undefined
  return values && (toRow(names, values) as T)
}

/** Whoever reads a bit at a time may find the project closed in between. @throws AppError 'no-project' */
function requireOpen({ open }: Database): void {
  if (!open) throw new AppError('no-project', 'The project was closed before this was answered; open it and ask again.')
}

interface Prepared {
  statement: Sqlite.Statement<[Params]>
  /** Column names in camelCase; empty for statements that return no rows. */
  names: string[]
}
const preparedOf = new WeakMap<Database, Map<string, Prepared>>()

/** Statements are compiled once per connection: every SQL text is a constant of its noun's module. */
function prepared(db: Database, sql: string): Prepared {
  requireOpen(db)
  let statements = preparedOf.get(db)
  if (!statements) preparedOf.set(db, (statements = new Map<string, Prepared>()))
  let entry = statements.get(sql)
  if (!entry) {
    const statement = db.prepare<[Params]>(sql)
    entry = statement.reader
      ? { statement: statement.raw(true), names: statement.columns().map(({ name }) => name.replace(/_(\w)/g, (_, c: string) => c.toUpperCase())) }
      : { statement, names: [] }
    statements.set(sql, entry)
  }
  return entry
}

function toRow(names: string[], values: Value[]): Record<string, Value> {
  const row: Record<string, Value> = {}
  for (const [i, name] of names.entries()) row[name] = values[i] ?? null
  return row
}

/** SQLite's errors that a person can do something about, as AppErrors. */
function explained(error: unknown, file: string): unknown {
  if (!(error instanceof Sqlite.SqliteError)) return error
  if (error.code === 'SQLITE_FULL') return new AppError('disk-full', `The disk is full: ${file} could not be written. Free some room and start again; nothing committed is lost.`, error)
  if (error.code === 'SQLITE_NOTADB') return new AppError('bad-data', `${file} is not a Creamery database; check the project's path.`, error)
  if (error.code.startsWith('SQLITE_CORRUPT')) return new AppError('bad-data', `${file} is damaged; restore it from a backup beside it.`, error)
  if (error.code === 'SQLITE_CANTOPEN') return new AppError('bad-arguments', `${file} cannot be opened; check that its folder exists and may be written.`, error)
  return error
}
