/** Stage `train`: one DPO round on the consistency-weighted pairs gives M_{t+1} (METHOD §2g). */
import { binaryEntropy } from '../cream/loss.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { planMicroBatches } from '../engine/batches.ts'
import type { Sequence, TrainStepResult } from '../engine/protocol.ts'
import { rankingSetId } from '../store/ids.ts'
import { pairsOf } from '../store/pairs.ts'
import { scoresOf } from '../store/scores.ts'
import { type StageContext, configOf, dbOf } from './context.ts'
import { optimise } from './optimise.ts'
import { sequencesOf } from './score.ts'
import { lengthsOf } from './tune.ts'

interface TrainingPair {
  /** Chosen, rejected. */
  readonly sides: readonly [Sequence, Sequence]
  /** Log-probabilities per token under θ_t, frozen. */
  readonly refLogps: readonly [Float32Array, Float32Array]
  readonly consistency: number
}

export async function train(context: StageContext): Promise<string> {
  const { dpo } = configOf(context)
  const pairs = readPairs(context)
  if (pairs.length === 0) throw new AppError('method-stopped', 'There is no pair to train on: every prompt of this iteration was skipped. Sample more varied responses, or allow truncated ones to be chosen.')
  await optimise(context, {
    loss: { kind: 'dpo', beta: dpo.beta },
    hyper: dpo,
    examples: pairs.length,
    microBatches: (members) => {
      const chosen = members.map((i) => pairs[i]!)
      const sequences = chosen.flatMap(({ sides }) => sides)
      const refLogps = chosen.flatMap((one) => one.refLogps)
      return planMicroBatches(lengthsOf(sequences), 2).map(({ members: rows, shape }) => ({
        sequences: rows.map((row) => sequences[row]!),
        refLogps: rows.map((row) => refLogps[row]!),
        consistency: rows.filter((row) => row % 2 === 0).map((row) => chosen[row / 2]!.consistency),
        shape,
      }))
    },
    metrics: (result, members) => pairMetrics(result, members.map((i) => pairs[i]!.consistency)),
  })
  return `M${context.iteration.t + 1} from ${pairs.length} pairs`
}

function readPairs(context: StageContext): TrainingPair[] {
  const db = dbOf(context)
  const { iteration } = context
  const sequences = sequencesOf(context)
  const reference = (responseId: string): Float32Array => {
    const perToken = scoresOf(db, responseId).find(({ modelId }) => modelId === iteration.policyModelId)?.perTokenLogps
    if (!perToken) throw new Error(`response ${responseId} has no log-probabilities per token under ${iteration.policyModelId}`)
    return perToken
  }
  return pairsOf(db, rankingSetId(iteration.id)).map(({ chosenId, rejectedId, consistency }) => ({
    sides: [sequences.get(chosenId)!, sequences.get(rejectedId)!],
    refLogps: [reference(chosenId), reference(rejectedId)],
    consistency,
  }))
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
