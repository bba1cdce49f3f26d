/** What a project says, without when it was said: two runs of one plan are equal exactly when this is. */
import { all } from './database.ts'
import type { Database, Value } from './database.ts'

/** Every table's rows by primary key; columns `*_at` and `*_ms` left out, BLOBs as hex. */
export function contentRows(db: Database): Record<string, Record<string, Value>[]> {
  const tables = all<{ name: string }>(db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
  return Object.fromEntries(tables.map(({ name }) => [name, rowsOf(db, name)]))
}

function rowsOf(db: Database, table: string): Record<string, Value>[] {
  const columns = all<{ name: string; pk: number }>(db, 'SELECT name, pk FROM pragma_table_info(@table) ORDER BY cid', { table })
  const content = columns.map(({ name }) => name).filter((name) => !/_(at|ms)$/.test(name))
  const key = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk)
  const rows = all<Record<string, Value>>(db, `SELECT ${content.join(', ')} FROM ${table} ORDER BY ${key.map(({ name }) => name).join(', ')}`)
  return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value])))
}
