/** SFT and the consistency-weighted DPO loss, on log-probabilities of completion tokens. */
import type { GraphBuilder } from '../onnx/builder.ts'
import type { Value } from '../onnx/types.ts'

/** −scale · Σ_t mask_t·logp_t. With scale = 1 / (tokens of the accumulated batch) it is the batch's mean nll. logps, mask [n]. */
export function sftLoss(b: GraphBuilder, logps: Value, mask: Value, scale: Value): Value {
  return b.neg(b.mul(b.reduceSum(b.mul(logps, mask), [0], false), scale))
}

export interface DpoInputs {
  /** Policy log-probabilities [n] of the completion tokens of all rows; rows alternate chosen, rejected. */
  readonly logps: Value
  /** Log-probabilities [n] of the same tokens under the frozen reference. */
  readonly refLogps: Value
  /** [2·pairs, n], 1 where a token belongs to a row. */
  readonly rows: Value
  /** C of each pair [pairs, 1]. */
  readonly consistency: Value
  /** Weight of each pair in the loss [pairs, 1]; 1 / (pairs of the accumulated batch) makes it a mean. */
  readonly weight: Value
}

export interface DpoOutputs {
  /** Σ weight·loss, []. */
  readonly loss: Value
  /** Per pair [pairs, 1]. */
  readonly losses: Value
  readonly chosenRewards: Value
  readonly rejectedRewards: Value
  readonly chosenLogps: Value
  readonly rejectedLogps: Value
}

/**
 * CREAM's loss (paper, eq. 8; METHOD §3): z = β[(π−ref)(y⁺) − (π−ref)(y⁻)],
 * L = C·softplus(−z) + (1−C)·softplus(z) = softplus(−z) + (1−C)·z.
 * The reference is subtracted per token before summing, so that equal models give exactly z = 0 and L = ln 2.
 */
export function consistencyDpoLoss(b: GraphBuilder, { logps, refLogps, rows, consistency, weight }: DpoInputs, beta: number): DpoOutputs {
  const n = logps.shape[0]!
  const pairs = rows.shape[0]! / 2
  // Row by row, not as a product: its order of adding would depend on how many rows there are.
  const sumRows = (tokens: Value): [Value, Value] => b.split(b.reshape(b.reduceSum(b.mul(rows, b.reshape(tokens, [1, n])), [1]), [pairs, 2]), [1, 1], 1) as [Value, Value]
  const [chosenRatio, rejectedRatio] = sumRows(b.sub(logps, refLogps))
  const [chosenLogps, rejectedLogps] = sumRows(logps)
  const chosenRewards = b.scale(chosenRatio, beta)
  const rejectedRewards = b.scale(rejectedRatio, beta)
  const z = b.sub(chosenRewards, rejectedRewards)
  const losses = b.add(b.softplus(b.neg(z)), b.mul(b.sub(b.scalar(1), consistency), z))
  const loss = b.reduceSum(b.mul(losses, weight), [0, 1], false)
  return { loss, losses, chosenRewards, rejectedRewards, chosenLogps, rejectedLogps }
}
