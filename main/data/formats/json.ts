/**
 * Rows of JSON Lines, of one JSON array, or of one JSON object whose members are rows (CREAM's files: {uuid: row}).
 * Arrays and objects are cut into their members as the bytes come; nothing but one member is ever held.
 */
import { AppError } from '../../../preload/contract/errors.ts'
import { type Fields, isFields } from '../layout.ts'
import type { Row } from '../rows.ts'
import type { Source } from '../source.ts'
import { largestRow, textLines } from './lines.ts'

export type JsonMode = 'lines' | 'array' | 'members' | 'row'

const [quote, backslash, comma, open, close, openBrace, closeBrace] = [0x22, 0x5c, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d]

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
    yield { number, value: asRow(value) }
  }
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

/** The members' bytes, without the commas between them. @throws AppError('bad-data') when brackets do not close or something follows */
async function* splitMembers({ chunks, path }: Source, first: number, last: number): AsyncGenerator<Buffer> {
  const scan = new Scan(first)
  const fault = (what: string): AppError => new AppError('bad-data', `${path} is not valid JSON: ${what}. Repair or export it again.`)
  let pending: Buffer[] = []
  let size = 0
  let count = 0
  for await (const chunk of chunks) {
    let start = 0
    while (start < chunk.length) {
      if (scan.isOver) {
        if (!chunk.subarray(start).every(isSpace)) throw fault('something stands behind its end')
        break
      }
      const isFirst = !scan.hasBegun
      const end = scan.next(chunk, start)
      const from = isFirst && scan.hasBegun ? scan.begin + 1 : start
      const part = chunk.subarray(from, end === -1 ? chunk.length : end)
      if (end === -1) {
        pending.push(part)
        size += part.length
        if (size > largestRow) throw new AppError('bad-data', `${path} has a row of more than 64 MB, or brackets or quotes that do not close. Repair it, or cut it into smaller rows.`)
        break
      }
      const member = pending.length === 0 ? part : Buffer.concat([...pending, part])
      pending = []
      size = 0
      start = end + 1
      if (scan.isOver && chunk[end] !== last) throw fault('its outermost bracket is closed by another')
      if (scan.isOver && count === 0 && member.every(isSpace)) continue // [] and {}
      count++
      yield member
    }
  }
  if (!scan.isOver) throw fault('it ends in the middle')
}

/** Walks JSON bytes and stops at each comma between members of the outermost bracket, and at its end. */
class Scan {
  /** The outermost bracket was met, and closed. */
  hasBegun = false
  isOver = false
  /** Where in the chunk the outermost bracket stood. */
  begin = -1
  readonly #first: number
  #depth = 0
  #inString = false
  #escaped = false

  constructor(first: number) {
    this.#first = first
  }

  /** @returns the place of the next comma or of the closing bracket, −1 when the chunk ends before */
  next(chunk: Buffer, from: number): number {
    let at = from
    if (!this.hasBegun) {
      while (at < chunk.length && chunk[at] !== this.#first) at++
      if (at === chunk.length) return -1
      this.hasBegun = true
      this.begin = at
      this.#depth = 1
      at++
    }
    let [depth, inString, escaped] = [this.#depth, this.#inString, this.#escaped]
    for (; at < chunk.length; at++) {
      const byte = chunk[at]!
      if (inString) {
        if (escaped) escaped = false
        else if (byte === backslash) escaped = true
        else if (byte === quote) inString = false
      } else if (byte === quote) inString = true
      else if (byte === open || byte === openBrace) depth++
      else if (byte === close || byte === closeBrace) {
        if (--depth === 0) break
      } else if (byte === comma && depth === 1) break
    }
    ;[this.#depth, this.#inString, this.#escaped] = [depth, inString, escaped]
    this.isOver = depth === 0
    return at < chunk.length ? at : -1
  }
}

/** Behind the bracket that closes the one at `start`; −1 when it is not in these bytes. */
function endOfValue(bytes: Buffer, start: number): number {
  const scan = new Scan(bytes[start]!)
  for (let at = start; ;) {
    const end = scan.next(bytes, at)
    if (end === -1) return -1
    if (scan.isOver) return end + 1
    at = end + 1
  }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
