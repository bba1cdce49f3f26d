/**
 * Carries a run on, stage by stage, from wherever it stands. A stage is done when its rows are committed; re-entering
 * one redoes only what is not. The engine may die at any moment: the stage is entered again.
 */
import { stages as stageOrder, type Stage } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { type Database, inTransaction } from '../store/database.ts'
import { type Iteration, iterationsOf } from '../store/iterations.ts'
import { sweepOrphans } from '../store/project.ts'
import { failStage, finishStage, markStage, stageOf, stagesOf, startStage, type StageRow } from '../store/stages.ts'
import { audit } from './audit.ts'
import { type RunContext, type StageContext, configOf, dbOf } from './context.ts'
import { evaluate } from './evaluate.ts'
import { inputHash, requireSameInput } from './inputs.ts'
import { pair } from './pair.ts'
import { planIteration } from './plan-run.ts'
import { rank } from './rank.ts'
import { sample } from './sample.ts'
import { score } from './score.ts'
import { survivingTheEngine } from './survive.ts'
import { titleOf } from './titles.ts'
import { train } from './train.ts'
import { tune } from './tune.ts'

const work: Readonly<Record<Exclude<Stage, 'export'>, (context: StageContext) => Promise<string>>> = { tune, sample, score, rank, pair, audit, train, evaluate }

export interface RunUntil {
  /** Stop after this stage, the first time it is completed now. */
  readonly until?: Stage
}

/** Runs every unfinished stage in order. @throws AppError: the stage is then failed, or paused if cancelled or out of room */
export async function carryOn(context: RunContext, { until }: RunUntil = {}): Promise<'finished' | 'stopped'> {
  sweepOrphans(context.project)
  for (let next = nextStage(context); next; next = nextStage(context)) {
    await carryOut(context, next.iteration, next.stage)
    if (next.stage.stage === until) return 'stopped'
  }
  return 'finished'
}

/** The first unfinished stage; plans the next iteration when the last one is trained. */
export function nextStage(context: RunContext): { iteration: Iteration; stage: StageRow } | null {
  const { run } = context
  const db = dbOf(context)
  for (const iteration of iterationsOf(db, run.id)) {
    const stage = stagesOf(db, iteration.id).sort((a, b) => stageOrder.indexOf(a.stage) - stageOrder.indexOf(b.stage)).find(({ status }) => status !== 'done')
    if (stage) return { iteration, stage }
  }
  const last = iterationsOf(db, run.id).at(-1)!
  if (last.t >= configOf(context).iterations) return null
  inTransaction(db, () => planIteration(db, run.id, { t: last.t + 1, parentId: last.id, policyModelId: last.producedModelId!, previousModelId: last.policyModelId, baseModelId: last.baseModelId }))
  return nextStage(context)
}

async function carryOut(context: RunContext, iteration: Iteration, row: StageRow): Promise<void> {
  const db = dbOf(context)
  const { id: stageId, stage } = row
  if (stage === 'export') throw new Error('no stage exports by itself')
  const began = performance.now()
  context.emit({ kind: 'stage-started', iteration: iteration.t, stage, stageId, title: titleOf(stage, iteration.t) })
  const stageContext: StageContext = {
    ...context, iteration, stage, stageId,
    progress: (done, total, unit, metrics) => context.emit({ kind: 'progress', iteration: iteration.t, stage, done, total, unit, ...(metrics && { metrics }) }),
  }
  try {
    const input = await inputHash(context, iteration, stage)
    requireSameInput(context, row, input)
    inTransaction(db, () => startStage(db, stageId, input))
    context.signal.throwIfAborted()
    const summary = await survivingTheEngine(context.engine, () => work[stage](stageContext))
    inTransaction(db, () => { if (stageOf(db, stageId)!.status !== 'done') finishStage(db, stageId) })
    context.emit({ kind: 'stage-done', iteration: iteration.t, stage, summary, seconds: (performance.now() - began) / 1000 })
  } catch (error) {
    const { signal } = context
    const end = signal.aborted && error === signal.reason ? new AppError('cancelled', 'Stopped on request.', error) : error
    recordEnd(db, stageId, end)
    throw end
  }
}

/** Where not even a status fits on the disk, the stage stays 'running'; the next start enters it all the same. */
function recordEnd(db: Database, stageId: string, error: unknown): void {
  const isPause = error instanceof AppError && (error.code === 'cancelled' || error.code === 'disk-full')
  try {
    inTransaction(db, () => (isPause ? markStage(db, stageId, 'paused') : failStage(db, stageId, error instanceof Error ? error.message : String(error))))
  } catch (failure) {
    if (!(failure instanceof AppError) || failure.code !== 'disk-full') throw failure
  }
}
