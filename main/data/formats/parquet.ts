/** Rows of a Parquet file, some megabytes at a time. Every size that the file claims is held against what it has before it is believed. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { type AsyncBuffer, type Compressors, type FileMetaData, type RowGroup, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { compressors as portable } from 'hyparquet-compressors'
import { AppError } from '../../../preload/contract/errors.ts'
import type { Row } from '../row.ts'
import type { Reach } from '../reach.ts'
import type { Source } from '../source.ts'
import { unreadable } from '../source.ts'

/** Of decoded data at once; a column chunk of one row group has to be read whole all the same. */
const batchSize = 48 * 2 ** 20
const largestChunk = 512 * 2 ** 20
const largestPage = 128 * 2 ** 20
/** Nested columns are put together a row group at a time, which takes about seven times their size. */
const largestNested = 128 * 2 ** 20
const largestPacked = 256 * 2 ** 20
const mostRows = 100_000_000
const deepest = 32

export const isParquet = (head: Buffer): boolean => head.length >= 4 && head.toString('latin1', 0, 4) === 'PAR1'

/** @param packed the file's bytes where it is gzipped: Parquet is read from its end, so they are unpacked first */
export async function* parquetRows(path: string, packed?: Source, reach?: Reach): AsyncGenerator<Row> {
  const file = packed === undefined ? openFile(path) : await unpack(packed)
  try {
    yield* rowsOf(file, path, reach)
  } catch (cause) {
    if (cause instanceof AppError || (cause as NodeJS.ErrnoException).syscall !== undefined) throw unreadable(path, cause)
    const said = cause instanceof Error ? cause.message.replace(/^parquet /, '').slice(0, 200) : String(cause)
    throw new AppError('bad-data', `${path} is a damaged Parquet file, or of a kind that is not read (${said}). Download it again, or write it anew.`, cause)
  } finally {
    file.close()
  }
}

async function* rowsOf(file: AsyncBuffer, path: string, reach: Reach | undefined): AsyncGenerator<Row> {
  const metadata = await parquetMetadataAsync(file)
  checkGroups(metadata, path)
  let number = 0
  for (const group of metadata.row_groups) {
    const groupEnd = number + Number(group.num_rows)
    const step = rowsAtOnce(group)
    while (number < groupEnd) {
      const rows = await parquetReadObjects({ file, metadata, rowStart: number, rowEnd: Math.min(groupEnd, number + step), compressors, useOffsetIndex: true })
      await turn() // the sandbox's sign of life
      if (rows.length === 0) throw new Error(`a row group ends after ${number} of ${groupEnd} rows`)
      for (const row of rows) {
        number++
        const value = plainOf(row, 0) as Record<string, unknown>
        if (Object.values(row).every((cell) => cell === undefined)) throw new Error(`a row group ends before row ${number}`)
        yield { number, value }
      }
      if (reach) reach.bytes = Math.round((file.byteLength * number) / Number(metadata.num_rows)) // columns lie one behind the other
    }
  }
}

function checkGroups({ row_groups: groups, num_rows: rows }: FileMetaData, path: string): void {
  const counted = groups.reduce((sum, group) => sum + Number(group.num_rows), 0)
  if (!(counted >= 0) || counted > mostRows || groups.some(({ num_rows: own }) => own < 0n) || counted !== Number(rows)) throw new Error(`its footer tells of ${rows} rows and of ${counted} in its row groups`)
  for (const { columns, num_rows: own } of groups) {
    let nested = 0
    for (const { meta_data: meta } of columns) {
      if (meta === undefined) throw new Error('a column without a description')
      const isFlat = meta.path_in_schema.length === 1
      if (isFlat && meta.num_values !== own) throw new Error(`the column "${meta.path_in_schema[0]}" has ${meta.num_values} values for ${own} rows`)
      if (!isFlat) nested += Number(meta.total_uncompressed_size)
      if (Number(meta.total_compressed_size) > largestChunk || nested > largestNested) {
        throw new AppError('bad-data', `${path} has row groups that are too large to be read in pieces. Write it again with smaller ones (pyarrow: row_group_size=10000).`)
      }
    }
  }
}

/** Flat columns are decoded page by page, so a part of a group costs its part; nested ones are decoded whole each time. */
function rowsAtOnce({ columns, num_rows: rows, total_byte_size: bytes }: RowGroup): number {
  const isNested = columns.some(({ meta_data: meta }) => (meta?.path_in_schema.length ?? 0) > 1)
  const batches = isNested ? 1 : Math.max(1, Math.ceil(Number(bytes) / batchSize))
  return Math.max(1, Math.ceil(Number(rows) / batches))
}

type File = AsyncBuffer & { close(): void }

function openFile(path: string): File {
  const handle = openSync(path, 'r')
  const byteLength = fstatSync(handle).size
  return {
    byteLength,
    slice(start, end = byteLength) {
      const bytes = new Uint8Array(sizeBetween(start, end, byteLength))
      for (let done = 0; done < bytes.length;) {
        const read = readSync(handle, bytes, done, Math.min(bytes.length - done, 2 ** 24), start + done)
        if (read === 0) throw new Error('it became shorter while it was read')
        done += read
      }
      return bytes.buffer
    },
    close: () => closeSync(handle),
  }
}

async function unpack({ chunks, path }: Source): Promise<File> {
  const parts: Buffer[] = []
  let size = 0
  for await (const chunk of chunks) {
    parts.push(chunk)
    size += chunk.length
    if (size > largestPacked) throw new AppError('bad-data', `${path} is a gzipped Parquet file of more than 256 MB. Unpack it first: Parquet is packed inside already.`)
  }
  const bytes = new Uint8Array(Buffer.concat(parts))
  return {
    byteLength: size,
    slice: (start, end = size) => {
      sizeBetween(start, end, size)
      return bytes.buffer.slice(start, end)
    },
    close: () => {},
  }
}

function sizeBetween(start: number, end: number, byteLength: number): number {
  if (!(start >= 0 && start <= end && end <= byteLength)) throw new Error(`it points to bytes ${start}–${end} of ${byteLength}`)
  if (end - start > largestChunk) throw new Error(`it asks for ${end - start} bytes at once`)
  return end - start
}

const bounded = (unpackPage: (input: Uint8Array, length: number) => Uint8Array) => (input: Uint8Array, length: number): Uint8Array => {
  if (!(length >= 0 && length <= largestPage)) throw new Error(`a page of ${length} bytes`)
  return length === 0 ? new Uint8Array() : unpackPage(input, length)
}

const compressors: Compressors = {
  SNAPPY: bounded(portable.SNAPPY!),
  LZ4: bounded(portable.LZ4!),
  LZ4_RAW: bounded(portable.LZ4_RAW!),
  GZIP: bounded((input, maxOutputLength) => gunzipSync(input, { maxOutputLength })),
  BROTLI: bounded((input, maxOutputLength) => brotliDecompressSync(input, { maxOutputLength })),
  ZSTD: bounded((input, maxOutputLength) => zstdDecompressSync(input, { maxOutputLength })),
}

/** As JSON would give it: whole numbers that are safe as numbers, moments as texts, bytes left out. */
function plainOf(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth > deepest) throw new Error('its values are nested too deeply')
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof Uint8Array) return undefined
  if (Array.isArray(value)) return value.map((entry) => plainOf(entry, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plainOf(entry, depth + 1)]))
}
