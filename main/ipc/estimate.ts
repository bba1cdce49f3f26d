import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { RunConfig } from '../../preload/contract/config.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { modelRef } from '../pipeline/context.ts'
import { type EstimateOptions, estimateRun } from '../pipeline/estimate/estimate.ts'
import { rememberPrices } from '../pipeline/estimate/prices.ts'
import { modelsOf } from '../store/models.ts'
import type { HandlersOf } from './handler.ts'
import { configOf } from './project.ts'
import type { Workbench } from './workbench.ts'

/** The estimate under way: a newer one, or `estimate/stop`, ends it. */
const under = new WeakMap<Workbench, AbortController>()

export const estimateHandlers: HandlersOf<'estimate'> = {
  'estimate/run': async (workbench, { of, probe, where }) => {
    stop(workbench)
    const project = of.kind === 'project' ? workbench.project : null
    const controller = new AbortController()
    under.set(workbench, controller)
    const { shelf, places, sandbox, options: { stateFolder } } = workbench
    const unmeasured = !probe ? 'Nothing was measured: only memory and disk are known.' : workbench.job ? 'Nothing was measured while a job is at work; times are known when it has ended.' : null
    try {
      const estimate = await estimateRun({
        config: of.kind === 'project' ? RunConfig.parse({ ...workbench.run.config, model: workbench.run.basePath }) : configOf(workbench, of),
        newest: project ? newestOf(workbench) : null,
        folder: project ? project.folder : existing(where === undefined ? shelf.folder : places.pathOf(where)),
        probes: join(stateFolder, 'probes.json'), unmeasured, sandbox, signal: controller.signal,
      })
      if (project?.db.open) { // it may have been closed meanwhile
        rememberPrices(project.db, estimate)
        workbench.events.publish({ kind: 'run-estimated' })
      }
      return estimate
    } finally {
      if (under.get(workbench) === controller) under.delete(workbench)
    }
  },
  'estimate/stop': (workbench) => {
    stop(workbench)
    return {}
  },
}

const stop = (workbench: Workbench): void => under.get(workbench)?.abort(new AppError('cancelled', 'The estimate was stopped.'))

/** The newest model answers as the next will. */
function newestOf({ project, run }: Workbench): EstimateOptions['newest'] {
  const { id, kind, sha256 } = modelsOf(project.db, run.id).at(-1)!
  return kind === 'base' ? null : { ref: modelRef({ project, run }, id), sha256 }
}

/** A folder that is made with the first project may not be there yet. */
const existing = (folder: string): string => (existsSync(folder) ? folder : existing(dirname(folder)))
