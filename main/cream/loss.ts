/**
 * The consistency-regularised DPO loss in plain numbers (CREAM §4.3, eq. 10; identities in METHOD §3): the readable
 * reference for the trainer's graph, its step-0 check and the charts. C is the consistency, in [0, 1].
 */

/** One side of a pair: summed log-probabilities in nats under the policy and under the frozen DPO reference. */
export interface SideLogps {
  readonly logps: number
  readonly refLogps: number
}

/** β (log π − log π_ref): TRL's `rewards/chosen` or `rewards/rejected`. */
export function dpoReward(beta: number, { logps, refLogps }: SideLogps): number {
  return beta * (logps - refLogps)
}

/** z = β[(log π/π_ref)(y+) − (log π/π_ref)(y−)] = TRL's `rewards/margins`. At step 0 it is 0. */
export function dpoLogit(beta: number, chosen: SideLogps, rejected: SideLogps): number {
  return dpoReward(beta, chosen) - dpoReward(beta, rejected)
}

/**
 * L = C·softplus(−z) + (1−C)·softplus(z), in nats: C·L_DPO(y+, y−) + (1−C)·L_DPO(y−, y+). Both terms are ≥ 0, so nothing
 * cancels at large |z|. C = 1 is plain DPO; at z = 0 it is ln 2 for every C.
 */
export function consistencyLoss(z: number, consistency: number): number {
  return consistency * softplus(-z) + (1 - consistency) * softplus(z)
}

/** dL/dz = σ(z) − C: z is pulled to logit(C), upwards while σ(z) < C. */
export function consistencyLossGradient(z: number, consistency: number): number {
  return sigmoid(z) - consistency
}

/** H(C) = −C ln C − (1−C) ln(1−C), in nats: the loss's floor. Charts plot loss − H(C). */
export function binaryEntropy(consistency: number): number {
  return surprise(consistency) + surprise(1 - consistency)
}

/** z* = logit(C), where the loss is at its floor; ±∞ at C = 1 and 0. */
export function optimumLogit(consistency: number): number {
  return Math.log(consistency) - Math.log1p(-consistency)
}

/** The loss of every pair at step 0; another first loss means a wrong reference. */
export const lossAtStepZero = Math.LN2

/** ln(1 + e^x) without overflow. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}

/** 1 / (1 + e^−x) without overflow and without losing small values. */
export function sigmoid(x: number): number {
  const e = Math.exp(-Math.abs(x))
  return (x < 0 ? e : 1) / (1 + e)
}

/** −p ln p, continued by 0 at p = 0. */
function surprise(p: number): number {
  return p === 0 ? 0 : -p * Math.log(p)
}
