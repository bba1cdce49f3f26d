/** One process per project: `project.lock` names the process that has it open. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'

/** What `project.lock` holds, as JSON. */
export interface LockOwner {
  pid: number
  /** Tells a process from a later one with the same pid; null where the system gives none. */
  processStart: string | null
  host: string
  /** ISO 8601. */
  since: string
}

export interface Lock {
  release(): void
}

export const lockFileOf = (folder: string) => join(folder, 'project.lock')

/**
 * Takes the project for this process; a lock whose process is gone is taken over.
 * @throws AppError 'project-locked' naming the process that holds it and since when
 */
export function acquireLock(folder: string): Lock {
  const file = lockFileOf(folder)
  const self: LockOwner = { pid: process.pid, processStart: processStartOf(process.pid), host: hostname(), since: new Date().toISOString() }
  const content = JSON.stringify(self)
  for (let attempt = 0; attempt < 5; attempt++) {
    if (create(file, content)) return { release: () => { if (read(file) === content) rmSync(file) } }
    const held = read(file)
    if (held === undefined) continue // released just now
    const owner = parse(held)
    if (owner && isAlive(owner)) throw lockedBy(folder, owner)
    // Unreadable: being written at this moment, or its writer died while writing.
    if (!owner && attempt === 0) pause(100)
    else setAside(file, held)
  }
  throw new AppError('project-locked', `The project ${folder} is being opened by another process at this moment; try again.`)
}

/** Creates the lock only if there is none. */
function create(file: string, content: string): boolean {
  try {
    const handle = openSync(file, 'wx')
    writeFileSync(handle, content)
    fsyncSync(handle)
    closeSync(handle)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new AppError('bad-arguments', `${file} cannot be written; check that the project's folder may be written, or open it read-only.`, error)
  }
}

/** Removes a stale lock. Another process may have replaced it since it was read: then that lock is put back. */
function setAside(file: string, stale: string): void {
  const aside = `${file}.${process.pid}`
  try {
    renameSync(file, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return // someone else took it over
    throw error
  }
  if (read(aside) === stale) rmSync(aside)
  else renameSync(aside, file)
}

function isAlive({ pid, processStart, host }: LockOwner): boolean {
  if (host !== hostname()) return true // out of sight, so believed
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // alive, but another user's
  }
  if (process.platform !== 'linux' || processStart === null) return true
  return processStartOf(pid) === processStart
}

/** Boot and start tick of a running process on Linux (proc(5), stat field 22); null elsewhere, and for the dead and zombies. */
function processStartOf(pid: number): string | null {
  const stat = read(`/proc/${pid}/stat`)
  const boot = read('/proc/sys/kernel/random/boot_id')
  if (stat === undefined || boot === undefined) return null
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // the name before ')' may hold spaces
  const [state, startTick] = [fields[0], fields[19]]
  return startTick === undefined || state === 'Z' || state === 'X' ? null : `${boot.trim()}/${startTick}`
}

function lockedBy(folder: string, { pid, host, since }: LockOwner): AppError {
  const elsewhere = host === hostname() ? '' : ` on ${host}`
  const otherwise = host === hostname() ? 'Close it there' : `Close it there, or delete ${lockFileOf(folder)} if that machine is gone`
  return new AppError('project-locked', `The project ${folder} is open in process ${pid}${elsewhere} since ${since}. ${otherwise}, or open it read-only.`)
}

function parse(content: string): LockOwner | undefined {
  try {
    const value = JSON.parse(content) as Partial<LockOwner> | null
    if (typeof value?.pid !== 'number' || typeof value.host !== 'string' || typeof value.since !== 'string') return undefined
    return { pid: value.pid, host: value.host, since: value.since, processStart: value.processStart ?? null }
  } catch {
    return undefined
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** Blocks this thread; opening a project happens before there is anything else to do. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
