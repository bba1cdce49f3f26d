/**
 * Copies of models, one at a time: for a project that is still planned, or as the open project's own. A copy outlives the page
 * that asked for it: who asks for the same meanwhile waits for the same one, and any page may see how far it is and stop it.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import type { CheckedParams, Result } from '../../preload/contract/requests.ts'
import type { OpenedProject } from '../../preload/contract/requests/project.ts'
import { hashModel, importModel, type ImportProgress } from '../pipeline/import-model.ts'
import { modelTitle } from '../pipeline/locate.ts'
import { ownBase } from '../pipeline/own-model.ts'
import type { Workbench } from './workbench.ts'

interface Running {
  /** "Copying tiny-llama". */
  readonly title: string
  /** Of what; null = never the same as another. */
  readonly subject: string | null
  done: number
  total: number
  readonly stop: AbortController
  answer: Promise<unknown>
}
const running = new WeakMap<Workbench, Running>()

export const importing = (workbench: Workbench): Result<'model/importing'> => {
  const now = running.get(workbench)
  return now ? { title: now.title, done: now.done, total: now.total } : null
}

export const stopImport = (workbench: Workbench): void => running.get(workbench)?.stop.abort()

/** @throws AppError 'busy' while another is copied, 'cancelled' when it was stopped */
async function watched<T>(workbench: Workbench, { title, subject }: Pick<Running, 'title' | 'subject'>, work: (watch: ImportProgress) => Promise<T>): Promise<T> {
  const before = running.get(workbench)
  if (before && subject !== null && before.subject === subject && !before.stop.signal.aborted) return before.answer as Promise<T>
  if (before) throw new AppError('busy', 'Another model is being copied; let it end, or stop it first.')
  const now: Running = { title, subject, done: 0, total: 0, stop: new AbortController(), answer: Promise.resolve() }
  running.set(workbench, now)
  const answer = work({ signal: AbortSignal.any([now.stop.signal, workbench.closing]), progress: (done, total) => void Object.assign(now, { done, total }) })
  now.answer = answer
  try {
    return await answer
  } finally {
    running.delete(workbench)
  }
}

/** The same model again is there already, or goes on where it was stopped. @throws AppError */
export async function takeIn(workbench: Workbench, { folder, adapter }: CheckedParams<'model/import'>): Promise<Result<'model/import'>> {
  const { places, sandbox, shelf, staging } = workbench
  const [from, on] = [places.pathOf(folder), adapter === undefined ? null : places.pathOf(adapter)]
  const title = on === null ? `Copying ${modelTitle(from)}` : `Merging ${modelTitle(from)} with ${modelTitle(on)}`
  return watched(workbench, { title, subject: JSON.stringify([from, on]) }, async (watch) => {
    const source = await hashModel(from, on)
    const to = join(staging.folderFor(shelf.folder, createHash('sha256').update(source.sha256).digest('hex').slice(0, 12)), source.name)
    const { sha256, bytes } = existsSync(to) ? await hashModel(to, null) : await importModel(sandbox, { from, adapter: on, to }, watch)
    return { folder: places.give(to), name: source.name, bytes, sha256 }
  })
}

/** @throws AppError */
export async function makeOwn(workbench: Workbench): Promise<OpenedProject> {
  workbench.requireIdleWriter()
  const { project, run, sandbox } = workbench
  const work = watched(workbench, { title: `Copying ${modelTitle(run.basePath)}`, subject: null }, (watch) => ownBase(project, run, sandbox, run.basePath, watch))
  workbench.occupy('copying its base model', () => stopImport(workbench), work.catch(() => {}))
  await work
  const opened = workbench.current()!
  workbench.events.publish({ kind: 'project-opened', project: opened })
  return opened
}
