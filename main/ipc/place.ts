import { basename } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import type { DataPreview } from '../../preload/contract/requests/place.ts'
import { loadConfig } from '../pipeline/config.ts'
import { inspectModel } from '../pipeline/open-model.ts'
import { seeRow } from '../pipeline/see.ts'
import { splitPrompts } from '../pipeline/split.ts'
import type { HandlersOf } from './handler.ts'
import { textOf } from './texts.ts'

const REJECTS = 20

export const placeHandlers: HandlersOf<'place' | 'model' | 'data'> = {
  'place/bundled': ({ places }) => {
    const { model, data } = loadConfig({ preset: 'demo' })
    return { model: places.give(model), sft: places.give(data.sft!), prompts: places.give(data.prompts), tasks: places.give(data.evaluation[0]!.file) }
  },
  'place/roots': ({ places }) => places.roots(),
  'place/list': ({ places }, { folder }) => places.list(folder),
  'place/choose': async ({ places, options: { choose } }, { what, title }) => {
    if (!choose) throw new AppError('bad-arguments', 'A browser has no dialog for files of the machine that Creamery runs on; browse its folders, or upload.')
    const path = await choose(what, title)
    return path === null ? null : places.entryOf(path)
  },
  'model/inspect': ({ places }, { folder }) => {
    const path = places.pathOf(folder)
    return { name: basename(path), ...inspectModel(path) }
  },
  'data/preview': async ({ places, sandbox }, { file, kind, rows }) => {
    const path = places.pathOf(file)
    const preview = (reading: { layout: string; taken: readonly DataPreview['rows'][number][]; rejected: readonly { row: number; reason: string }[] }): DataPreview => ({
      name: basename(path), layout: reading.layout, rows: reading.taken.slice(0, rows), usable: reading.taken.length,
      rejects: reading.rejected.slice(0, REJECTS).map(({ row: line, reason }) => ({ line, reason })), rejected: reading.rejected.length,
    })
    switch (kind) {
      case 'sft': {
        const reading = await sandbox.readSft(path)
        return preview({ ...reading, taken: reading.taken.map(({ prompt, response }) => ({ prompt, response, answer: null, task: null })) })
      }
      case 'prompts': {
        const reading = await sandbox.readPrompts(path)
        return preview({ ...reading, taken: reading.taken.map(({ prompt, answer = null, task = null }) => ({ prompt, response: null, answer, task })) })
      }
      case 'tasks': {
        const reading = await sandbox.readTasks(path)
        return preview({ ...reading, taken: reading.taken.map(({ prompt, answer, task = null }) => ({ prompt, response: null, answer, task })) })
      }
    }
  },
  'data/see': async (workbench, { file, model, ...row }) => {
    const { places, sandbox } = workbench
    const folder = places.pathOf(model)
    return seeRow({ file: places.pathOf(file), model: folder, ...row }, sandbox, await textOf(workbench, folder))
  },
  'data/split': async (workbench, { prompts, model, ...deal }) => {
    const { places, sandbox } = workbench
    const folder = places.pathOf(model)
    return splitPrompts({ file: places.pathOf(prompts), model: folder, ...deal }, sandbox, await textOf(workbench, folder))
  },
}
