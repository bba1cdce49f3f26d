/** Stage `train`: one DPO round on the consistency-weighted pairs gives M_{t+1} (METHOD §2g). */
import { binaryEntropy } from '../cream/loss.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { planMicroBatches } from '../engine/batches.ts'
import type { MicroBatch, Sequence, TrainStepResult } from '../engine/protocol.ts'
import { labelsOf } from '../store/gates.ts'
import { gateDecision, requirePassage } from './audit.ts'
import { type StageContext, configOf, dbOf, modelRef, placeOf } from './context.ts'
import { optimise, planSteps } from './optimise.ts'
import { sequencesOf } from './score.ts'
import { producedName } from './titles.ts'
import { lengthsOf } from './tune.ts'

interface TrainingPair {
  /** Chosen, rejected. */
  readonly sides: readonly [Sequence, Sequence]
  readonly consistency: number
}

export async function train(context: StageContext): Promise<string> {
  const { dpo: hyper } = configOf(context)
  const pairs = await readPairs(context)
  if (pairs.length === 0) throw new AppError('method-stopped', 'There is no pair to train on: every prompt of this iteration was skipped. Sample more varied responses, or allow truncated ones to be chosen.')
  const examples = pairs.length
  const firstEpoch = planSteps(context, { hyper, examples }).slice(0, Math.ceil(examples / hyper.batchSize))
  const reference = await scoreReference(context, firstEpoch.flatMap((members) => batchPairs(pairs, members)))
  await optimise(context, {
    loss: { kind: 'dpo', beta: hyper.beta },
    hyper,
    examples,
    microBatches: (members) => batchPairs(pairs, members).map((batch) => ({ ...batch, refLogps: batch.sequences.map((sequence) => reference.get(sequence)!) })),
    metrics: (result, members) => pairMetrics(result, members.map((i) => pairs[i]!.consistency)),
  })
  return `${producedName(context.iteration)} from ${pairs.length} pairs`
}

/** The pairs as the decision at the gate left them: people's labels over the judge's, dropped ones out. */
async function readPairs(context: StageContext): Promise<TrainingPair[]> {
  const gate = gateDecision(dbOf(context), context.iteration)
  if (!gate) throw new AppError('internal', `The iteration ${context.iteration.id} came to training without a decision at the gate.`)
  const sequences = await sequencesOf(context)
  const side = (id: string): Sequence => ({ ...sequences.get(id)! })
  return labelsOf(dbOf(context), requirePassage(gate).id).flatMap(({ chosenId, rejectedId, consistency }) => (consistency === null ? [] : [{ sides: [side(chosenId), side(rejectedId)] as const, consistency }]))
}

/** One optimiser step's micro-batches. */
function batchPairs(pairs: readonly TrainingPair[], members: readonly number[]): MicroBatch[] {
  const chosen = members.map((i) => pairs[i]!)
  const sequences = chosen.flatMap(({ sides }) => sides)
  return planMicroBatches(lengthsOf(sequences), 2).map(({ members: rows, shape }) => ({
    sequences: rows.map((row) => sequences[row]!),
    consistency: rows.filter((row) => row % 2 === 0).map((row) => chosen[row / 2]!.consistency),
    shape,
  }))
}

/**
 * The log-probabilities under θ_t, frozen, of every sequence, per token: scored on the training device in the very
 * batches that training will see first. A batch of another shape may add in another order and move a token by an ulp;
 * in the same one, policy and reference agree bit for bit, and the first step's loss is exactly ln 2.
 */
async function scoreReference(context: StageContext, batches: readonly MicroBatch[]): Promise<Map<Sequence, Float32Array>> {
  const reference = new Map<Sequence, Float32Array>()
  const models = [modelRef(context, context.iteration.policyModelId)]
  for (const [i, { sequences, shape }] of batches.entries()) {
    context.signal.throwIfAborted()
    context.progress(i, batches.length, 'batches of the reference')
    const { perTokenLogps } = await context.engine.call('score', { ...placeOf(context), models, sequences, shape }, { signal: context.signal })
    sequences.forEach((sequence, i) => reference.set(sequence, perTokenLogps[0]![i]!))
  }
  return reference
}

/** TRL's keys, means over the step's pairs; `loss_floor` is the mean H(C), below which no loss can fall. */
function pairMetrics({ pairs }: TrainStepResult, consistencies: readonly number[]): Record<string, number> {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  return {
    'rewards/chosen': mean(pairs.map(({ chosenReward }) => chosenReward)),
    'rewards/rejected': mean(pairs.map(({ rejectedReward }) => rejectedReward)),
    'rewards/margins': mean(pairs.map(({ chosenReward, rejectedReward }) => chosenReward - rejectedReward)),
    'rewards/accuracies': mean(pairs.map(({ chosenReward, rejectedReward }) => Number(chosenReward > rejectedReward))),
    'logps/chosen': mean(pairs.map(({ chosenLogps }) => chosenLogps)),
    'logps/rejected': mean(pairs.map(({ rejectedLogps }) => rejectedLogps)),
    loss_floor: mean(consistencies.map(binaryEntropy)),
  }
}
