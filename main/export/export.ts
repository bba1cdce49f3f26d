/**
 * Writes a model in a format: beside the target as `<target>.partial`, opened again and held against the source, and only
 * then renamed. What is not written to its end is removed; what a proof finds wanting stays, under its partial name.
 */
import { createHash } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync, statfsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type FileHash, hashFile } from '../../native-models/weights/hash.ts'
import { writeWhole } from '../../native-models/weights/files.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { ExportChoice, Proof } from '../../preload/contract/requests/export.ts'
import type { ExportTools, Phase } from './format.ts'
import { formatOf } from './formats.ts'
import { modelCard } from './model-card.ts'
import type { ExportSource } from './source.ts'

export const PARTIAL = '.partial'
const CARD = 'README.md'

export interface Exported {
  /** The target, or what stays beside it when the proof failed. */
  readonly path: string
  readonly bytes: number
  /** Of the one file, or of the lines "<sha256>  <name>\n" of all files by name. */
  readonly sha256: string
  readonly files: readonly FileHash[]
  readonly proof: Proof
}

export interface ExportOptions extends Omit<ExportTools, 'progress'> {
  readonly onPhase: (phase: Phase) => void
}

/** @param target what it becomes: absent, or an empty folder. @throws AppError 'bad-arguments', 'bad-model', 'disk-full', 'cancelled' … */
export async function exportModel(source: ExportSource, choice: ExportChoice, target: string, { onPhase, ...rest }: ExportOptions): Promise<Exported> {
  const format = requireFormat(source, choice)
  const { signal } = rest
  const partial = target + PARTIAL
  requireFree(target)
  requireFree(partial)
  requireRoom(dirname(target), format.estimate(source, choice) + (format.scratch?.(source, choice) ?? 0))
  const tools = (phase: Phase['phase']): ExportTools => ({ ...rest, progress: (done, total, unit) => onPhase({ phase, done, total, unit }) })

  let proof: Proof
  try {
    mkdirSync(format.kind === 'folder' ? partial : dirname(partial), { recursive: true })
    onPhase({ phase: 'writing', done: 0, total: 0, unit: 'tensors' })
    const { notes } = await format.write(source, partial, choice, tools('writing'))
    signal.throwIfAborted()
    onPhase({ phase: 'proving', done: 0, total: 0, unit: 'checks' })
    proof = await format.prove(source, partial, choice, tools('proving'))
    signal.throwIfAborted()
    if (format.kind === 'folder') await writeWhole(join(partial, CARD), [new TextEncoder().encode(modelCard(source, choice, { proof, notes }))])
    syncPath(partial)
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    throw told(error, target, signal)
  }
  const path = proof.passed ? settle(partial, target) : partial
  return { path, proof, ...(await hashAll(path)) }
}

/** @throws AppError 'bad-arguments' where this format cannot hold this model */
export function requireFormat(source: ExportSource, choice: ExportChoice): ReturnType<typeof formatOf> {
  const format = formatOf(choice)
  const refusal = format.refuse(source)
  if (refusal !== null) throw new AppError('bad-arguments', refusal)
  return format
}

function requireFree(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat || (stat.isDirectory() && readdirSync(path).length === 0)) return
  throw new AppError('bad-arguments', path.endsWith(PARTIAL) ? `${path} is still there from an export that failed its proof or was cut off; look at it, remove it and start again.` : `${path} is not empty; an export never writes over files, so choose another name.`)
}

/** The estimate and a tenth of it, since a full disk shows only at the end. */
function requireRoom(folder: string, bytes: number): void {
  let there = folder
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there)
  const { bavail, bsize } = statfsSync(there)
  if (bavail * bsize < bytes * 1.1) throw new AppError('disk-full', `${folder} has ${gigabytes(bavail * bsize)} of room, but the export takes about ${gigabytes(bytes * 1.1)}; make room or choose another place.`)
}

/** The rename is the moment from which it counts as done. */
function settle(partial: string, target: string): string {
  if (existsSync(target)) rmSync(target, { recursive: true }) // an empty folder
  renameSync(partial, target)
  syncPath(dirname(target))
  return target
}

/** Windows neither needs nor allows it for folders. */
function syncPath(path: string): void {
  if (process.platform === 'win32') return
  const handle = openSync(path, 'r')
  fsyncSync(handle)
  closeSync(handle)
}

async function hashAll(path: string): Promise<{ bytes: number; sha256: string; files: FileHash[] }> {
  if (statSync(path).isFile()) {
    const [sha256, bytes] = [await hashFile(path), statSync(path).size]
    return { bytes, sha256, files: [{ name: basename(path), bytes, sha256 }] }
  }
  const names = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1).replaceAll('\\', '/'))
  const files: FileHash[] = []
  for (const name of names.sort()) files.push({ name, bytes: statSync(join(path, name)).size, sha256: await hashFile(join(path, name)) })
  const listing = files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('')
  return { bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), sha256: createHash('sha256').update(listing).digest('hex'), files }
}

function told(error: unknown, target: string, signal: AbortSignal): unknown {
  if (signal.aborted) return new AppError('cancelled', 'The export was stopped; what it had written is removed.', error)
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') return new AppError('disk-full', `There is no room for ${target}; make room or choose another place.`, error)
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return new AppError('bad-arguments', `${dirname(target)} may not be written to; choose another place.`, error)
  return error
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e9 ? 2 : 1)} GB`
