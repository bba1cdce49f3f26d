/** Copies of models in Creamery's own folder: one import at a time, found again by what it is made of. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import type { CheckedParams, Result } from '../../preload/contract/requests.ts'
import { hashModel, importModel } from '../pipeline/import-model.ts'
import type { Workbench } from './workbench.ts'

interface Running {
  done: number
  total: number
  readonly stop: AbortController
}
const running = new WeakMap<Workbench, Running>()

export const importing = (workbench: Workbench): Result<'model/importing'> => {
  const now = running.get(workbench)
  return now ? { done: now.done, total: now.total } : null
}

export const stopImport = (workbench: Workbench): void => running.get(workbench)?.stop.abort()

/** The same model again is there already, or goes on where it was stopped. @throws AppError */
export async function takeIn(workbench: Workbench, { folder, adapter }: CheckedParams<'model/import'>): Promise<Result<'model/import'>> {
  if (running.has(workbench)) throw new AppError('busy', 'Another model is being copied; let it end, or stop it first.')
  const { places, sandbox, options: { stateFolder } } = workbench
  const now: Running = { done: 0, total: 0, stop: new AbortController() }
  running.set(workbench, now)
  try {
    const [from, on] = [places.pathOf(folder), adapter === undefined ? null : places.pathOf(adapter)]
    const source = await hashModel(from, on)
    const name = `${source.name}-${createHash('sha256').update(source.sha256).digest('hex').slice(0, 12)}`
    const to = join(stateFolder, 'models', name)
    const { sha256, bytes } = existsSync(to)
      ? await hashModel(to, null)
      : await importModel(sandbox, { from, adapter: on, to }, { signal: now.stop.signal, progress: (done, total) => void Object.assign(now, { done, total }) })
    return { folder: places.give(to), name, bytes, sha256 }
  } finally {
    running.delete(workbench)
  }
}
