import { rename, rmdir } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { RunConfig } from '../../preload/contract/config.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { CheckedParams } from '../../preload/contract/requests.ts'
import type { OpenedProject } from '../../preload/contract/requests/project.ts'
import { type ConfigOverrides, loadConfig } from '../pipeline/config.ts'
import { locateBase, locateFile } from '../pipeline/locate.ts'
import { moveIn } from '../pipeline/own-model.ts'
import { withNewRun } from '../pipeline/session.ts'
import { settingsOf } from '../pipeline/settings.ts'
import { type Project, modelFolder, openProject } from '../store/project.ts'
import type { HandlersOf } from './handler.ts'
import { makeOwn } from './model-imports.ts'
import { copyProject, deleteProject, diskUse, freeSpace, moveProject } from './project-files.ts'
import { isProject, requireFree } from './shelf.ts'
import type { Workbench } from './workbench.ts'

export const projectHandlers: HandlersOf<'project'> = {
  'project/list': ({ shelf }) => shelf.list(),
  'project/current': (workbench) => workbench.current(),
  'project/create': async (workbench, { name, where, from }) => {
    const { shelf, places } = workbench
    workbench.requireIdle() // before anything is made
    return shelf.withPlace(name, where === undefined ? shelf.folder : places.pathOf(where), async (folder) => {
      await makeProject(workbench, folder, configOf(workbench, from))
      return openMade(workbench, folder)
    })
  },
  'project/open': (workbench, { project }) => workbench.openProject(workbench.places.pathOf(project)),
  'project/locate': (workbench, { folder }) => linking(workbench, 'linking its base model', () => locateBase(workbench.project.db, workbench.run, workbench.places.pathOf(folder))),
  'project/ownModel': makeOwn,
  'project/locateFile': (workbench, { what, name, file }) => linking(workbench, `linking ${name}`, () => locateFile(workbench.project.db, workbench.run, workbench.sandbox, { what, name, path: workbench.places.pathOf(file) })),
  'project/close': (workbench) => {
    workbench.closeProject()
    return {}
  },
  // Some presets name no files; the settings are what is left of any without them.
  'project/preset': (_, { preset }) => settingsOf({ config: loadConfig({ preset, overrides: { model: '-', data: { prompts: '-' } } }) }),
  'project/duplicate': async (workbench, { project, name, where }) => {
    const { shelf, places, staging } = workbench
    const from = places.pathOf(project)
    return shelf.withPlace(name, outside(from, where === undefined ? shelf.folder : places.pathOf(where)), async (to) => {
      await workbench.whileClosed(from, async () => {
        await copyProject(from, to, staging)
        shelf.remember(to)
      })
      return shelf.summaryOf(to)
    })
  },
  'project/move': async (workbench, { project, name, where }) => {
    const { shelf, places, staging } = workbench
    const from = places.pathOf(project)
    return shelf.withPlace(name, outside(from, where === undefined ? dirname(from) : places.pathOf(where)), async (to) => {
      await workbench.whileClosed(from, async () => {
        try {
          await moveProject(from, to, staging)
          shelf.forget(from)
        } finally {
          if (isProject(to)) shelf.remember(to) // also where the old one could not be deleted
        }
      }, to)
      return shelf.summaryOf(to)
    })
  },
  'project/delete': async (workbench, { project, name }) => {
    const folder = workbench.places.pathOf(project)
    if (name !== basename(folder)) throw new AppError('bad-arguments', `The name typed is not the project's: type "${basename(folder)}" to delete it.`)
    await workbench.whileClosed(folder, () => deleteProject(folder))
    workbench.shelf.forget(folder)
    return {}
  },
  'project/forget': (workbench, { project }) => {
    workbench.shelf.forget(workbench.places.pathOf(project))
    workbench.events.publish({ kind: 'projects-changed' })
    return {}
  },
  'project/disk': (workbench, { project }) => {
    const folder = workbench.places.pathOf(project)
    workbench.requireAtRest(folder)
    return workbench.current()?.folder === folder ? diskUse(workbench.project) : looking(folder, diskUse)
  },
  'project/free': (workbench) => {
    workbench.requireIdleWriter()
    freeSpace(workbench.project)
    return diskUse(workbench.project)
  },
}

/** Whole in its place or not there: planned where nobody looks, its copied model moved in last. */
async function makeProject({ staging, sandbox }: Workbench, folder: string, config: RunConfig): Promise<void> {
  const { model } = config
  const progress = { signal: new AbortController().signal, progress: () => {} }
  await staging.making(dirname(folder), async (draft) => {
    const base = staging.holds(model) ? join(draft, modelFolder, basename(model)) : model
    await withNewRun(draft, config, { signal: progress.signal, emit: () => {}, base }, async () => {})
    requireFree(folder) // no other process was faster
    if (base !== model) {
      await moveIn(sandbox, model, base, progress)
      await rmdir(dirname(model)) // it was made in a folder of its own
    }
    await rename(draft, folder)
  })
}

/** @throws AppError 'busy' where something else began meanwhile, as the opening does: the project is made all the same */
function openMade(workbench: Workbench, folder: string): OpenedProject {
  workbench.shelf.remember(folder)
  workbench.events.publish({ kind: 'projects-changed' })
  try {
    return workbench.openProject(folder)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    throw new AppError(error.code, `The project "${basename(folder)}" is made and in the list, but was not opened. ${error.message}`, error)
  }
}

/** A parent for what is made of a project. @throws AppError 'bad-arguments' */
function outside(project: string, parent: string): string {
  if (!`${parent}${sep}`.startsWith(`${project}${sep}`)) return parent
  throw new AppError('bad-arguments', `${parent} is in the project itself; choose a folder outside of it.`)
}

/** Something of the open project is linked anew; while it lasts no job starts and the project stays open. */
async function linking(workbench: Workbench, title: string, link: () => Promise<void>): Promise<OpenedProject> {
  workbench.requireIdleWriter()
  const linked = link()
  workbench.occupy(title, () => {}, linked.catch(() => {})) // the caller hears of it
  await linked
  const project = workbench.current()!
  workbench.events.publish({ kind: 'project-opened', project })
  return project
}

/** Names of files as handles become paths here, and nowhere else. */
export function configOf({ places }: Workbench, from: CheckedParams<'project/create'>['from']): RunConfig {
  switch (from.kind) {
    case 'preset': return loadConfig({ preset: from.preset, overrides: from.settings as ConfigOverrides | undefined })
    case 'file': return loadConfig({ file: places.pathOf(from.file) })
    case 'settings': {
      const { model, sft, sftLimit, prompts, promptsLimit, evaluation, rewards } = from.sources
      return RunConfig.parse({
        ...from.settings,
        model: places.pathOf(model),
        ...(rewards !== undefined && { oracle: { rewards: places.pathOf(rewards) } }),
        data: {
          ...(sft !== null && { sft: places.pathOf(sft) }), sftLimit, prompts: places.pathOf(prompts), promptsLimit,
          evaluation: evaluation.map(({ name, file, limit }) => ({ name, file: places.pathOf(file), limit })),
        },
      })
    }
  }
}

function looking<T>(folder: string, look: (project: Project) => T): T {
  const project = openProject(folder, { readOnly: true })
  try {
    return look(project)
  } finally {
    project.close()
  }
}
