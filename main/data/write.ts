/** Usable rows into a file of Creamery's own layout: JSON Lines, whole or not there at all. */
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { AppError } from '../../preload/contract/errors.ts'
import type { ColumnRoles, DataUse } from '../../preload/contract/requests/place.ts'
import { Fingerprints, promptText } from './fingerprints.ts'
import type { PreferencePair, PromptRow, SftExample, TaskItem } from './layout.ts'
import type { Reach } from './reach.ts'
import { type DatasetKind, type Datasets, streamDataset } from './read.ts'

export interface Written {
  usable: number
  rejected: number
  /** Rows that the files of `without` hold. */
  leftOut: number
  bytes: number
}

export interface WriteOptions {
  roles?: ColumnRoles | undefined
  without?: readonly { path: string; use: DatasetKind }[]
}

const block = 2 ** 20

/**
 * Writes `<target>.partial` and renames it: a target is whole. Pairs become what the Oracle reads: two rewards each.
 * @throws AppError('bad-data') for a file that cannot be used, and where nothing is left; 'disk-full'
 */
export async function writeDataset(use: DataUse, path: string, target: string, { roles, without = [] }: WriteOptions = {}, reach?: Reach): Promise<Written> {
  const barred = new Fingerprints()
  for (const other of without) {
    for await (const step of streamDataset(other.use, other.path)) if ('taken' in step) for (const text of askedTexts(step.taken)) barred.add(text, step.row)
  }
  const partial = `${target}.partial`
  const file = await open(partial, 'wx').catch((cause: unknown) => { throw unwritable(partial, cause) })
  try {
    const written = await writeRows(file, use, path, roles, barred, reach)
    await file.sync()
    await file.close()
    await rename(partial, target)
    return written
  } catch (cause) {
    await file.close().catch(() => undefined)
    await rm(partial, { force: true })
    throw unwritable(target, cause)
  }
}

async function writeRows(file: FileHandle, use: DataUse, path: string, roles: ColumnRoles | undefined, barred: Fingerprints, reach: Reach | undefined): Promise<Written> {
  const written: Written = { usable: 0, rejected: 0, leftOut: 0, bytes: 0 }
  let pending = ''
  const flush = async (): Promise<void> => {
    const bytes = Buffer.from(pending)
    pending = ''
    for (let done = 0; done < bytes.length;) done += (await file.write(bytes, done)).bytesWritten
    written.bytes += bytes.length
  }
  for await (const step of streamDataset(use, path, roles === undefined ? {} : { roles }, reach)) {
    if ('layout' in step) continue
    if ('rejected' in step) written.rejected++
    else if (askedTexts(step.taken).some((text) => barred.rowOf(text) !== undefined)) written.leftOut++
    else {
      written.usable++
      pending += linesOf(use, step.taken).map((line) => `${JSON.stringify(line)}\n`).join('')
      if (pending.length > block) await flush()
    }
  }
  await flush()
  if (written.usable === 0) throw new AppError('bad-data', `Nothing of ${path} is left to import: all of its ${written.leftOut} usable rows are asked in the other file.`)
  return written
}

/** The texts by which a row is found again: a task's question with and without its choices. */
export function askedTexts(row: SftExample | PromptRow | TaskItem | PreferencePair): string[] {
  return 'question' in row ? [...new Set([promptText(row.prompt), promptText(row.question)])] : [promptText(row.prompt)]
}

function linesOf(use: DataUse, row: Datasets[DatasetKind]): unknown[] {
  switch (use) {
    case 'sft':
    case 'prompts': return [row]
    case 'tasks': {
      const { id, question, choices, answer, task } = row as TaskItem
      return [{ id, prompt: question, ...(choices && { choices: { text: choices.map(({ text }) => text), label: choices.map(({ label }) => label) } }), answer, task }]
    }
    case 'preferences': {
      const { promptId, chosen, rejected, scores = { chosen: 1, rejected: 0 } } = row as PreferencePair
      return [{ prompt_id: promptId, text: chosen, reward: scores.chosen }, { prompt_id: promptId, text: rejected, reward: scores.rejected }]
    }
  }
}

function unwritable(target: string, cause: unknown): unknown {
  const { code } = cause as NodeJS.ErrnoException
  if (cause instanceof AppError || code === undefined) return cause
  if (code === 'ENOSPC') return new AppError('disk-full', `The disk is full: ${target} could not be written. Make room and import again.`, cause)
  if (code === 'EEXIST') return new AppError('busy', `${target} is being written by another import. Wait for its end, or remove it.`, cause)
  return new AppError('bad-arguments', `${target} cannot be written (${code}). Name another place.`, cause)
}
