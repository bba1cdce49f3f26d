/** A run's model and files, linked by path: which are not where they were, and linking them again where they are now. */
import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { hashCheckpoint } from '../../native-models/weights/hash.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { OpenedProject } from '../../preload/contract/requests/project.ts'
import type { Sandbox } from '../sandbox/host.ts'
import { type Database, inTransaction } from '../store/database.ts'
import { type Run, relocateBase, relocateData } from '../store/runs.ts'
import { checkModel } from './open-model.ts'

/** The last part of a path, whichever system wrote it. */
export const nameOf = (path: string): string => basename(path.replaceAll('\\', '/'))

/** What people call a model's folder: its name, with the one above where it says nothing by itself ("bundled/model"). */
export function modelTitle(path: string): string {
  const parts = path.replaceAll('\\', '/').split('/').filter(Boolean)
  return parts.slice(parts.at(-1) === 'model' ? -2 : -1).join('/')
}

/** The sentence of a base model that is not where it was, or null. A path of another system is none of this one's. */
export const baseMissing = ({ basePath }: Run): string | null =>
  existsSync(basePath) ? null : `The base model is not in ${basePath} any more; say where it is now ("locate").`

/** Links the base model where it is now. @throws AppError 'bad-model' when that folder holds another one */
export async function locateBase(db: Database, run: Run, folder: string): Promise<void> {
  checkModel(folder)
  if ((await hashCheckpoint(folder)).sha256 !== run.baseSha256) throw otherModel(folder)
  inTransaction(db, () => relocateBase(db, run.id, resolve(folder)))
}

export const otherModel = (folder: string): AppError =>
  new AppError('bad-model', `The model in ${folder} is not the one that this run started from: its weights differ. Choose the folder of the same model.`)

type Missing = OpenedProject['filesMissing'][number]

/** Prompts are in the project; these are read when their stage comes. */
export function filesMissing({ config: { data: { sft, evaluation } } }: Run): Missing[] {
  const files: Missing[] = [...(sft === undefined ? [] : [{ what: 'sft' as const, name: nameOf(sft), path: sft }]), ...evaluation.map(({ name, file }) => ({ what: 'evaluation' as const, name, path: file }))]
  return files.filter(({ path }) => !existsSync(path))
}

/** @throws AppError 'bad-data' when the file cannot be read as what it is, 'bad-arguments' when the run has none of that name */
export async function locateFile(db: Database, run: Run, sandbox: Sandbox, { what, name, path }: Missing): Promise<void> {
  const { data } = run.config
  const isKnown = what === 'sft' ? data.sft !== undefined && nameOf(data.sft) === name : data.evaluation.some((one) => one.name === name)
  if (!isKnown) throw new AppError('bad-arguments', `The run has no file ${name}; reload the page.`)
  if (what === 'sft') await sandbox.readSft(path, { limit: 1 })
  else await sandbox.readTasks(path, { limit: 1 })
  const file = resolve(path)
  inTransaction(db, () => relocateData(db, run.id, what === 'sft' ? { ...data, sft: file } : { ...data, evaluation: data.evaluation.map((one) => (one.name === name ? { ...one, file } : one)) }))
}
