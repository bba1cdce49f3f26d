/** The training loop that SFT and DPO share: steps in a seeded order, checkpoints, pause, resume to the same bytes. */
import { existsSync, statfsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { hashText, permutation } from '../../native-models/random.ts'
import { scheduleFactor, warmupStepsOf } from '../../native-models/training/schedule.ts'
import { hashFile } from '../../native-models/weights/hash.ts'
import type { Optimisation } from '../../preload/contract/config.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { MicroBatch, TrainStepResult, TrainingParams } from '../engine/protocol.ts'
import { inTransaction } from '../store/database.ts'
import { iterationId, producedModelId, stageId as idOfStage } from '../store/ids.ts'
import { setProducedModel } from '../store/iterations.ts'
import { insertModel } from '../store/models.ts'
import { pathForRow, pathIn } from '../store/project.ts'
import { finishStage, setPlannedSteps } from '../store/stages.ts'
import { type TrainingStep, checkpointsOf, commitCheckpoint } from '../store/training.ts'
import { type StageContext, configOf, dbOf, modelRef, placeOf } from './context.ts'
import { producedName } from './titles.ts'

export interface Objective {
  readonly loss: TrainingParams['objective']
  readonly hyper: Optimisation
  /** How many examples there are (sequences or pairs). */
  readonly examples: number
  /** The micro-batches of one optimiser step, for these example indices. */
  readonly microBatches: (members: readonly number[]) => MicroBatch[]
  /** TRL's metric keys of one step; `members` as given to `microBatches`. */
  readonly metrics: (result: TrainStepResult, members: readonly number[]) => Record<string, number>
}

/** Trains the iteration's policy into its produced model, from the last checkpoint if there is one, and commits it. */
export async function optimise(context: StageContext, objective: Objective): Promise<void> {
  const { engine, stageId, signal } = context
  const { hyper } = objective
  const steps = planSteps(context, objective)
  const total = steps.length
  setPlannedSteps(dbOf(context), stageId, total)
  // A warm-up starts at rate 0: one that fills the whole training would train nothing.
  const warmup = Math.min(warmupStepsOf(hyper.warmupRatio, total), Math.max(0, total - 1))

  const { trainable, step: done } = await engine.call('startTraining', await startingPoint(context, objective))
  requireRoom(context, trainable)
  // Beyond `done` only after a damaged checkpoint: those steps are taken again, to the same numbers, but stand committed.
  const committed = checkpointsOf(dbOf(context), stageId)[0]?.step ?? 0
  const unsaved: TrainingStep[] = []
  let lastSave = performance.now()
  for (let step = done; step < total; step++) {
    const members = steps[step]!
    const learningRate = hyper.learningRate * scheduleFactor(hyper.schedule, step, warmup, total)
    const began = performance.now()
    const result = await engine.call('trainStep', { microBatches: objective.microBatches(members), learningRate })
    const metrics = { ...objective.metrics(result, members), loss: result.loss, grad_norm: result.gradNorm, learning_rate: learningRate }
    const isNew = result.step > committed
    if (isNew) unsaved.push({ stageId, step: result.step, metrics, tokens: result.tokens, elapsedMs: performance.now() - began })
    context.progress(result.step, total, 'steps', metrics)
    const isDue = signal.aborted || performance.now() - lastSave > configOf(context).checkpointSeconds * 1000
    if (isNew && isDue) {
      await saveCheckpoint(context, result.step, unsaved.splice(0))
      lastSave = performance.now()
    }
    signal.throwIfAborted()
  }
  await saveResult(context, total, unsaved)
}

/** What the order of examples depends on. */
export interface StepOrder {
  readonly run: Pick<StageContext['run'], 'id' | 'seed'>
  readonly iteration: Pick<StageContext['iteration'], 't'>
  readonly stage: StageContext['stage']
}

/** Example indices of every optimiser step; each epoch is a permutation of its own. Branches take theirs in the same order, so that they differ in nothing but what was changed. */
export function planSteps({ run, iteration: { t }, stage }: StepOrder, { examples, hyper: { batchSize, epochs } }: Pick<Objective, 'examples' | 'hyper'>): number[][] {
  const stepsPerEpoch = Math.ceil(examples / batchSize)
  const orders = Array.from({ length: Math.ceil(epochs) }, (_, epoch) => permutation(examples, run.seed, hashText(idOfStage(iterationId(run.id, t), stage)), epoch))
  return Array.from({ length: Math.ceil(stepsPerEpoch * epochs) }, (_, step) => {
    const at = (step % stepsPerEpoch) * batchSize
    return orders[Math.floor(step / stepsPerEpoch)]!.slice(at, at + batchSize)
  })
}

async function startingPoint(context: StageContext, { loss, hyper }: Objective): Promise<TrainingParams> {
  const { tuning } = configOf(context)
  const policy = modelRef(context, context.iteration.policyModelId)
  const { beta1, beta2, epsilon, weightDecay, maxGradNorm } = hyper
  return {
    ...placeOf(context),
    folder: context.run.basePath,
    tuning,
    from: tuning.kind === 'full' ? policy.folder : policy.adapter,
    objective: loss,
    optimiser: { beta1, beta2, epsilon, weightDecay, maxGradNorm },
    seed: context.run.seed,
    resume: await lastWholeCheckpoint(context),
  }
}

/** The newest checkpoint whose file is what was committed. */
async function lastWholeCheckpoint(context: StageContext): Promise<string | null> {
  for (const { kind, path, sha256 } of checkpointsOf(dbOf(context), context.stageId)) {
    const file = pathIn(context.project, path)
    if (kind === 'training' && existsSync(file) && (await hashFile(file)) === sha256) return file
    context.emit({ kind: 'notice', message: `The checkpoint ${path} is damaged or missing; an older one is used.` })
  }
  return null
}

/** The file first, then its row and the steps since the last one, in one transaction: killed between, the file is an orphan. */
async function saveCheckpoint(context: StageContext, step: number, steps: readonly TrainingStep[]): Promise<void> {
  const path = `checkpoints/${context.stageId}.${step}.safetensors`
  const { sha256 } = await context.engine.call('saveCheckpoint', { path: pathIn(context.project, path) })
  const obsolete = commitCheckpoint(dbOf(context), { steps, checkpoint: { stageId: context.stageId, kind: 'training', step, path, sha256 } })
  for (const old of obsolete) await rm(pathIn(context.project, old), { force: true })
}

/** The produced model, the stage's last steps and its end: one transaction. */
async function saveResult(context: StageContext, step: number, steps: readonly TrainingStep[]): Promise<void> {
  const { iteration, run, project, stageId } = context
  const db = dbOf(context)
  const id = producedModelId(iteration.id)
  const folder = join(project.folder, 'adapters', id)
  const isAdapter = configOf(context).tuning.kind === 'lora'
  const { path, sha256 } = await context.engine.call('saveModel', { folder })
  await context.engine.call('endTraining', {}) // the last call: after the commit an engine's death must not enter the stage again
  const obsolete = inTransaction(db, () => {
    const old = commitCheckpoint(db, { steps, checkpoint: { stageId, kind: 'final', step, path: pathForRow(project, isAdapter ? path : join(folder, 'model.safetensors')), sha256 } })
    insertModel(db, { id, runId: run.id, name: producedName(iteration), parentId: iteration.policyModelId, kind: isAdapter ? 'adapter' : 'full', path: pathForRow(project, folder), sha256 })
    setProducedModel(db, iteration.id, id)
    finishStage(db, stageId)
    return old
  })
  for (const old of obsolete) await rm(pathIn(project, old), { force: true })
}

/** A third checkpoint is written before the oldest of two goes; later shortage pauses (see runner). Each is values and two moments. */
function requireRoom({ project, stageId, iteration }: StageContext, trainable: number): void {
  const kept = checkpointsOf(project.db, stageId).length
  const needed = 4 * trainable * 3 * (3 - kept)
  const { bavail, bsize } = statfsSync(project.folder)
  const free = bavail * bsize
  if (free < needed) {
    throw new AppError('disk-full', `Training ${producedName(iteration)} needs ${megabytes(needed)} for its checkpoints, but ${megabytes(free)} are free in ${project.folder}; make room and resume.`)
  }
}
const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6).toLocaleString('en')} MB`
