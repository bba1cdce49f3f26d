/** Gradient steps and checkpoints, committed together: what is stored can always be resumed from. */
import { AppError } from '../../preload/contract/errors.ts'
import { all, get, inTransaction, run } from './database.ts'
import type { Database } from './database.ts'
import { toJson } from './encoding.ts'

export interface TrainingStep {
  stageId: string
  /** Optimiser updates done, from 1. */
  step: number
  /** TRL's keys: loss, rewards/chosen, …, grad_norm, learning_rate. Finite; no times (they belong in elapsedMs). */
  metrics: Record<string, number>
  tokens: number
  elapsedMs: number
}
type TrainingStepRow = Omit<TrainingStep, 'metrics'> & { metrics: string }

export interface Checkpoint {
  stageId: string
  /** 'training' = with optimiser state, to resume from; 'final' = the stage's result. */
  kind: 'training' | 'final'
  /** Optimiser updates it contains. */
  step: number
  /** Relative to the project. */
  path: string
  sha256: string
  createdAt: string
}
export type NewCheckpoint = Omit<Checkpoint, 'createdAt'>

/** Training checkpoints kept per stage: the newest, and one in case its file turns out damaged. */
const kept = 2

/**
 * Commits a checkpoint with the steps since the last one, in one transaction. A final one ends the need for the
 * training ones, so that a finished stage holds the same rows however often it was interrupted.
 * @param steps every step after the last stored one up to `checkpoint.step`, in order
 * @returns relative paths of checkpoints that no row names any more: the caller deletes these files
 * @throws Error when steps are missing or repeated; AppError 'method-stopped' when a metric is not finite
 */
export function commitCheckpoint(db: Database, { steps, checkpoint }: { steps: readonly TrainingStep[]; checkpoint: NewCheckpoint }): string[] {
  const { stageId, kind } = checkpoint
  return inTransaction(db, () => {
    let last = get<{ step: number }>(db, 'SELECT coalesce(max(step), 0) AS step FROM training_steps WHERE stage_id = @stageId', { stageId })!.step
    for (const step of steps) {
      if (step.stageId !== stageId || step.step !== ++last) throw new Error(`step ${step.step} of ${step.stageId} came where step ${last} of ${stageId} was expected`)
      insertTrainingStep(db, step)
    }
    if (checkpoint.step !== last) throw new Error(`the checkpoint of ${stageId} contains ${checkpoint.step} steps, but ${last} are stored`)
    const before = checkpointsOf(db, stageId)
    run(db, 'INSERT INTO checkpoints (stage_id, kind, step, path, sha256) VALUES (@stageId, @kind, @step, @path, @sha256)', { ...checkpoint })
    run(
      db,
      `DELETE FROM checkpoints WHERE stage_id = @stageId AND kind = 'training' AND step NOT IN
         (SELECT step FROM checkpoints WHERE stage_id = @stageId AND kind = 'training' ORDER BY step DESC LIMIT @kept)`,
      { stageId, kept: kind === 'final' ? 0 : kept },
    )
    const named = new Set(checkpointsOf(db, stageId).map(({ path }) => path))
    return before.map(({ path }) => path).filter((path) => !named.has(path))
  })
}

function insertTrainingStep(db: Database, row: TrainingStep): void {
  const notFinite = Object.entries(row.metrics).find(([, value]) => !Number.isFinite(value))
  if (notFinite)
    throw new AppError('method-stopped', `Training diverged: ${notFinite[0]} is ${notFinite[1]} at step ${row.step} of ${row.stageId}. Lower the learning rate and train this round again.`)
  run(db, 'INSERT INTO training_steps (stage_id, step, metrics, tokens, elapsed_ms) VALUES (@stageId, @step, @metrics, @tokens, @elapsedMs)', {
    ...row,
    metrics: toJson(row.metrics),
  })
}

export function trainingStepsOf(db: Database, stageId: string): TrainingStep[] {
  return all<TrainingStepRow>(db, 'SELECT * FROM training_steps WHERE stage_id = @stageId ORDER BY step', { stageId }).map((row) => ({
    ...row,
    metrics: JSON.parse(row.metrics) as Record<string, number>,
  }))
}

/** Newest first; a stage resumes from the first 'training' one whose file proves whole. */
export function checkpointsOf(db: Database, stageId: string): Checkpoint[] {
  return all(db, 'SELECT * FROM checkpoints WHERE stage_id = @stageId ORDER BY step DESC', { stageId })
}
