import { AppError } from '../../preload/contract/errors.ts'
import { biasOf } from '../pipeline/bias.ts'
import { type RankedIteration, previewRanks, rankedIteration, viewRanks } from '../pipeline/rank-view.ts'
import { passes, rankRows, rankingOfPrompt, sortRows } from '../pipeline/rank-rows.ts'
import { promptHeadOf, responseTexts, verdictCounts } from '../store/browse.ts'
import type { Iteration } from '../store/iterations.ts'
import { pairsOf } from '../store/pairs.ts'
import { goBack } from '../pipeline/branch.ts'
import { settingsOfChoice } from '../pipeline/rank-again.ts'
import { changedSettings, runIn } from '../pipeline/settings.ts'
import type { HandlersOf } from './handler.ts'
import type { Workbench } from './workbench.ts'

export const rankHandlers: HandlersOf<'rank' | 'pair'> = {
  'rank/view': (workbench, { iterationId }) => viewRanks(workbench.project.db, runIn(workbench.project.db, workbench.iteration(iterationId)), workbench.iteration(iterationId)),
  'rank/prompts': (workbench, { iterationId, filter, order, offset, limit }) => {
    const { iteration, ranked } = rankedOf(workbench, iterationId)
    const { db } = workbench.project
    const verdicts = verdictCounts(db, workbench.run.id)
    const rows = sortRows(rankRows(db, iteration, ranked).filter((row) => passes(filter, row, verdicts.get(row.promptId) ?? 0)), order)
    return { rows: rows.slice(offset, offset + limit), total: rows.length }
  },
  'rank/prompt': (workbench, { iterationId, promptId }) => {
    const { iteration, ranked } = rankedOf(workbench, iterationId)
    const found = rankingOfPrompt(workbench.project.db, iteration, ranked, promptId)
    if (!found) throw new AppError('bad-arguments', `The iteration has no prompt ${promptId}; reload the page.`)
    return found
  },
  'rank/preview': (workbench, { iterationId, choice }) => {
    const { iteration, ranked } = rankedOf(workbench, iterationId)
    return previewRanks(workbench.project.db, runIn(workbench.project.db, iteration), iteration, ranked, choice)
  },
  'rank/bias': (workbench, { iterationId }) => biasOf(workbench.project.db, workbench.iteration(iterationId)),
  'rank/apply': (workbench, { key, iterationId, choice }) => {
    const { db } = workbench.project
    const { iteration } = rankedOf(workbench, iterationId)
    return workbench.once(key, () => {
      workbench.requireIdleWriter()
      const change = settingsOfChoice(runIn(db, iteration), choice)
      if (changedSettings(runIn(db, iteration), change).length === 0) return { iterationId, setId: iteration.setId!, branched: false }
      const { id, setId } = goBack(db, iteration, 'pair', change)
      workbench.events.publish({ kind: 'settings-changed' })
      return { iterationId: id, setId: setId!, branched: id !== iteration.id }
    })
  },
  'pair/list': (workbench, { iterationId, offset, limit }) => {
    const { db } = workbench.project
    const { ranked } = rankedOf(workbench, iterationId)
    const pairs = pairsOf(db, ranked.set.id)
    const rows = pairs.slice(offset, offset + limit).map(({ promptId, chosenId, rejectedId, margin, consistency }) => {
      const texts = new Map(responseTexts(db, iterationId, promptId).map((response) => [response.id, response]))
      const side = (id: string) => ({ responseId: id, text: texts.get(id)!.text, isCorrect: texts.get(id)!.isCorrect })
      const { input: prompt, task } = promptHeadOf(db, promptId)!
      return { promptId, prompt, task, chosen: side(chosenId), rejected: side(rejectedId), margin, consistency }
    })
    return { rows, total: pairs.length }
  },
}

/** @throws AppError 'bad-arguments' before the stage `rank` is done */
export function rankedOf(workbench: Workbench, iterationId: string): { iteration: Iteration; ranked: RankedIteration } {
  const iteration = workbench.iteration(iterationId)
  const ranked = rankedIteration(workbench.project.db, iteration)
  if (!ranked) throw new AppError('bad-arguments', `Iteration ${iteration.t} is not ranked yet; carry the run on through its stage "rank".`)
  return { iteration, ranked }
}
