/** A project as files: how much room it takes, what can be made again, and copying, moving and deleting it whole. */
import { existsSync, lstatSync, readdirSync, renameSync, rmSync, rmdirSync, statfsSync } from 'node:fs'
import { copyFile, cp, link, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import type { DiskUse } from '../../preload/contract/requests/project.ts'
import { modelName, producedModelId } from '../store/ids.ts'
import { iterationsOf } from '../store/iterations.ts'
import { acquireLock } from '../store/lock.ts'
import { modelOf } from '../store/models.ts'
import { type Project, databaseName, modelFolder, openProject, orphansOf, ownFolders, pathIn, sweepOrphans } from '../store/project.ts'
import { runsOf } from '../store/runs.ts'
import { stagesOf } from '../store/stages.ts'
import { checkpointsOf } from '../store/training.ts'
import { isProject } from './shelf.ts'
import type { Staging } from './staging.ts'

type Part = DiskUse['parts'][number]['what']

const isBackup = (name: string): boolean => name.startsWith(`${databaseName}.v`) && name.endsWith('.backup')
const isOurs = (name: string): boolean => name.startsWith(databaseName) || name.startsWith('project.lock') || (ownFolders as readonly string[]).includes(name)

function partOf(name: string): Part {
  if (isBackup(name)) return 'backups'
  if (name.startsWith(databaseName)) return 'database'
  return (ownFolders as readonly string[]).includes(name) ? (name as (typeof ownFolders)[number]) : 'other'
}

export function diskUse(project: Project): DiskUse {
  const parts = new Map<Part, { bytes: number; freeable: number }>()
  const orphans = new Set(orphansOf(project).map((path) => join(project.folder, path)))
  for (const name of readdirSync(project.folder)) {
    const what = partOf(name)
    const part = parts.get(what) ?? { bytes: 0, freeable: 0 }
    for (const { path, bytes } of filesIn(join(project.folder, name))) {
      part.bytes += bytes
      if (what === 'backups' || orphans.has(path)) part.freeable += bytes
    }
    parts.set(what, part)
  }
  const { bavail, bsize } = statfsSync(project.folder)
  const iterations = bytesOfModels(project).filter(({ bytes }) => bytes > 0)
  const list = [...parts].map(([what, part]) => ({ what, ...part }))
  return { bytes: list.reduce((sum, { bytes }) => sum + bytes, 0), parts: list, iterations, freeBytes: bavail * bsize }
}

/** What each iteration that trains has in the project's folders. */
function bytesOfModels(project: Project): DiskUse['iterations'] {
  return runsOf(project.db).flatMap(({ id: runId }) => iterationsOf(project.db, runId).map(({ id, producedModelId: made }) => {
    const model = made === null ? null : modelOf(project.db, made)
    const checkpoints = stagesOf(project.db, id).flatMap((stage) => checkpointsOf(project.db, stage.id)).map(({ path }) => path)
    const files = new Map([model?.path ?? null, ...checkpoints].flatMap((path) => (path === null ? [] : filesIn(pathIn(project, path)))).map(({ path, bytes }) => [path, bytes]))
    return { iterationId: id, model: modelName(producedModelId(id)), bytes: [...files.values()].reduce((sum, bytes) => sum + bytes, 0) }
  }))
}

/** Removes what no row names and the databases of older versions. */
export function freeSpace(project: Project): void {
  sweepOrphans(project)
  for (const name of readdirSync(project.folder).filter(isBackup)) rmSync(join(project.folder, name))
}

/** Links count as themselves: what they lead to is not the project's. */
function filesIn(path: string): { path: string; bytes: number }[] {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return []
  if (!stat.isDirectory()) return [{ path, bytes: stat.size }]
  return readdirSync(path).flatMap((name) => filesIn(join(path, name)))
}

/** Whole or not there. A copied model's files never change, so both projects have the same ones where the disk allows it. */
export async function copyProject(from: string, to: string, staging: Staging): Promise<void> {
  settle(from)
  const lock = acquireLock(from)
  try {
    await staging.making(dirname(to), async (draft) => {
      const model = join(from, modelFolder)
      await cp(from, draft, { recursive: true, filter: (path) => !path.endsWith('project.lock') && path !== model })
      for (const { path } of filesIn(model)) await linkOrCopy(path, join(draft, relative(from, path)))
      await rename(draft, to)
    })
  } finally {
    lock.release()
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  await link(from, to).catch(() => copyFile(from, to)) // another disk, or one that has no links
}

export async function moveProject(from: string, to: string, staging: Staging): Promise<void> {
  settle(from)
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error // another disk: copy, then delete
    await copyProject(from, to, staging)
    await deleteProject(from)
  }
}

/** Only what Creamery put there; the folder itself goes when nothing else is in it. */
export async function deleteProject(folder: string): Promise<void> {
  settle(folder)
  // The database last: interrupted, the rest is still a project that can be deleted again.
  const names = readdirSync(folder).filter(isOurs).sort((a, b) => Number(a === databaseName) - Number(b === databaseName))
  for (const name of names) await rm(join(folder, name), { recursive: true })
  if (readdirSync(folder).length === 0) rmdirSync(folder)
}

/** Proves that no other process works on it, and folds the write-ahead log into the database. @throws AppError */
function settle(folder: string): void {
  if (!existsSync(folder) || !isProject(folder)) throw new AppError('bad-arguments', `${folder} holds no Creamery project any more; take it off the list.`)
  openProject(folder).close()
}
