import { AppError } from '../../preload/contract/errors.ts'
import type { CurvePoint } from '../../preload/contract/requests/figures.ts'
import { reportRun } from '../pipeline/report.ts'
import { stageOf } from '../store/stages.ts'
import { trainingStepsOf } from '../store/training.ts'
import type { HandlersOf } from './handler.ts'

export const figureHandlers: HandlersOf<'training' | 'evaluation'> = {
  'training/curve': ({ project: { db }, job }, { stageId, after }) => {
    const stage = stageOf(db, stageId)
    if (!stage) throw new AppError('bad-arguments', `The run has no stage ${stageId}; reload the page.`)
    const steps = trainingStepsOf(db, stageId)
    const live = job?.stepsOf(stageId) ?? { points: [], total: null }
    const committed: CurvePoint[] = steps.map(({ step, metrics }) => ({ step, metrics, committed: true }))
    const seconds = steps.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0) / 1000
    return {
      stageId,
      points: [...committed, ...live.points.filter(({ step }) => step > committed.length)].filter(({ step }) => step > after),
      total: stage.status === 'done' ? committed.length : live.total,
      tokensPerSecond: seconds > 0 ? steps.reduce((sum, { tokens }) => sum + tokens, 0) / seconds : null,
    }
  },
  'evaluation/report': ({ project: { db }, run }) => reportRun(db, run.id).map(({ model, tasks, judged, path }) => ({ model, tasks, judged, isTrained: path !== null })),
}
