import { AppError } from '../../preload/contract/errors.ts'
import type { RunComparison } from '../../preload/contract/requests/history.ts'
import { askAside } from '../pipeline/aside.ts'
import { type FlatSettings, differingSettings } from '../pipeline/compare-runs.ts'
import { viewPrompt } from '../pipeline/prompt-history.ts'
import { listPrompts, rankedPromptView } from '../pipeline/rank-rows.ts'
import { iterationsOf } from '../store/iterations.ts'
import type { HandlersOf } from './handler.ts'

export const historyHandlers: HandlersOf<'history'> = {
  'history/list': async (workbench, { iterationId, filter, order, offset, limit }) => {
    const { project: { db }, run } = workbench
    const iterations = iterationId === undefined ? iterationsOf(db, run.id) : [workbench.iteration(iterationId)]
    // A branch that shares its origin's ranking adds no rows of its own.
    const iterationOf = new Map(iterations.toReversed().flatMap((iteration) => (iteration.setId === null ? [] : [[iteration.setId, iteration] as const])))
    const { rows, total } = await listPrompts(db, run.id, [...iterationOf.keys()].reverse(), filter, { order, offset, limit })
    return { total, rows: rows.map((row) => ({ ...rankedPromptView(row), iterationId: iterationOf.get(row.setId)!.id, t: iterationOf.get(row.setId)!.t, verdicts: row.verdicts })) }
  },
  'history/prompt': ({ project: { db }, run }, { promptId }) => {
    const view = viewPrompt(db, run, promptId)
    if (!view) throw new AppError('bad-arguments', `The run has no prompt ${promptId}; reload the page.`)
    return view
  },
  'history/runs': async ({ places, shelf }, { projects }) => {
    const runs: RunComparison['runs'] = []
    const settings: FlatSettings[] = []
    const unreadable: RunComparison['unreadable'] = []
    for (const project of projects) {
      const folder = places.pathOf(project)
      try {
        const { figures, settings: its } = await askAside({ folder, readOnly: true }, 'figuresOfRun', {})
        runs.push({ project, name: shelf.summaryOf(folder).name, ...figures })
        settings.push(its)
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        unreadable.push({ project, sentence: error.message })
      }
    }
    return { runs, settings: differingSettings(settings), unreadable }
  },
}
