/** A byte stream cut at its newlines; and plain text, of which each line that is not empty is a row. */
import { AppError } from '../../../preload/contract/errors.ts'
import type { Row } from '../row.ts'
import type { Source } from '../source.ts'

const newline = 0x0a
export const largestRow = 64 * 2 ** 20

/** @throws AppError('bad-data') for a line of more than 64 MB */
export async function* splitLines({ chunks, path }: Source): AsyncGenerator<Buffer> {
  let pending: Buffer[] = []
  let size = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const last = chunk.subarray(start, end)
      yield pending.length === 0 ? last : Buffer.concat([...pending, last])
      pending = []
      size = 0
      start = end + 1
    }
    pending.push(chunk.subarray(start))
    size += chunk.length - start
    if (size > largestRow) throw new AppError('bad-data', `${path} has a line of more than 64 MB. Rows have to be a JSON array, or JSON Lines with one row per line.`)
  }
  if (size > 0) yield Buffer.concat(pending)
}

/** The lines' texts without their ends; lines of white space are passed over, but counted. */
export async function* textLines(source: Source): AsyncGenerator<{ number: number; text: string } | { number: number; fault: string }> {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  let number = 0
  for await (const line of splitLines(source)) {
    number++
    let text: string
    try {
      text = utf8.decode(line).trim()
    } catch {
      yield { number, fault: 'is not UTF-8 text' }
      continue
    }
    if (text !== '') yield { number, text }
  }
}

export async function* textRows(source: Source): AsyncGenerator<Row> {
  for await (const line of textLines(source)) yield 'fault' in line ? line : { number: line.number, value: line.text }
}
