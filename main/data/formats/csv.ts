/** Rows of comma- (semicolon-, tab-, bar-) separated values (RFC 4180), each an object by the names in the first line. */
import { Readable } from 'node:stream'
import { parse } from 'csv-parse'
import { AppError } from '../../../preload/contract/errors.ts'
import { isFields } from '../layout.ts'
import type { Row } from '../row.ts'
import type { Source } from '../source.ts'
import { unreadable } from '../source.ts'

const delimiters = [',', '\t', ';', '|']
const largestRecord = 16 * 2 ** 20
const mostColumns = 1000

/** The separator that a header line has most of, outside of quotes; null when it has none. */
export function delimiterOf(header: string): string | null {
  const bare = header.replace(/"[^"]*"/g, '')
  const counted = delimiters.map((delimiter) => ({ delimiter, times: bare.split(delimiter).length - 1 }))
  const best = counted.reduce((a, b) => (b.times > a.times ? b : a))
  return best.times === 0 ? null : best.delimiter
}

/** Cells of a header line, roughly: for telling what a file is, not for reading it. */
export function headerCells(header: string): string[] {
  return header.split(delimiterOf(header) ?? ',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'))
}

/** @throws AppError('bad-data') for a quote that is never closed, for text that is no UTF-8, and for a header that names nothing */
export async function* csvRows(source: Source): AsyncGenerator<Row> {
  const { path, head } = source
  const header = head.toString('utf8', 0, 65_536).split(/\r?\n/, 1)[0]!
  const parser = parse({
    delimiter: delimiterOf(header) ?? ',', record_delimiter: ['\r\n', '\n'], relax_quotes: true, relax_column_count: true, max_record_size: largestRecord,
  })
  const input = Readable.from(decode(source))
  input.on('error', (error) => parser.destroy(error)).pipe(parser)
  let names: string[] | undefined
  let number = 0
  try {
    for await (const cells of parser as AsyncIterable<string[]>) {
      number++
      if (cells.every((cell) => cell.trim() === '')) continue
      if (names === undefined) names = namesOf(cells, path)
      else if (cells.length !== names.length) yield { number, fault: `has ${cells.length} cells where the header names ${names.length} columns` }
      else yield { number, value: Object.fromEntries(names.map((name, i) => [name, valueOf(cells[i]!)])) }
    }
  } catch (cause) {
    throw csvError(cause, path)
  } finally {
    input.destroy()
    parser.destroy()
    await source.chunks.return(undefined)
  }
}

async function* decode({ chunks, path }: Source): AsyncGenerator<string> {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  let read = 0
  try {
    for await (const chunk of chunks) {
      const text = utf8.decode(chunk, { stream: true })
      if (text !== '') yield text
      read += chunk.length
    }
    yield utf8.decode()
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause
    throw new AppError('bad-data', `${path} is not UTF-8 text (in the ${Math.floor(read / 2 ** 20) + 1}. megabyte). Save it as UTF-8 (in a spreadsheet: "CSV UTF-8").`, cause)
  }
}

function namesOf(cells: readonly string[], path: string): string[] {
  if (cells.length > mostColumns) throw new AppError('bad-data', `${path} has ${cells.length} columns in its first line; at most ${mostColumns} are read. Leave out what is not needed.`)
  const seen = new Map<string, number>()
  return cells.map((cell, i) => {
    const name = cell.trim() === '' ? `column ${i + 1}` : cell.trim()
    const times = (seen.get(name) ?? 0) + 1
    seen.set(name, times)
    return times === 1 ? name : `${name} (${times})`
  })
}

/** Conversations and lists of choices are written into a cell as JSON; whatever else looks like JSON stays the text it is. */
function valueOf(cell: string): unknown {
  if (!/^\s*[[{]/.test(cell)) return cell
  let value: unknown
  try {
    value = JSON.parse(cell)
  } catch {
    return cell
  }
  const isTurns = Array.isArray(value) && value.length > 0 && value.every((turn) => isFields(turn) && ('role' in turn || 'from' in turn))
  const isChoices = isFields(value) ? Array.isArray(value['text']) && Array.isArray(value['label']) : Array.isArray(value) && value.length > 0 && value.every((choice) => isFields(choice) && 'text' in choice && 'label' in choice)
  return isTurns || isChoices ? value : cell
}

function csvError(cause: unknown, path: string): AppError {
  const { code, message } = cause as { code?: unknown; message: string }
  const line = /at line (\d+)/.exec(message)?.[1]
  const where = line === undefined ? '' : ` at line ${line}`
  if (code === 'CSV_QUOTE_NOT_CLOSED' || code === 'CSV_MAX_RECORD_SIZE') {
    return new AppError('bad-data', `${path} has a quote that is still open${where || ' after 16 MB'}. Close it, and write quotes inside of a cell twice.`, cause)
  }
  if (typeof code === 'string' && code.startsWith('CSV_')) return new AppError('bad-data', `${path} is not valid CSV (${message.slice(0, 200)}). Export it again.`, cause)
  return unreadable(path, cause)
}
