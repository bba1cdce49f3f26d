import { askAside } from '../pipeline/aside.ts'
import { promptPage, responseTexts } from '../store/browse.ts'
import type { HandlersOf } from './handler.ts'

export const sampleHandlers: HandlersOf<'sample'> = {
  'sample/summary': (workbench, { iterationId }) => askAside(workbench.project, 'summariseSamples', { iterationId: workbench.iteration(iterationId).id }),
  'sample/list': (workbench, { iterationId, task = null, offset, limit }) => {
    const { db } = workbench.project
    const { runId, t } = workbench.iteration(iterationId)
    const { rows, total } = promptPage(db, { runId, share: t, task, offset, limit })
    return {
      total,
      rows: rows.map(({ id: promptId, position, input, tokens, answer, task: its, skipReason }) => ({
        promptId, position, input, tokens, answer, task: its, skipReason,
        responses: responseTexts(db, iterationId, promptId).map(({ id: responseId, position: place, text, tokens: length, finishReason, isCorrect }) => ({ responseId, position: place, text, tokens: length, finishReason, isCorrect })),
      })),
    }
  },
}
