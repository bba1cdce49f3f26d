import { promptHeads, promptPage, responseTexts, sampleFigures } from '../store/browse.ts'
import type { HandlersOf } from './handler.ts'

export const sampleHandlers: HandlersOf<'sample'> = {
  'sample/summary': (workbench, { iterationId }) => {
    const { db } = workbench.project
    const { runId, t } = workbench.iteration(iterationId)
    const heads = promptHeads(db, runId, t)
    const { responses, prompts: sampled, truncated, meanTokens, distinct, correct, known } = sampleFigures(db, iterationId)
    return {
      prompts: heads.length, sampled, responses, truncated, meanTokens,
      meanDistinct: sampled === 0 ? null : distinct / sampled,
      accuracy: known === 0 ? null : correct / known,
      tasks: [...new Set(heads.flatMap(({ task }) => (task === null ? [] : [task])))].sort(),
    }
  },
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
