/** Brings a database to this version: numbered files, one transaction each, a backup first, newer files refused. */
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import type { Database } from './database.ts'

export const migrationsFolder = join(import.meta.dirname, 'migrations')

/** Marks a SQLite file as a Creamery project ("CRMY"). */
const applicationId = 0x43524d59

interface Migration {
  version: number
  file: string
}

/** `001-x.sql`, `002-y.sql`, … in order. @throws when a number is missing or taken twice */
function migrationsIn(folder: string): Migration[] {
  const files = readdirSync(folder).filter((name) => /^\d{3}-.*\.sql$/.test(name)).sort()
  return files.map((name, i) => {
    if (Number(name.slice(0, 3)) !== i + 1) throw new Error(`migration ${name} breaks the numbering: ${i + 1} was expected`)
    return { version: i + 1, file: join(folder, name) }
  })
}

const versionOf = (db: Database) => db.pragma('user_version', { simple: true }) as number

/** Refuses what this version cannot open, before anything is written. */
export function checkVersion(db: Database, file: string, folder: string, readOnly: boolean): void {
  const version = versionOf(db)
  const latest = migrationsIn(folder).length
  const isEmpty = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0
  if (!isEmpty && db.pragma('application_id', { simple: true }) !== applicationId)
    throw new AppError('bad-data', `${file} is a database of another program; choose another folder for the project.`)
  if (version > latest)
    throw new AppError('wrong-version', `${file} was written by a newer Creamery (its schema is ${version}, this one knows ${latest}); update Creamery to open it.`)
  if (readOnly && version < latest)
    throw new AppError('wrong-version', `${file} was written by an older Creamery (its schema is ${version}, this one needs ${latest}); open it once for writing, so that it is brought up to date.`)
}

/** Runs the migrations the file has not seen. Foreign keys must be off (tables may be rebuilt); they are checked before each commit. */
export function migrate(db: Database, file: string, folder: string): void {
  const pending = migrationsIn(folder).slice(versionOf(db))
  if (pending.length === 0) return
  if (versionOf(db) > 0) backUp(db, file)
  db.pragma('foreign_keys = OFF')
  for (const { version, file: sql } of pending) {
    db.transaction(() => {
      db.exec(readFileSync(sql, 'utf8'))
      const broken = db.pragma('foreign_key_check') as unknown[]
      if (broken.length > 0) throw new Error(`migration ${sql} leaves ${broken.length} broken references`)
      db.pragma(`application_id = ${applicationId}`)
      db.pragma(`user_version = ${version}`)
    }).immediate()
  }
}

/** Where the state before a migration is kept. */
export const backupOf = (file: string, version: number) => `${file}.v${version}.backup`

/** A whole copy beside the database, durable before the first migration starts. */
function backUp(db: Database, file: string): void {
  const target = backupOf(file, versionOf(db))
  const partial = `${target}.partial`
  rmSync(partial, { force: true })
  db.prepare('VACUUM INTO ?').run(partial)
  const handle = openSync(partial, 'r+')
  fsyncSync(handle)
  closeSync(handle)
  renameSync(partial, target)
}
