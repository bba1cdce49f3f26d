import { existsSync, readFileSync, readdirSync, writeFileSync, cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { all, get, inTransaction, openDatabase, run } from '../../main/store/database.ts'
import type { Database } from '../../main/store/database.ts'
import { backupOf, migrationsFolder } from '../../main/store/migrate.ts'
import { modelsOf } from '../../main/store/models.ts'
import { insertPlan, temporaryDatabase, temporaryFolder } from './fixture.ts'

const newest = readdirSync(migrationsFolder).length

function open(file: string, options: Parameters<typeof openDatabase>[1] = {}): Database {
  const db = openDatabase(file, options)
  onTestFinished(() => void db.close())
  return db
}

/** The real migrations and one more. */
function withNextMigration(sql: string): string {
  const folder = join(temporaryFolder(), 'migrations')
  cpSync(migrationsFolder, folder, { recursive: true })
  writeFileSync(join(folder, `00${newest + 1}-next.sql`), sql)
  return folder
}

test('a fresh database has this version, durable settings and only STRICT tables', () => {
  const db = open(join(temporaryFolder(), 'creamery.db'))
  expect(db.pragma('user_version', { simple: true })).toBe(newest)
  expect(db.pragma('journal_mode', { simple: true })).toBe('wal')
  expect(db.pragma('synchronous', { simple: true })).toBe(2) // FULL
  expect(db.pragma('foreign_keys', { simple: true })).toBe(1)
  expect(db.pragma('busy_timeout', { simple: true })).toBe(5000)
  const tables = all<{ name: string; strict: number }>(db, "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'")
  expect(tables.length).toBeGreaterThan(15)
  expect(tables.filter(({ strict }) => strict === 0)).toEqual([])
  expect(existsSync(backupOf(db.name, 0))).toBe(false)
})

test('every column has its entry in the data dictionary', () => {
  const db = temporaryDatabase()
  for (const { name, sql } of all<{ name: string; sql: string }>(db, "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")) {
    const lines = sql.split('\n')
    for (const { column } of all<{ column: string }>(db, 'SELECT name AS column FROM pragma_table_info(@name)', { name })) {
      const line = lines.find((text) => text.startsWith(`  ${column} `))
      expect(line, `${name}.${column}`).toMatch(/-- \S/)
    }
  }
})

test('opening again migrates nothing and keeps the rows', () => {
  const file = join(temporaryFolder(), 'creamery.db')
  const first = openDatabase(file)
  insertPlan(first)
  first.close()
  const again = open(file)
  expect(modelsOf(again, 'run1').map(({ name }) => name)).toEqual(['M0', 'M1'])
  expect(existsSync(backupOf(file, newest))).toBe(false)
})

test('an older database is backed up, then migrated', () => {
  const file = join(temporaryFolder(), 'creamery.db')
  const old = openDatabase(file)
  insertPlan(old)
  old.close()
  const db = open(file, { migrations: withNextMigration('ALTER TABLE models ADD COLUMN note TEXT; UPDATE models SET note = name;') })
  expect(db.pragma('user_version', { simple: true })).toBe(newest + 1)
  expect(get(db, "SELECT note FROM models WHERE id = 'run1.M1'")).toEqual({ note: 'M1' })
  const backup = open(backupOf(file, newest), { readOnly: true })
  expect(modelsOf(backup, 'run1')).toHaveLength(2)
  expect(all(backup, 'SELECT name FROM pragma_table_info(@t)', { t: 'models' })).not.toContainEqual({ name: 'note' })
})

test('a migration that fails leaves the database as it was', () => {
  const file = join(temporaryFolder(), 'creamery.db')
  const old = openDatabase(file)
  insertPlan(old)
  old.close()
  const failing = withNextMigration("ALTER TABLE models ADD COLUMN note TEXT; INSERT INTO nowhere VALUES (1);")
  expect(() => openDatabase(file, { migrations: failing })).toThrow(/nowhere/)
  const orphaning = withNextMigration("DELETE FROM runs;")
  expect(() => openDatabase(file, { migrations: orphaning })).toThrow(/broken references/)
  const db = open(file)
  expect(db.pragma('user_version', { simple: true })).toBe(newest)
  expect(modelsOf(db, 'run1')[0]).not.toHaveProperty('note')
  expect(all(db, 'SELECT id FROM runs')).toHaveLength(1)
})

test('a newer database is refused unchanged, an older one is not opened read-only', () => {
  const file = join(temporaryFolder(), 'creamery.db')
  const migrations = withNextMigration('CREATE TABLE later (x INTEGER) STRICT;')
  openDatabase(file, { migrations }).close()
  const before = readFileSync(file)
  for (const readOnly of [false, true]) expect(() => openDatabase(file, { readOnly })).toThrow(expect.objectContaining({ code: 'wrong-version', message: expect.stringContaining('newer') }))
  expect(readFileSync(file).equals(before)).toBe(true)

  const older = join(temporaryFolder(), 'creamery.db')
  openDatabase(older).close()
  expect(() => openDatabase(older, { migrations, readOnly: true })).toThrow(expect.objectContaining({ code: 'wrong-version', message: expect.stringContaining('older') }))
})

test('files that are not a project are refused', () => {
  const folder = temporaryFolder()
  const text = join(folder, 'text.db')
  writeFileSync(text, 'not a database, but long enough to be looked at as if it were one of those\n'.repeat(20))
  expect(() => openDatabase(text)).toThrow(expect.objectContaining({ code: 'bad-data' }))
  const other = join(folder, 'other.db')
  const db = temporaryDatabase()
  db.exec(`ATTACH '${other}' AS other; CREATE TABLE other.notes (x); DETACH other;`)
  expect(() => openDatabase(other)).toThrow(expect.objectContaining({ code: 'bad-data', message: expect.stringContaining('another program') }))
  expect(() => openDatabase(join(folder, 'absent', 'creamery.db'), { readOnly: true })).toThrow(expect.objectContaining({ code: 'bad-arguments' }))
})

test('a read-only connection sees committed rows and cannot write', () => {
  const db = temporaryDatabase()
  insertPlan(db)
  const reader = open(db.name, { readOnly: true })
  expect(modelsOf(reader, 'run1')).toHaveLength(2)
  expect(() => run(reader, 'DELETE FROM models')).toThrow(/readonly/)
})

test('a transaction is all or nothing, nested ones too', () => {
  const db = temporaryDatabase()
  expect(() =>
    inTransaction(db, () => {
      insertPlan(db)
      throw new Error('pulled the plug')
    }),
  ).toThrow('pulled the plug')
  expect(all(db, 'SELECT id FROM runs')).toEqual([])
  expect(() =>
    inTransaction(db, () => {
      inTransaction(db, () => insertPlan(db))
      throw new Error('pulled the plug')
    }),
  ).toThrow('pulled the plug')
  expect(all(db, 'SELECT id FROM runs')).toEqual([])
})

test('a full disk is named, and what was committed stays', () => {
  const db = temporaryDatabase()
  insertPlan(db)
  db.pragma(`max_page_count = ${Number(db.pragma('page_count', { simple: true })) + 1}`)
  const big = 'x'.repeat(100_000)
  expect(() => inTransaction(db, () => run(db, 'UPDATE runs SET base_path = @big', { big }))).toThrow(expect.objectContaining({ code: 'disk-full' }))
  expect(get(db, 'SELECT base_path FROM runs')).toEqual({ basePath: '/models/base' })
})

test('migrations are numbered without a gap', () => {
  const folder = withNextMigration('SELECT 1;')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, '009-gap.sql'), 'SELECT 1;')
  expect(() => openDatabase(join(temporaryFolder(), 'creamery.db'), { migrations: folder })).toThrow(/numbering/)
})
