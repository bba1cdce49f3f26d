/** A model of the project's own: below `model/` in its folder, so that it goes wherever the project goes. */
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import type { Sandbox } from '../sandbox/host.ts'
import { inTransaction } from '../store/database.ts'
import { type Project, modelFolder } from '../store/project.ts'
import { type Run, relocateBase } from '../store/runs.ts'
import { hashModel, type ImportAsk, importModel, type ImportProgress } from './import-model.ts'
import { baseMissing, otherModel } from './locate.ts'

/**
 * Copies a model, or merges it with its adapter, into the folder of a project that has no run yet. Stopped or killed, the same
 * again goes on; a copy that is there is taken as it is when it is the same model. @returns its folder
 * @throws AppError as `importModel`
 */
export async function takeAlong(sandbox: Sandbox, folder: string, { from, adapter }: Omit<ImportAsk, 'to'>, progress: ImportProgress): Promise<string> {
  const { name, sha256 } = await hashModel(from, adapter)
  const to = join(folder, modelFolder, name)
  if (existsSync(to)) {
    if (adapter === null && (await hashModel(to, null)).sha256 === sha256) return to
    await rm(to, { recursive: true }) // of a start that was cut off before it planned a run
  }
  await importModel(sandbox, { from, adapter, to }, progress)
  return to
}

/** Takes a copy that nothing else uses to its place in a project: a rename, or on another disk a checked copy. @throws AppError as `importModel` */
export async function moveIn(sandbox: Sandbox, from: string, to: string, progress: ImportProgress): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  try {
    await rename(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    await importModel(sandbox, { from, adapter: null, to }, progress)
    await rm(from, { recursive: true })
  }
}

/** The base model lies in the project's folder. */
export const isOwn = ({ folder }: Project, { basePath }: Run): boolean => basePath.startsWith(join(folder, modelFolder) + sep)

/**
 * Makes the linked base of a project the project's own. Killed in the middle, the run still has the model that it is linked to.
 * @throws AppError 'bad-model' when `from` is another model, 'bad-arguments' when the project has its own already
 * @returns where it is now
 */
export async function ownBase(project: Project, run: Run, sandbox: Sandbox, from: string, progress: ImportProgress): Promise<string> {
  if (isOwn(project, run) && baseMissing(run) === null) throw new AppError('bad-arguments', `The base model is the project's own already, in ${run.basePath}.`)
  if ((await hashModel(from, null)).sha256 !== run.baseSha256) throw otherModel(from)
  const folder = await takeAlong(sandbox, project.folder, { from, adapter: null }, progress)
  inTransaction(project.db, () => relocateBase(project.db, run.id, folder))
  return folder
}
