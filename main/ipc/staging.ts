/**
 * What is being made and has no place yet: copies of models for a project that is still planned, and projects until they are whole.
 * It lies in a hidden folder beside the projects, so that a rename takes it to its place, and belongs to the process that holds
 * that folder's lock: what a process left behind is cleared by the next start.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, rmSync, rmdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import { type Lock, acquireLock, lockFileOf } from '../store/lock.ts'

const hidden = '.creamery-staging'
/** Beside the lock, so that the lock goes last. */
const content = 'content'

interface Session {
  readonly folder: string
  readonly lock: Lock
}

export class Staging {
  readonly #sessions = new Map<string, Session>()

  /** A folder to make something in for a place in `parent`; the same name gives the same one until this process ends. */
  folderFor(parent: string, name: string): string {
    const folder = join(this.#sessionIn(parent).folder, content, name)
    mkdirSync(folder, { recursive: true })
    return folder
  }

  /** Makes something for a place in `parent`; what is left of it afterwards is cleared. */
  async making<T>(parent: string, make: (draft: string) => Promise<T>): Promise<T> {
    const draft = this.folderFor(parent, randomBytes(6).toString('hex'))
    try {
      return await make(draft)
    } finally {
      await rm(draft, { recursive: true, force: true })
      this.#endEmpty(parent)
    }
  }

  holds(path: string): boolean {
    return [...this.#sessions.values()].some(({ folder }) => path.startsWith(join(folder, content) + sep))
  }

  /** Removes what processes that are gone left in these folders. */
  async clearAbandoned(parents: readonly string[]): Promise<void> {
    for (const parent of new Set(parents)) {
      const folder = join(parent, hidden)
      if (!existsSync(folder)) continue
      for (const name of readdirSync(folder)) {
        const session = join(folder, name)
        const lock = existsSync(lockFileOf(session)) ? lockFree(session) : null // without one it is being made at this moment
        if (lock) await end({ folder: session, lock })
      }
      removeEmpty(folder)
    }
  }

  async close(): Promise<void> {
    for (const [parent, session] of this.#sessions) {
      await end(session)
      removeEmpty(join(parent, hidden))
    }
    this.#sessions.clear()
  }

  #sessionIn(parent: string): Session {
    let session = this.#sessions.get(parent)
    if (!session) {
      const folder = join(parent, hidden, randomBytes(6).toString('hex'))
      mkdirSync(folder, { recursive: true })
      this.#sessions.set(parent, (session = { folder, lock: acquireLock(folder) }))
    }
    return session
  }

  #endEmpty(parent: string): void {
    const session = this.#sessions.get(parent)
    if (!session || readdirSync(join(session.folder, content)).length > 0) return // ended by another that was done at the same time
    this.#sessions.delete(parent)
    rmSync(session.folder, { recursive: true })
    removeEmpty(join(parent, hidden))
  }
}

/** The lock of a session whose process is gone; null while that works. */
function lockFree(folder: string): Lock | null {
  try {
    return acquireLock(folder)
  } catch (error) {
    if (error instanceof AppError && error.code === 'project-locked') return null
    throw error
  }
}

async function end({ folder, lock }: Session): Promise<void> {
  await rm(join(folder, content), { recursive: true, force: true, maxRetries: 5 }) // a copy may just be stopping
  lock.release()
  rmSync(folder, { recursive: true })
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}
