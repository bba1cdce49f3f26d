/** Rows of a file, whatever it is written in: JSON, JSON Lines, CSV, Parquet or lines of text, gzipped or not. Streamed; a bad row is one fault, not the end. */
import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { csvRows, delimiterOf, headerCells } from './formats/csv.ts'
import { jsonMode, jsonRows } from './formats/json.ts'
import { textRows } from './formats/lines.ts'
import { isParquet, parquetRows } from './formats/parquet.ts'
import { labelsBeside, withLabels } from './labels.ts'
import { isKnownColumn } from './layouts/by-columns.ts'
import type { Row } from './row.ts'
import type { Reach } from './reach.ts'
import { magicOf, openSource, type Source } from './source.ts'

export type Format = 'JSON' | 'JSON Lines' | 'CSV' | 'Parquet' | 'text'

export interface Rows {
  format: Format
  rows: AsyncGenerator<Row>
}

/** @throws AppError('bad-data') when the file as a whole cannot be read, now or while its rows are walked */
export async function openRows(path: string, reach?: Reach): Promise<Rows> {
  const { format, rows } = await openPlain(path, reach)
  if (reach) reach.total = statSync(path).size
  const labels = labelsBeside(path)
  return { format, rows: labels === null ? rows : withLabels(rows, labels) }
}

async function openPlain(path: string, reach?: Reach): Promise<Rows> {
  if (isParquet(magicOf(path))) return { format: 'Parquet', rows: parquetRows(path, undefined, reach) }
  const source = await openSource(path, reach)
  if (isParquet(source.head)) return { format: 'Parquet', rows: parquetRows(path, source) }
  switch (formatOf(source)) {
    case 'csv': return { format: 'CSV', rows: csvRows(source) }
    case 'text': return { format: 'text', rows: textRows(source) }
    case 'json': return { format: jsonMode(source) === 'lines' ? 'JSON Lines' : 'JSON', rows: jsonRows(source) }
  }
}

/** By the name where it says, else by the look of the first line. */
function formatOf(source: Source): 'csv' | 'text' | 'json' {
  const extension = /\.([^.]+?)(\.gz)?$/.exec(basename(source.path).toLowerCase())?.[1]
  if (extension === 'csv' || extension === 'tsv') return 'csv'
  if (extension === 'txt') return 'text'
  if (extension === 'json' || extension === 'jsonl' || extension === 'ndjson') return 'json'
  const line = firstLine(source.head)
  if (/^[[{"]/.test(line)) return 'json'
  return delimiterOf(line) !== null && headerCells(line).some(isKnownColumn) ? 'csv' : 'text'
}

function firstLine(head: Buffer): string {
  const text = head.subarray(0, 65_536).toString('utf8').trimStart()
  const end = text.indexOf('\n')
  return end === -1 ? text : text.slice(0, end)
}
