/** Copies of models, one at a time: for a project that is still planned, or as the open project's own. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import type { CheckedParams, Result } from '../../preload/contract/requests.ts'
import type { OpenedProject } from '../../preload/contract/requests/project.ts'
import { hashModel, importModel, type ImportProgress } from '../pipeline/import-model.ts'
import { ownBase } from '../pipeline/own-model.ts'
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

/** @throws AppError 'busy' */
async function watched<T>(workbench: Workbench, work: (watch: ImportProgress) => Promise<T>): Promise<T> {
  if (running.has(workbench)) throw new AppError('busy', 'Another model is being copied; let it end, or stop it first.')
  const now: Running = { done: 0, total: 0, stop: new AbortController() }
  running.set(workbench, now)
  try {
    return await work({ signal: AbortSignal.any([now.stop.signal, workbench.closing]), progress: (done, total) => void Object.assign(now, { done, total }) })
  } finally {
    running.delete(workbench)
  }
}

/** The same model again is there already, or goes on where it was stopped. @throws AppError */
export const takeIn = (workbench: Workbench, { folder, adapter }: CheckedParams<'model/import'>): Promise<Result<'model/import'>> => watched(workbench, async (watch) => {
  const { places, sandbox, shelf, staging } = workbench
  const [from, on] = [places.pathOf(folder), adapter === undefined ? null : places.pathOf(adapter)]
  const source = await hashModel(from, on)
  const to = join(staging.folderFor(shelf.folder, createHash('sha256').update(source.sha256).digest('hex').slice(0, 12)), source.name)
  const { sha256, bytes } = existsSync(to) ? await hashModel(to, null) : await importModel(sandbox, { from, adapter: on, to }, watch)
  return { folder: places.give(to), name: source.name, bytes, sha256 }
})

/** @throws AppError */
export async function makeOwn(workbench: Workbench): Promise<OpenedProject> {
  workbench.requireIdleWriter()
  const { project, run, sandbox } = workbench
  const work = watched(workbench, (watch) => ownBase(project, run, sandbox, run.basePath, watch))
  workbench.occupy('copying its base model', () => stopImport(workbench), work.catch(() => {}))
  await work
  const opened = workbench.current()!
  workbench.events.publish({ kind: 'project-opened', project: opened })
  return opened
}
