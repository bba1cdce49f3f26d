/**
 * Reads a zip that anyone may have made (APPNOTE 6.3, the part without encryption, zip64 and several disks): the central
 * directory is held against the file and the limits before a byte is unpacked, and unpacking stops at the first byte too many.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { crc32, createInflateRaw } from 'node:zlib'
import { AppError } from '../../../preload/contract/errors.ts'
import { defaultLimits, type Limits } from './limits.ts'

export interface ZipEntry {
  readonly name: string
  readonly isDeflated: boolean
  readonly crc: number
  /** Bytes in the archive, and unpacked. */
  readonly packed: number
  readonly size: number
  /** Of its local header. */
  readonly offset: number
}

export interface ZipReader {
  readonly entries: ReadonlyMap<string, ZipEntry>
  /** @throws AppError 'bad-data' */
  read(entry: ZipEntry): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

const END = 0x06054b50
const CENTRAL = 0x02014b50
const LOCAL = 0x04034b50
const END_BYTES = 22
const CENTRAL_BYTES = 46
const LOCAL_BYTES = 30

/** @throws AppError 'bad-data' in one sentence */
export async function openZip(path: string, limits: Limits = defaultLimits): Promise<ZipReader> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new AppError('bad-data', `${path} cannot be opened (${error.code}); check the path.`, error)
  })
  const fail: Fail = (what) => {
    throw new AppError('bad-data', `${path} ${what}; nothing of it is trusted. Ask for the bundle again.`)
  }
  try {
    const entries = await readDirectory(file, limits, fail)
    return { entries, read: (entry) => unpack(file, entry, limits, fail), close: () => file.close() }
  } catch (error) {
    await file.close()
    throw error
  }
}

type Fail = (what: string) => never

async function readDirectory(file: FileHandle, limits: Limits, fail: Fail): Promise<Map<string, ZipEntry>> {
  const stat = await file.stat()
  if (!stat.isFile()) fail('is no file')
  const tail = await readAt(file, Math.max(0, stat.size - END_BYTES), Math.min(stat.size, END_BYTES), fail)
  // Without a comment, which a bundle has not, the end record is the file's end.
  if (tail.length < END_BYTES || tail.readUInt32LE(0) !== END || tail.readUInt16LE(20) !== 0) fail('is no whole zip archive: its end is missing or damaged')
  const [count, bytes, start] = [tail.readUInt16LE(10), tail.readUInt32LE(12), tail.readUInt32LE(16)]
  if (tail.readUInt16LE(4) !== 0 || tail.readUInt16LE(6) !== 0 || tail.readUInt16LE(8) !== count) fail('is one part of a split archive')
  if (count > limits.entries) fail(`says it holds ${count} files, more than the ${limits.entries} that a bundle may have`)
  if (start + bytes !== stat.size - END_BYTES || bytes < count * CENTRAL_BYTES) fail('has a table of contents that is not where its end says (or is a zip64 archive)')

  const directory = await readAt(file, start, bytes, fail)
  const entries = new Map<string, ZipEntry>()
  let at = 0
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_BYTES > bytes || directory.readUInt32LE(at) !== CENTRAL) fail(`has a damaged table of contents at file ${i + 1} of ${count}`)
    const [flags, method] = [directory.readUInt16LE(at + 8), directory.readUInt16LE(at + 10)]
    const [crc, packed, size] = [directory.readUInt32LE(at + 16), directory.readUInt32LE(at + 20), directory.readUInt32LE(at + 24)]
    const [nameBytes, extraBytes, commentBytes] = [directory.readUInt16LE(at + 28), directory.readUInt16LE(at + 30), directory.readUInt16LE(at + 32)]
    const next = at + CENTRAL_BYTES + nameBytes + extraBytes + commentBytes
    if (next > bytes) fail(`has a damaged table of contents at file ${i + 1} of ${count}`)
    const name = directory.toString('utf8', at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameBytes)
    const said = JSON.stringify(name.slice(0, 80))
    if (!/^[a-z][a-z0-9-]*\.(json|jsonl)$/.test(name)) fail(`holds a file named ${said}, which no bundle has`)
    if (entries.has(name)) fail(`holds ${said} twice`)
    if ((flags & 0x2041) !== 0) fail(`holds ${said} encrypted`)
    if (method !== 0 && method !== 8) fail(`holds ${said} packed in a way (${method}) that is not read here`)
    if (method === 0 && packed !== size) fail(`holds ${said} with two sizes`)
    if (size > limits.entryBytes) fail(`holds ${said} of ${size} bytes, more than the ${limits.entryBytes} that are read`)
    if (size > limits.ratioFrom && size > limits.ratio * packed) fail(`holds ${said}, which unpacks to ${Math.round(size / Math.max(1, packed))} times its size: a zip bomb`)
    entries.set(name, { name, isDeflated: method === 8, crc, packed, size, offset: directory.readUInt32LE(at + 42) })
    at = next
  }
  if (at !== bytes) fail('has a table of contents longer than its files')
  const total = [...entries.values()].reduce((sum, { size }) => sum + size, 0)
  if (total > limits.totalBytes) fail(`unpacks to ${total} bytes, more than the ${limits.totalBytes} that are read`)
  requireApart([...entries.values()], start, fail)
  return entries
}

/** Files that share bytes are how a small archive unpacks to a huge one. */
function requireApart(entries: readonly ZipEntry[], end: number, fail: Fail): void {
  const ordered = entries.toSorted((a, b) => a.offset - b.offset)
  ordered.forEach(({ name, offset, packed }, i) => {
    if (offset + LOCAL_BYTES + Buffer.byteLength(name) + packed > (ordered[i + 1]?.offset ?? end)) fail(`holds ${JSON.stringify(name)} in the same bytes as another file`)
  })
}

async function* unpack(file: FileHandle, { name, isDeflated, crc, packed, size, offset }: ZipEntry, limits: Limits, fail: Fail): AsyncGenerator<Uint8Array> {
  const said = JSON.stringify(name)
  const header = await readAt(file, offset, LOCAL_BYTES, fail)
  const nameBytes = header.readUInt16LE(26)
  if (header.readUInt32LE(0) !== LOCAL || header.readUInt16LE(8) !== (isDeflated ? 8 : 0)) fail(`has ${said} not where its table of contents says`)
  if ((await readAt(file, offset + LOCAL_BYTES, nameBytes, fail)).toString('utf8') !== name) fail(`names ${said} differently inside`)
  const start = offset + LOCAL_BYTES + nameBytes + header.readUInt16LE(28)

  let [sum, bytes] = [0, 0]
  for await (const piece of isDeflated ? inflated(file, start, packed, fail, said) : pieces(file, start, packed, fail)) {
    bytes += piece.length
    if (bytes > size || bytes > limits.entryBytes) fail(`holds ${said}, which unpacks to more than the ${size} bytes it promises`)
    if (bytes > limits.ratioFrom && bytes > limits.ratio * packed) fail(`holds ${said}, which unpacks to more than ${limits.ratio} times its size: a zip bomb`)
    sum = crc32(piece, sum)
    yield piece
  }
  if (bytes !== size) fail(`holds ${said} cut short: ${bytes} of ${size} bytes`)
  if (sum !== crc) fail(`holds ${said} damaged: its checksum differs`)
}

const PIECE = 2 ** 16

async function* pieces(file: FileHandle, start: number, bytes: number, fail: Fail): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes; at += PIECE) yield await readAt(file, start + at, Math.min(PIECE, bytes - at), fail)
}

async function* inflated(file: FileHandle, start: number, packed: number, fail: Fail, said: string): AsyncGenerator<Buffer> {
  const inflate = createInflateRaw({ chunkSize: PIECE })
  pipeline(Readable.from(pieces(file, start, packed, fail)), inflate, () => {}) // its errors come out of the iteration below
  try {
    for await (const piece of inflate as AsyncIterable<Buffer>) yield piece
  } catch (error) {
    if (error instanceof AppError) throw error
    fail(`holds ${said} damaged: it cannot be unpacked`)
  } finally {
    inflate.destroy()
  }
  if (inflate.bytesWritten !== packed) fail(`holds ${said} with bytes behind its end`)
}

async function readAt(file: FileHandle, position: number, length: number, fail: Fail): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = length === 0 ? { bytesRead: 0 } : await file.read(buffer, 0, length, position)
  if (bytesRead < length) fail('ends too early')
  return buffer
}
