/** Rows of a JSON array or of JSON Lines, gzipped or not. Lines are streamed; a bad line is one fault, not the end. */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { AppError } from '../../preload/contract/errors.ts'

/** `number` is the line in the file (JSON Lines) or the place in the array, from 1. */
export type Row = { number: number; value: unknown } | { number: number; fault: string }

const newline = 0x0a
const largestLine = 64 * 2 ** 20
const largestArray = 256 * 2 ** 20

/** @throws AppError('bad-data') when the file as a whole cannot be read */
export async function* readRows(path: string): AsyncGenerator<Row> {
  try {
    const chunks = await openChunks(path)
    const first = await chunks.next()
    if (first.done) return
    const start = withoutMark(first.value, path)
    const all = prepend(start, chunks)
    const opening = start.toString('latin1').trimStart()[0]
    yield* opening === '[' ? arrayRows(all, path) : lineRows(all, path)
  } catch (cause) {
    throw cause instanceof AppError ? cause : unreadable(path, cause)
  }
}

function unreadable(path: string, cause: unknown): AppError {
  const code = (cause as NodeJS.ErrnoException).code ?? ''
  if (code === 'ENOENT') return new AppError('bad-data', `${path} does not exist. Check the path.`, cause)
  if (code === 'EISDIR') return new AppError('bad-data', `${path} is a folder. Name a JSON or JSON Lines file in it.`, cause)
  if (code.startsWith('Z_')) return new AppError('bad-data', `${path} is a damaged gzip file. Download or pack it again.`, cause)
  return new AppError('bad-data', `${path} cannot be read (${cause instanceof Error ? cause.message : String(cause)}).`, cause)
}

/** Bytes of the file, unpacked when it begins like gzip, whatever its name. */
async function openChunks(path: string): Promise<AsyncIterator<Buffer>> {
  const magic: Buffer[] = []
  for await (const chunk of createReadStream(path, { end: 1 })) magic.push(chunk as Buffer)
  const zipped = Buffer.concat(magic).equals(Buffer.from([0x1f, 0x8b]))
  const file = createReadStream(path)
  if (!zipped) return file[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const unpacked: Readable = createGunzip()
  file.on('error', (error) => unpacked.destroy(error)).pipe(unpacked as ReturnType<typeof createGunzip>)
  unpacked.on('close', () => file.destroy())
  return unpacked[Symbol.asyncIterator]() as AsyncIterator<Buffer>
}

function withoutMark(chunk: Buffer, path: string): Buffer {
  if (chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf) return chunk.subarray(3)
  const utf16 = (chunk[0] === 0xff && chunk[1] === 0xfe) || (chunk[0] === 0xfe && chunk[1] === 0xff)
  if (utf16) throw new AppError('bad-data', `${path} is UTF-16 text. Save it as UTF-8.`)
  return chunk
}

async function* prepend(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield first
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.() // closes the file when the reader stops early
  }
}

async function* arrayRows(chunks: AsyncIterable<Buffer>, path: string): AsyncGenerator<Row> {
  const parts: Buffer[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > largestArray) throw new AppError('bad-data', `${path} is one JSON array of more than 256 MB. Convert it to JSON Lines (one row per line), which is read in pieces.`)
    parts.push(chunk)
  }
  let rows: unknown
  try {
    rows = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts)))
  } catch (cause) {
    throw new AppError('bad-data', `${path} begins like a JSON array but is not valid JSON in UTF-8 (${(cause as Error).message}). Repair or export it again.`, cause)
  }
  for (const [i, value] of (rows as unknown[]).entries()) yield { number: i + 1, value }
}

async function* lineRows(chunks: AsyncIterable<Buffer>, path: string): AsyncGenerator<Row> {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  let number = 0
  for await (const line of splitLines(chunks, path)) {
    number++
    let text: string
    try {
      text = utf8.decode(line).trim()
    } catch {
      yield { number, fault: 'is not UTF-8 text' }
      continue
    }
    if (text === '') continue
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      if (number === 1 && text === '{') throw new AppError('bad-data', `${path} is one JSON object over several lines. Rows have to be a JSON array, or JSON Lines with one row per line.`)
      yield { number, fault: 'is not valid JSON' }
      continue
    }
    yield { number, value }
  }
}

async function* splitLines(chunks: AsyncIterable<Buffer>, path: string): AsyncGenerator<Buffer> {
  let pending: Buffer[] = []
  let size = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      yield Buffer.concat([...pending, chunk.subarray(start, end)])
      pending = []
      size = 0
      start = end + 1
    }
    pending.push(chunk.subarray(start))
    size += chunk.length - start
    if (size > largestLine) throw new AppError('bad-data', `${path} has a line of more than 64 MB. Rows have to be a JSON array, or JSON Lines with one row per line.`)
  }
  if (size > 0) yield Buffer.concat(pending)
}
