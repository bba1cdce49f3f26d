import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ModelError } from './error.ts'
import { refuseSystem } from './place.ts'

/** One system call reads at most this much: Node refuses 2 GiB and more. */
const READ_LIMIT = 2 ** 30
/** Written and hashed in pieces of this size, so that a waiting event loop still ticks. */
const WRITE_PIECE = 16 * 2 ** 20
/** The name of a file while it is being written; what carries it after a crash may be deleted. */
export const PARTIAL_SUFFIX = '.partial'

export type WrittenFile = { path: string; bytes: number; sha256: string }
export type JsonObject = Readonly<Record<string, unknown>>

/** Opens a regular file (a named pipe would block for ever), wherever a link to it leads. @throws ModelError when it is absent, unreadable or the system's */
export function openFile(path: string): { fd: number; bytes: number } {
  try {
    refuseSystem(realpathSync(path))
    if (!statSync(path).isFile()) throw new ModelError(`${path} is not a file; choose the model's folder again.`)
    const fd = openSync(path, 'r')
    return { fd, bytes: fstatSync(fd).size }
  } catch (error) {
    throw unreadable(path, error)
  }
}

/** Fills `target` from `position` on, at most `limit` bytes per call. @throws ModelError when the file ends early */
export function readFully(fd: number, target: Uint8Array, position: number, file: string, limit = READ_LIMIT): void {
  let done = 0
  while (done < target.length) {
    const read = readSync(fd, target, done, Math.min(limit, target.length - done), position + done)
    if (read === 0) throw new ModelError(`${file} became shorter while it was read; let its download finish, then try again.`)
    done += read
  }
}

/** A small text file as a whole. @throws ModelError when it is absent, unreadable, not UTF-8 or longer than `cap` bytes */
export function readText(path: string, cap = 2 ** 26): string {
  const { fd, bytes } = openFile(path)
  try {
    if (bytes > cap) throw new ModelError(`${path} has ${bytes} bytes, more than the ${cap} such a file may have; check that it is the right file.`)
    const text = new Uint8Array(bytes)
    readFully(fd, text, 0, path)
    return new TextDecoder('utf-8', { fatal: true }).decode(text)
  } catch (error) {
    throw error instanceof TypeError ? new ModelError(`${path} is not UTF-8 text; download it again.`, error) : unreadable(path, error)
  } finally {
    closeSync(fd)
  }
}

/** A JSON file that holds an object. @throws ModelError naming the file */
export function readJson(path: string): JsonObject {
  const text = readText(path)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new ModelError(`${path} is not valid JSON (${(error as Error).message.replace(/\s+/g, ' ').slice(0, 120)}); download it again or repair it.`, error)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ModelError(`${path} does not hold a JSON object; download it again.`)
  }
  return value as JsonObject
}

/**
 * Writes a file so that `path` holds either all of it or what was there before: into `path`.partial, fsync, rename.
 * System errors (no room, no permission) pass through as they are.
 */
export async function writeWhole(path: string, parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<WrittenFile> {
  const partial = path + PARTIAL_SUFFIX
  const hash = createHash('sha256')
  let bytes = 0
  try {
    const handle = await open(partial, 'w')
    try {
      for await (const part of parts) {
        for (let at = 0; at < part.length; ) {
          const { bytesWritten } = await handle.write(part, at, Math.min(WRITE_PIECE, part.length - at))
          hash.update(part.subarray(at, at + bytesWritten))
          at += bytesWritten
        }
        bytes += part.length
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(partial, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
  return { path, bytes, sha256: hash.digest('hex') }
}

export async function writeJson(path: string, value: JsonObject): Promise<WrittenFile> {
  return writeWhole(path, [new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`)])
}

/** Makes a rename survive a power cut. Windows neither needs nor allows it. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function unreadable(path: string, error: unknown): ModelError {
  if (error instanceof ModelError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') return new ModelError(`${path} does not exist; choose a folder that holds it.`, error)
  return new ModelError(`${path} cannot be read (${code ?? message}); check its permissions.`, error)
}
