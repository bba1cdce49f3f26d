/** A model comes in: looked at where it can do no harm, then copied (or merged with its adapter), checked, and only then there. */
import { existsSync, statfsSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { hashCheckpoint, hashFile } from '../../native-models/weights/hash.ts'
import { importCheckpoint, type Imported } from '../../native-models/weights/import.ts'
import { ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE } from '../../native-models/weights/layout.ts'
import { locateModel } from '../../native-models/weights/place.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { ModelCard } from '../../preload/contract/requests/place.ts'
import type { Sandbox } from '../sandbox/host.ts'
import { modelTitle } from './locate.ts'
import { explained, inspectModel } from './open-model.ts'

export interface ImportAsk {
  /** A folder, or the safetensors file in it. */
  readonly from: string
  /** A PEFT folder for this base; null = the model as it is. */
  readonly adapter: string | null
  /** Absent or empty. */
  readonly to: string
}

export interface ImportProgress {
  readonly signal: AbortSignal
  readonly progress: (done: number, total: number) => void
}

/** @throws AppError 'bad-model' with the card's first problem, 'disk-full', 'bad-arguments', 'cancelled' */
export async function importModel(sandbox: Sandbox, { from, adapter, to }: ImportAsk, { signal, progress }: ImportProgress): Promise<Imported & { card: ModelCard }> {
  const card = await inspectModel(sandbox, from, adapter)
  const [problem] = card.problems
  if (problem !== undefined) throw new AppError('bad-model', problem)
  const target = resolve(to)
  requireRoom(dirname(target), adapter === null ? card.bytes! : 4 * card.parameters!)
  try {
    const imported = await importCheckpoint(locateModel(from), target, { adapter: adapter === null ? null : locateModel(adapter), signal, progress })
    return { ...imported, card }
  } catch (error) {
    throw told(error, target, signal)
  }
}

/** What a model, with an adapter on top of it or without, is made of, and what a copy of it is called. @throws AppError 'bad-model' */
export async function hashModel(path: string, adapter: string | null): Promise<{ name: string; sha256: string; bytes: number }> {
  try {
    const folder = locateModel(path)
    const { sha256, files } = await hashCheckpoint(folder)
    const parts = adapter === null ? [sha256] : [sha256, ...(await Promise.all([ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE].map((name) => hashFile(join(locateModel(adapter), name)))))]
    return { name: modelTitle(adapter ?? folder).replaceAll('/', '-'), sha256: parts.join('+'), bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) }
  } catch (error) {
    throw explained(error)
  }
}

function requireRoom(folder: string, bytes: number): void {
  let there = folder
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there)
  const { bavail, bsize } = statfsSync(there)
  if (bavail * bsize < bytes * 1.02) throw new AppError('disk-full', `${folder} has ${gigabytes(bavail * bsize)} of room, but the model takes ${gigabytes(bytes)}; make room or name another place.`)
}

function told(error: unknown, target: string, signal: AbortSignal): unknown {
  if (signal.aborted) return new AppError('cancelled', `The import into ${target} was stopped; the same again goes on where it was, and ${basename(target)}.partial may be deleted.`, error)
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') return new AppError('disk-full', `There is no room for ${target}; make room, and the same import goes on where it was.`, error)
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR') return new AppError('bad-arguments', `${target} may not be written to; name another place.`, error)
  return explained(error)
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`
