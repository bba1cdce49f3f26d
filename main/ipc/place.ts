import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import { loadConfig } from '../pipeline/config.ts'
import { inspectModel } from '../pipeline/open-model.ts'
import { previewRewards } from '../pipeline/oracle.ts'
import { seeRow } from '../pipeline/see.ts'
import { splitPrompts } from '../pipeline/split.ts'
import { reachOf, reading, stopReading } from './data-readings.ts'
import type { HandlersOf } from './handler.ts'
import { importing, stopImport, takeIn } from './model-imports.ts'
import { textOf } from './texts.ts'

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
  'model/inspect': ({ places, sandbox }, { folder, adapter }) => inspectModel(sandbox, places.pathOf(folder), adapter === undefined ? null : places.pathOf(adapter)),
  'model/import': takeIn,
  'model/importing': importing,
  'model/stopImport': (workbench) => {
    stopImport(workbench)
    return {}
  },
  'data/reading': reachOf,
  'data/stop': (workbench, subject) => {
    stopReading(workbench, subject)
    return {}
  },
  'data/preview': async (workbench, { file, kind, rows, roles }) => {
    const { places, sandbox } = workbench
    const path = places.pathOf(file)
    return { name: basename(path), ...(await reading(workbench, { file, kind }, { rows, roles }, (watch) => sandbox.previewData(kind, path, { rows, roles }, watch))) }
  },
  'data/rejects': async ({ places, sandbox }, { file, kind, ...page }) => {
    const { rejects, more } = await sandbox.listRejects(kind, places.pathOf(file), page)
    return { rejects: rejects.map(({ row: line, reason }) => ({ line, reason })), more }
  },
  'data/import': async (workbench, { file, kind, roles, without }) => {
    const { places, sandbox, options: { stateFolder } } = workbench
    const path = places.pathOf(file)
    // A folder of its own, as uploads have: runs read the file long after, and its name stays free.
    const folder = join(stateFolder, 'imports', randomBytes(8).toString('hex'))
    const name = `${basename(path).replace(/\.[^.]+(\.gz)?$/, '')}.${kind}.jsonl`
    mkdirSync(folder, { recursive: true })
    try {
      const options = { roles, without: without.map((other) => ({ path: places.pathOf(other.file), use: other.kind })) }
      const written = await reading(workbench, { file, kind }, null, (watch) => sandbox.writeData(kind, path, join(folder, name), options, watch))
      return { file: places.give(join(folder, name)), name, ...written }
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  },
  'data/rewards': ({ places }, { file }) => previewRewards(places.pathOf(file)),
  'data/overlap': ({ places, sandbox }, { sft, prompts, tasks }) => {
    const pathOf = (handle: string | null): string | null => (handle === null ? null : places.pathOf(handle))
    return sandbox.findOverlap({ sft: pathOf(sft), prompts: pathOf(prompts), tasks: pathOf(tasks) })
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
