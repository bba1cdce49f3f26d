/** Writes a bundle: rows pass from where they come into the archive and, texts aside, into evidence; equal rows give equal bytes. */
import { createHash } from 'node:crypto'
import { createWriteStream, type WriteStream } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { Zip, ZipDeflate } from 'fflate'
import { AppError } from '../../../preload/contract/errors.ts'
import { canonical } from '../verify/canonical.ts'
import { evidenceFormat, evidenceVersion, type Manifest } from '../verify/rows.ts'

/** fflate writes the plain zip form, whose offsets have 32 bits. */
const MOST_BYTES = 2 ** 32 - 2 ** 20
/** Characters gathered before they are packed. */
const PIECE = 2 ** 18

export interface Archive {
  /** A file of canonical lines, in this order. */
  add(name: string, values: Iterable<unknown>): Promise<void>
  /** Writes the manifest and the end. @returns bytes and sha256 of the whole file */
  finish(head: Pick<Manifest, 'creamery' | 'texts' | 'model'>): Promise<{ bytes: number; sha256: string }>
  /** Closes a file that is not finished. */
  abandon(): void
}

/** @throws AppError 'disk-full', 'bad-arguments' */
export function createArchive(path: string): Archive {
  const out: WriteStream = createWriteStream(path, { flags: 'wx' })
  const hash = createHash('sha256')
  const files: Manifest['files'] = []
  let [bytes, failure] = [0, null as Error | null]
  let wake = (): void => {}
  for (const event of ['drain', 'close'] as const) out.on(event, () => wake())
  out.on('error', (error: NodeJS.ErrnoException) => {
    failure = error.code === 'ENOSPC' ? new AppError('disk-full', `The disk is full: ${path} could not be written. Free some room and export again.`, error) : new AppError('bad-arguments', `${path} cannot be written (${error.code}); choose another place.`, error)
  })
  const zip = new Zip((error, data) => {
    if (error) failure = error
    bytes += data.length
    hash.update(data)
    out.write(data)
  })

  const settle = async (): Promise<void> => {
    await setImmediate() // whoever answers others too need not stop for this
    if (!failure && out.writableNeedDrain) await new Promise<void>((resolve) => (wake = resolve))
    if (bytes > MOST_BYTES) failure = new AppError('bad-data', 'The bundle is larger than 4 GB, which a plain zip cannot hold; leave the texts out.')
    if (failure) throw failure
  }

  const add = async (name: string, values: Iterable<unknown>, isListed: boolean): Promise<void> => {
    const entry = new ZipDeflate(name, { level: 6 })
    entry.mtime = new Date(1980, 0, 1) // the same bytes whenever it is written
    zip.add(entry)
    const fileHash = createHash('sha256')
    let [fileBytes, rows, lines] = [0, 0, '']
    const push = async (isLast: boolean): Promise<void> => {
      const piece = Buffer.from(lines)
      lines = ''
      fileHash.update(piece)
      fileBytes += piece.length
      entry.push(piece, isLast)
      await settle()
    }
    for (const value of values) {
      lines += `${canonical(value)}\n`
      rows++
      if (lines.length > PIECE) await push(false)
    }
    await push(true)
    if (isListed) files.push({ name, sha256: fileHash.digest('hex'), bytes: fileBytes, rows })
  }

  return {
    add: (name, values) => add(name, values, true),
    async finish(head) {
      await add('manifest.json', [{ format: evidenceFormat, version: evidenceVersion, ...head, files }], false)
      zip.end()
      out.end()
      if (!out.closed) await new Promise<void>((resolve) => (wake = resolve)) // an error closes it too
      if (failure) throw failure
      return { bytes, sha256: hash.digest('hex') }
    },
    abandon: () => void out.destroy(),
  }
}
