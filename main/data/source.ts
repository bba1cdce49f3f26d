/** A file's bytes, unpacked where it is gzipped, with its first part looked at before anything else. */
import { type ReadStream, closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { AppError } from '../../preload/contract/errors.ts'
import type { Reach } from './reach.ts'

export interface Source {
  readonly path: string
  readonly isGzipped: boolean
  /** The file's beginning, without a byte order mark: `headSize` bytes, or all of them where there are fewer. */
  readonly head: Buffer
  /** `head` is all there is. */
  readonly isWhole: boolean
  /** Everything from the beginning; ends the reading when it is left. May be walked once. */
  readonly chunks: AsyncGenerator<Buffer>
}

const headSize = 4 * 2 ** 20
/** Text packs 3 to 20 times; what packs 200 times is no text. Below this size a bomb does no harm. */
const bombRatio = 200
const bombSize = 8 * 2 ** 20

/** @throws AppError('bad-data') when the file cannot be read */
export async function openSource(path: string, reach?: Reach): Promise<Source> {
  try {
    const isGzipped = magicOf(path).subarray(0, 2).equals(Buffer.from([0x1f, 0x8b]))
    const stored = createReadStream(path, isGzipped ? {} : { highWaterMark: 2 ** 20 })
    const bytes = guardErrors(isGzipped ? unpack(path, stored) : (stored as AsyncIterable<Buffer>), path, () => reach && (reach.bytes = stored.bytesRead))
    const first: Buffer[] = []
    let size = 0
    let isWhole = false
    while (size < headSize) {
      const next = await bytes.next()
      if (next.done) {
        isWhole = true
        break
      }
      first.push(next.value)
      size += next.value.length
    }
    const head = withoutMark(Buffer.concat(first), path)
    return { path, isGzipped, head, isWhole, chunks: chain(head, bytes) }
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

/** The file's first 4 bytes. @throws AppError('bad-data') */
export function magicOf(path: string): Buffer {
  try {
    if (statSync(path).isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' })
    const file = openSync(path, 'r')
    try {
      const magic = Buffer.alloc(4)
      return magic.subarray(0, readSync(file, magic, 0, 4, 0))
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

async function* unpack(path: string, packed: ReadStream): AsyncGenerator<Buffer> {
  const unpacked = createGunzip({ chunkSize: 2 ** 18 })
  packed.on('error', (error) => unpacked.destroy(error)).pipe(unpacked)
  let size = 0
  try {
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > bombSize && size > bombRatio * packed.bytesRead) {
        throw new AppError('bad-data', `${path} unpacks to more than ${bombRatio} times its size, which no text does; it was not read further. Unpack it yourself and look at what it holds.`)
      }
      yield chunk
    }
  } finally {
    unpacked.destroy()
    packed.destroy()
  }
}

async function* guardErrors(chunks: AsyncIterable<Buffer>, path: string, came: () => void): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of chunks) {
      came()
      yield chunk
    }
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

async function* chain(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head
    yield* rest
  } finally {
    await rest.return(undefined) // closes the file when the reader stops early
  }
}

function withoutMark(head: Buffer, path: string): Buffer {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return head.subarray(3)
  const utf16 = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)
  if (utf16) throw new AppError('bad-data', `${path} is UTF-16 text. Save it as UTF-8.`)
  return head
}

export function unreadable(path: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause
  const code = (cause as NodeJS.ErrnoException).code ?? ''
  if (code === 'ENOENT') return new AppError('bad-data', `${path} does not exist. Check the path.`, cause)
  if (code === 'EISDIR') return new AppError('bad-data', `${path} is a folder. Name a file in it.`, cause)
  if (code === 'EACCES') return new AppError('bad-data', `${path} may not be read. Check its permissions.`, cause)
  if (code.startsWith('Z_')) return new AppError('bad-data', `${path} is a damaged gzip file. Download or pack it again.`, cause)
  return new AppError('bad-data', `${path} cannot be read (${cause instanceof Error ? cause.message.slice(0, 200) : String(cause)}).`, cause)
}
