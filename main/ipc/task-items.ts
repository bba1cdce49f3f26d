/** Held-out questions by the names that answers are stored under; read from the tasks' files, once while these stay as they are. */
import { statSync } from 'node:fs'
import { AppError } from '../../preload/contract/errors.ts'
import { readItems } from '../pipeline/questions.ts'
import type { Workbench } from './workbench.ts'

type Items = Awaited<ReturnType<typeof readItems>>['items']
const known = new WeakMap<Workbench, Map<string, Promise<Items>>>()

/** A file that is gone or cannot be read any more leaves its questions out: their answers are stored all the same. */
export async function itemsOf(workbench: Workbench): Promise<Map<string, Items[number]>> {
  let files = known.get(workbench)
  if (!files) known.set(workbench, (files = new Map<string, Promise<Items>>()))
  const all: Items = []
  for (const source of workbench.run.config.data.evaluation) {
    const changed = statSync(source.file, { throwIfNoEntry: false })?.mtimeMs
    if (changed === undefined) continue
    const key = JSON.stringify([source, changed])
    let items = files.get(key)
    if (!items) files.set(key, (items = readItems(source, workbench.sandbox).then((read) => read.items, missing)))
    all.push(...(await items))
  }
  return new Map(all.map((item) => [item.id, item]))
}

function missing(error: unknown): Items {
  if (error instanceof AppError && error.code === 'bad-data') return []
  throw error
}
