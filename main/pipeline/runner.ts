/**
 * Carries a run on, stage by stage, from wherever it stands. A stage is done when its rows are committed; re-entering
 * one redoes only what is not. The engine may die at any moment: the stage is entered again.
 */
import type { Stage } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { type Database, inTransaction } from '../store/database.ts'
import { type Iteration, activeIteration, iterationOf, pathTo } from '../store/iterations.ts'
import { sweepOrphans } from '../store/project.ts'
import { runOf } from '../store/runs.ts'
import { failStage, finishStage, markStage, stageOf, stagesOf, startStage, type StageRow } from '../store/stages.ts'
import { audit, gateDecision } from './audit.ts'
import { type RunContext, type StageContext, dbOf } from './context.ts'
import { evaluate } from './evaluate.ts'
import { inputHash, requireSameInput } from './inputs.ts'
import { pair } from './pair.ts'
import { planRound } from './plan-run.ts'
import { rank } from './rank.ts'
import { sample } from './sample.ts'
import { score } from './score.ts'
import { runIn } from './settings.ts'
import { survivingTheChildren } from './survive.ts'
import { titleOf } from './titles.ts'
import { train } from './train.ts'
import { tune } from './tune.ts'

const work: Readonly<Record<Exclude<Stage, 'export'>, (context: StageContext) => Promise<string>>> = { tune, sample, score, rank, pair, audit, train, evaluate }

export interface RunUntil {
  /** Stop after this stage, the first time it is completed now. */
  readonly until?: Stage
  /** 'ask' = end before the stage `audit` until a person has decided; otherwise the settings decide. */
  readonly gate?: 'ask' | 'configured'
}

/** Runs every unfinished stage of the active path in order. @throws AppError: the stage is then failed, or paused if cancelled or out of room */
export async function carryOn(context: RunContext, { until, gate = 'configured' }: RunUntil = {}): Promise<'finished' | 'stopped' | 'waiting'> {
  sweepOrphans(context.project)
  for (let next = nextStage(context); next; next = nextStage(context)) {
    if (gate === 'ask' && waitsForPerson(dbOf(context), next.iteration, next.stage.stage)) return 'waiting'
    await carryOut(context, next.iteration, next.stage)
    if (next.stage.stage === until) return 'stopped'
  }
  return 'finished'
}

/** Nobody has decided yet whether these pairs are trained on, or the decision was to sample anew instead. */
export function waitsForPerson(db: Database, iteration: Pick<Iteration, 'id'>, stage: Stage): boolean {
  if (stage !== 'audit') return false
  const decision = gateDecision(db, iteration)
  return decision === null || decision.choice === 'resample'
}

/** The first unfinished stage of the active path; plans the next round when the last one is done and the run wants more. */
function nextStage(context: RunContext): { iteration: Iteration; stage: StageRow } | null {
  const db = dbOf(context)
  const run = runOf(db, context.run.id)!
  const tip = activeIteration(db, run)
  for (const iteration of pathTo(db, tip.id)) {
    const stage = stagesOf(db, iteration.id).find(({ status }) => status !== 'done')
    if (stage) return { iteration, stage }
  }
  if (tip.t >= run.config.iterations) return null
  inTransaction(db, () => planRound(db, tip))
  return nextStage(context)
}

async function carryOut(context: RunContext, iteration: Iteration, row: StageRow): Promise<void> {
  const db = dbOf(context)
  const { id: stageId, stage } = row
  if (stage === 'export') throw new Error('no stage exports by itself')
  const began = performance.now()
  const stageContext: StageContext = {
    ...context, run: runIn(db, iteration), iteration, stage, stageId,
    progress: (done, total, unit, metrics) => context.emit({ kind: 'progress', iteration: iteration.t, stage, done, total, unit, ...(metrics && { metrics }) }),
  }
  try {
    const input = await inputHash(stageContext, iteration, stage)
    requireSameInput(stageContext, row, input)
    inTransaction(db, () => startStage(db, stageId, input))
    context.emit({ kind: 'stage-started', iteration: iteration.t, stage, stageId, title: titleOf(stage, iteration) }) // whoever hears it finds the stage running
    context.signal.throwIfAborted()
    const summary = await survivingTheChildren(context, () => work[stage]({ ...stageContext, iteration: iterationOf(db, iteration.id)! }))
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
