import { AppError } from '../../preload/contract/errors.ts'
import { askAside } from '../pipeline/aside.ts'
import { settingsOfChoice } from '../pipeline/rank-again.ts'
import { listPrompts, rankedPromptView, rankingOfPrompt } from '../pipeline/rank-rows.ts'
import { rankedSet, viewRanks } from '../pipeline/rank-view.ts'
import { changedSettings, runIn } from '../pipeline/settings.ts'
import { pairPage, promptHeadOf, responseTexts } from '../store/browse.ts'
import type { RankingSet } from '../store/rankings.ts'
import type { HandlersOf } from './handler.ts'
import type { Workbench } from './workbench.ts'

export const rankHandlers: HandlersOf<'rank' | 'pair'> = {
  'rank/view': (workbench, { iterationId }) => {
    const { db } = workbench.project
    const iteration = workbench.iteration(iterationId)
    return viewRanks(db, runIn(db, iteration), iteration)
  },
  'rank/prompts': async (workbench, { iterationId, filter, order, offset, limit }) => {
    const { rows, total } = await listPrompts(workbench.project.db, workbench.run.id, [setOf(workbench, iterationId).id], filter, { order, offset, limit })
    return { rows: rows.map(rankedPromptView), total }
  },
  'rank/prompt': (workbench, { iterationId, promptId }) => {
    const found = rankingOfPrompt(workbench.project.db, iterationId, setOf(workbench, iterationId), promptId)
    if (!found) throw new AppError('bad-arguments', `The iteration has no prompt ${promptId}; reload the page.`)
    return found
  },
  'rank/preview': (workbench, { iterationId, choice }) => {
    setOf(workbench, iterationId)
    return askAside(workbench.project, 'previewRanks', { iterationId, choice })
  },
  'rank/bias': (workbench, { iterationId }) => askAside(workbench.project, 'biasOf', { iterationId: workbench.iteration(iterationId).id }),
  'rank/apply': (workbench, { key, iterationId, choice }) => workbench.once(key, async () => {
    workbench.requireIdleWriter()
    const { id: before } = setOf(workbench, iterationId)
    const run = runIn(workbench.project.db, workbench.iteration(iterationId))
    const change = settingsOfChoice(run, choice)
    if (changedSettings(run, change).length === 0) return { iterationId, setId: before, branched: false }
    const { id, setId } = await workbench.write('ranking again', 'goBack', { iterationId, stage: 'pair', change })
    workbench.events.publish({ kind: 'settings-changed' })
    return { iterationId: id, setId: setId!, branched: id !== iterationId }
  }),
  'pair/list': (workbench, { iterationId, offset, limit }) => {
    const { db } = workbench.project
    const { rows, total } = pairPage(db, setOf(workbench, iterationId).id, { offset, limit })
    return {
      total,
      rows: rows.map(({ promptId, chosenId, rejectedId, margin, consistency }) => {
        const texts = new Map(responseTexts(db, iterationId, promptId).map((response) => [response.id, response]))
        const side = (id: string) => ({ responseId: id, text: texts.get(id)!.text, isCorrect: texts.get(id)!.isCorrect })
        const { input: prompt, task } = promptHeadOf(db, promptId)!
        return { promptId, prompt, task, chosen: side(chosenId), rejected: side(rejectedId), margin, consistency }
      }),
    }
  },
}

/** @throws AppError 'bad-arguments' before the stage `rank` is done */
const setOf = (workbench: Workbench, iterationId: string): RankingSet => rankedSet(workbench.project.db, workbench.iteration(iterationId))
