/**
 * Rows of JSON Lines, of one JSON array, or of one JSON object whose members are rows (CREAM's files: {uuid: row}).
 * Arrays and objects are cut into their members as the bytes come; nothing but one member is ever held.
 */
import { AppError } from '../../../preload/contract/errors.ts'
import { type Fields, isFields } from '../layout.ts'
import type { Row } from '../row.ts'
import type { Source } from '../source.ts'
import { Scan, close, closeBrace, endOfValue, isSpace, open, openBrace, splitMembers } from './json-scan.ts'
import { textLines } from './lines.ts'

export type JsonMode = 'lines' | 'array' | 'members' | 'row'

/** Keys of rows, which no uuid is. */
const columns = new Set(['id', 'messages', 'conversations', 'conversation', 'prompt', 'response', 'completion', 'question', 'choices', 'answer', 'instruction', 'chosen', 'rejected', 'text', 'turns', 'input', 'output', 'data', 'rows'])

/** Which of the forms a file has, told from its beginning. */
export function jsonMode({ head, isWhole }: Source): JsonMode {
  const start = head.findIndex((byte) => !isSpace(byte))
  const opening = head[start]
  if (opening !== open && opening !== openBrace) return 'lines'
  const end = endOfValue(head, start)
  if (end === -1) return opening === open ? 'array' : hasRowMember(head, start) ? 'members' : 'lines'
  const next = head.subarray(end).find((byte) => !isSpace(byte))
  if (next !== undefined) return 'lines'
  if (!isWhole) return 'lines' // whatever comes after 4 MB of white space
  if (opening === open) return 'array'
  const value = parsed(head.subarray(start, end))
  if (!isFields(value)) return 'lines'
  const members = Object.entries(value)
  return members.length > 0 && members.every(([key, member]) => isRowMember(key, member)) ? 'members' : 'row'
}

/** @throws AppError('bad-data') when the file as a whole is no JSON */
export async function* jsonRows(source: Source): AsyncGenerator<Row> {
  switch (jsonMode(source)) {
    case 'lines': return yield* lineRows(source)
    case 'array': return yield* memberRows(source, open, close, (text) => JSON.parse(text) as unknown)
    case 'members': return yield* memberRows(source, openBrace, closeBrace, (text) => asRow(JSON.parse(`{${text}}`) as Fields))
    case 'row': {
      await source.chunks.return(undefined)
      return yield { number: 1, value: parsed(source.head) }
    }
  }
}

async function* lineRows(source: Source): AsyncGenerator<Row> {
  const rowOf = areMembers(source.head) ? asRow : (value: unknown) => value
  for await (const line of textLines(source)) {
    const { number } = line
    if ('fault' in line) {
      yield line
      continue
    }
    let value: unknown
    try {
      value = JSON.parse(line.text)
    } catch {
      if (number === 1 && line.text === '{') throw new AppError('bad-data', `${source.path} has JSON objects over several lines each. Rows have to be a JSON array, or JSON Lines with one row per line.`)
      yield { number, fault: 'is not valid JSON' }
      continue
    }
    yield { number, value: rowOf(value) }
  }
}

/** Whether lines are {uuid: row}: the first two have one key each, and not the same. */
function areMembers(head: Buffer): boolean {
  const keys = head.toString('utf8').split('\n', 10).filter((line) => line.trim() !== '').slice(0, 2).map((line) => {
    const value = parsed(Buffer.from(line))
    const members = isFields(value) ? Object.entries(value) : []
    return members.length === 1 && isRowMember(...members[0]!) ? members[0]![0] : undefined
  })
  return keys.length === 2 && keys[0] !== undefined && keys[1] !== undefined && keys[0] !== keys[1]
}

async function* memberRows(source: Source, first: number, last: number, parse: (text: string) => unknown): AsyncGenerator<Row> {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  let number = 0
  for await (const member of splitMembers(source, first, last)) {
    number++
    let text: string
    try {
      text = utf8.decode(member)
    } catch {
      yield { number, fault: 'is not UTF-8 text' }
      continue
    }
    let value: unknown
    try {
      value = parse(text)
    } catch {
      yield { number, fault: 'is not valid JSON' }
      continue
    }
    yield { number, value }
  }
}

/** {uuid: [turn, …]} becomes {uuid, turns}; {uuid: {…}} becomes {uuid, …}; every other row stays. */
function asRow(value: unknown): unknown {
  if (!isFields(value)) return value
  const members = Object.entries(value)
  const [key, member] = members[0] ?? ['', null]
  if (members.length !== 1 || !isRowMember(key, member)) return value
  return Array.isArray(member) ? { uuid: key, turns: member } : { uuid: key, ...(member as Fields) }
}

const isRowMember = (key: string, member: unknown): boolean => !columns.has(key) && typeof member === 'object' && member !== null

/** Whether the first member of an object that goes on beyond the head is a row. */
function hasRowMember(head: Buffer, start: number): boolean {
  const scan = new Scan(openBrace)
  const end = scan.next(head, start)
  const member = end === -1 ? undefined : parsed(Buffer.concat([Buffer.from('{'), head.subarray(start + 1, end), Buffer.from('}')]))
  return isFields(member) && Object.entries(member).every(([key, value]) => isRowMember(key, value))
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
