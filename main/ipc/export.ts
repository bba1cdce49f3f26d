/** Exports: one at a time, beside no job. It tells how far it is as events and ends as a value. */
import { join } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import type { CheckedParams } from '../../preload/contract/requests.ts'
import type { ExportEnd, ExportJob } from '../../preload/contract/requests/export.ts'
import { cardsOf, exportTo, exportsMade, previewCard, proofOfExport, withSource } from '../pipeline/export.ts'
import type { HandlersOf } from './handler.ts'
import { noteFault } from './log.ts'
import type { Workbench } from './workbench.ts'

interface Running {
  job: ExportJob
  readonly stop: AbortController
}
interface Exports {
  running: Running | null
  /** Of the project in this folder. */
  last: { readonly folder: string; readonly end: ExportEnd } | null
}

const exportsOf = new WeakMap<Workbench, Exports>()
const PROGRESS_EVERY = 200 // milliseconds

export const exportHandlers: HandlersOf<'export'> = {
  'export/formats': ({ project, run }, { model }) => withSource({ project, run, model }, cardsOf),
  'export/card': ({ project, run }, { model, choice }) => withSource({ project, run, model }, (source) => ({ markdown: previewCard(source, choice) })),
  'export/start': (workbench, { key, ...ask }) => workbench.once(key, () => start(workbench, key, ask)),
  'export/cancel': (workbench, { id }) => {
    const { running } = stateOf(workbench)
    if (running?.job.id === id) running.stop.abort()
    return {}
  },
  'export/list': (workbench) => {
    const { running, last } = stateOf(workbench)
    const { folder } = workbench.project
    const home = join(folder, 'exports')
    return { running: running?.job ?? null, last: last?.folder === folder ? last.end : null, made: exportsMade(workbench.project, workbench.run), home: { handle: workbench.places.give(home), path: home } }
  },
  'export/proof': ({ project: { db }, run }, { id }) => proofOfExport(db, run, id),
}

function stateOf(workbench: Workbench): Exports {
  const known = exportsOf.get(workbench) ?? { running: null, last: null }
  exportsOf.set(workbench, known)
  return known
}

function start(workbench: Workbench, key: string, { model, choice, into, name }: Omit<CheckedParams<'export/start'>, 'key'>): ExportJob {
  workbench.requireIdleWriter()
  const state = stateOf(workbench)
  const target = join(workbench.places.pathOf(into), name)
  const job: ExportJob = { id: `export-${key}`, model, choice, name, phase: 'writing', done: 0, total: 0, unit: 'tensors' }
  const running: Running = (state.running = { job, stop: new AbortController() })
  let toldAt = -Infinity
  const { project, run, events, options: { log } } = workbench
  const ended = exportTo({ project, run, model }, choice, target, {
    signal: running.stop.signal,
    onPhase(phase) {
      const isNew = phase.phase !== running.job.phase
      running.job = { ...running.job, ...phase }
      if (!isNew && performance.now() - toldAt < PROGRESS_EVERY) return
      toldAt = performance.now()
      events.publish({ kind: 'export-progressed', job: running.job })
    },
  }).then(
    (row): ExportEnd => ({ id: job.id, row, error: null }),
    (error): ExportEnd => {
      const { code, message: sentence } = error instanceof AppError && error.code !== 'internal' ? error : noteFault(error, 'the export', log)
      return { id: job.id, row: null, error: { code, sentence } }
    },
  )
  workbench.occupy(`exporting ${model}`, () => running.stop.abort(), ended)
  void ended.then((end) => {
    state.running = null
    state.last = { folder: project.folder, end }
    events.publish({ kind: 'export-ended', end })
  })
  return job
}
