/** A project is one folder: the database, and files that its rows name by relative paths. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import { all, openDatabase } from './database.ts'
import type { Database } from './database.ts'
import { acquireLock } from './lock.ts'

export const databaseName = 'creamery.db'
export const projectFolders = ['adapters', 'checkpoints', 'exports'] as const
/** The base model below its own name, where it was copied; absent where it is linked. */
export const modelFolder = 'model'
/** All that is a project's beside its database. */
export const ownFolders = [...projectFolders, modelFolder] as const

export interface Project {
  folder: string
  db: Database
  readOnly: boolean
  close(): void
}

/**
 * Opens a project; for writing, creates it where there is none and keeps every other process from writing.
 * @throws AppError 'project-locked', 'wrong-version', 'bad-data', or 'bad-arguments' when the folder holds something else
 */
export function openProject(path: string, { readOnly = false }: { readOnly?: boolean } = {}): Project {
  const folder = resolve(path)
  const file = join(folder, databaseName)
  if (readOnly) {
    const db = openDatabase(file, { readOnly })
    return { folder, db, readOnly, close: () => db.close() }
  }
  checkFolder(folder)
  for (const name of projectFolders) mkdirSync(join(folder, name), { recursive: true })
  const lock = acquireLock(folder)
  try {
    const db = openDatabase(file)
    const close = () => {
      db.close()
      lock.release()
    }
    return { folder, db, readOnly, close }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** A new project starts in an empty folder (or in what an interrupted start left), never among a person's files. @throws AppError 'bad-arguments' */
export function checkFolder(folder: string): void {
  if (!existsSync(folder) || existsSync(join(folder, databaseName))) return
  const ours = (name: string) => name.startsWith('project.lock') || (ownFolders as readonly string[]).includes(name)
  if (!readdirSync(folder).every(ours))
    throw new AppError('bad-arguments', `${folder} is not empty and holds no Creamery project; name a new or an empty folder.`)
}

/** A row's relative path on this machine. @throws when it leads out of the project */
export function pathIn({ folder }: Pick<Project, 'folder'>, path: string): string {
  const target = resolve(folder, path)
  if (!target.startsWith(folder + sep)) throw new AppError('bad-data', `The project names a file outside its folder: ${path}; it was changed by hand or is damaged.`)
  return target
}

/** A file of the project as rows name it: relative, with forward slashes on every system. */
export function pathForRow({ folder }: Pick<Project, 'folder'>, file: string): string {
  return relative(folder, file).split(sep).join('/')
}

/** Files in `adapters/` and `checkpoints/` that no committed row names: what a killed process left. Relative paths. */
export function orphansOf(project: Project): string[] {
  const named = all<{ path: string }>(project.db, 'SELECT path FROM models WHERE path IS NOT NULL UNION SELECT path FROM checkpoints').map(({ path }) => path)
  const isNamed = (file: string) => named.some((path) => file === path || file.startsWith(`${path}/`))
  const files = ['adapters', 'checkpoints'].flatMap((name) =>
    readdirSync(join(project.folder, name), { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => pathForRow(project, join(entry.parentPath, entry.name))),
  )
  return files.filter((file) => !isNamed(file)).sort()
}

/** Removes the orphans. @returns the removed paths, relative */
export function sweepOrphans(project: Project): string[] {
  const orphans = orphansOf(project)
  for (const file of orphans) rmSync(join(project.folder, file))
  return orphans
}
