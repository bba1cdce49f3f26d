import { AppError } from '../../preload/contract/errors.ts'
import type { AnswerPage, AnswerPair, CurvePoint } from '../../preload/contract/requests/figures.ts'
import { askAside } from '../pipeline/aside.ts'
import { summariseTraining } from '../pipeline/training-summary.ts'
import { type AnswerFilter, comparedAnswers, comparedTasks, countCompared } from '../store/evaluations.ts'
import { modelsOf } from '../store/models.ts'
import { type StageRow, stageOf } from '../store/stages.ts'
import { trainingStepsOf } from '../store/training.ts'
import type { HandlersOf } from './handler.ts'
import { itemsOf } from './task-items.ts'
import type { Workbench } from './workbench.ts'

type Outcome = AnswerPair['outcome']
/** Is the answer right under the first model, and under the second? */
const rightness: Readonly<Record<Outcome, readonly [boolean, boolean]>> = { 'both-right': [true, true], 'both-wrong': [false, false], gained: [false, true], lost: [true, false] }

export const figureHandlers: HandlersOf<'training' | 'evaluation'> = {
  'training/curve': (workbench, { stageId, after }) => {
    const { project: { db } } = workbench
    const stage = requireStage(workbench, stageId)
    const steps = trainingStepsOf(db, stageId)
    const live = liveSteps(workbench, stageId)
    const committed: CurvePoint[] = steps.map(({ step, metrics }) => ({ step, metrics, committed: true }))
    const seconds = steps.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0) / 1000
    return {
      stageId,
      points: [...committed, ...live.filter(({ step }) => step > committed.length)].filter(({ step }) => step > after),
      total: stage.plannedSteps,
      tokensPerSecond: seconds > 0 ? steps.reduce((sum, { tokens }) => sum + tokens, 0) / seconds : null,
    }
  },
  'training/summary': (workbench, { stageId }) => {
    const stage = requireStage(workbench, stageId)
    const isRunning = workbench.job?.view().stage === stage.stage && stage.status === 'running'
    return { ...summariseTraining(workbench.project.db, stage, liveSteps(workbench, stageId)), peakMemoryBytes: (isRunning && workbench.job?.engine?.memory?.peakRss) || null }
  },
  'evaluation/answers': async (workbench, { first, second, task = null, decoding, outcome, offset, limit }): Promise<AnswerPage> => {
    const { project: { db } } = workbench
    const filter: AnswerFilter = { firstModelId: modelNamed(workbench, first), secondModelId: modelNamed(workbench, second), decoding, task, right: outcome ? rightness[outcome] : null }
    const counts = countCompared(db, filter)
    const items = await itemsOf(workbench)
    const rows = comparedAnswers(db, filter, { offset, limit }).map((row): AnswerPair => ({
      itemId: row.itemId, task: row.task, sample: row.sample, prompt: items.get(row.itemId)?.prompt ?? null, gold: items.get(row.itemId)?.answer ?? null,
      outcome: (Object.keys(rightness) as Outcome[]).find((one) => rightness[one][0] === row.first.isCorrect && rightness[one][1] === row.second.isCorrect)!,
      first: sideOf(row.first), second: sideOf(row.second),
    }))
    const total = { 'both-right': counts.bothRight, 'both-wrong': counts.bothWrong, gained: counts.gained, lost: counts.lost }
    return { rows, total: outcome ? total[outcome] : Object.values(total).reduce((sum, count) => sum + count, 0), counts, tasks: comparedTasks(db, filter.firstModelId, filter.secondModelId) }
  },
  'evaluation/report': ({ project, run }) => askAside(project, 'reportModels', { runId: run.id }),
}

function requireStage({ project: { db } }: Workbench, stageId: string): StageRow {
  const stage = stageOf(db, stageId)
  if (!stage) throw new AppError('bad-arguments', `The run has no stage ${stageId}; reload the page.`)
  return stage
}

const liveSteps = ({ job }: Workbench, stageId: string): readonly CurvePoint[] => job?.stepsOf(stageId) ?? []

function modelNamed({ project: { db }, run }: Workbench, name: string): string {
  const model = modelsOf(db, run.id).find((one) => one.name === name)
  if (!model) throw new AppError('bad-arguments', `The run has no model ${name}; reload the page.`)
  return model.id
}

const sideOf = ({ text, extracted: answer, isCorrect, finishReason }: ReturnType<typeof comparedAnswers>[number]['first']): AnswerPair['first'] => ({ text, answer, isCorrect, finishReason })
