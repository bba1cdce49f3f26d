/** JSON bytes cut at the commas of their outermost bracket, chunk by chunk. */
import { AppError } from '../../../preload/contract/errors.ts'
import type { Source } from '../source.ts'
import { largestRow } from './lines.ts'

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c]
export const [open, close, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d]

/** The members' bytes, without the commas between them. @throws AppError('bad-data') when brackets do not close or something follows */
export async function* splitMembers({ chunks, path }: Source, first: number, last: number): AsyncGenerator<Buffer> {
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
export class Scan {
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
export function endOfValue(bytes: Buffer, start: number): number {
  const scan = new Scan(bytes[start]!)
  for (let at = start; ;) {
    const end = scan.next(bytes, at)
    if (end === -1) return -1
    if (scan.isOver) return end + 1
    at = end + 1
  }
}

export const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
