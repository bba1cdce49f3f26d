/** Shares with 95 % intervals: Wilson's for simple random samples, and the same on Kish's effective size for weighted ones. */

/** Two-sided 95 % quantile of the standard normal distribution. */
export const z95 = 1.959963984540054

export interface Interval {
  readonly low: number
  readonly high: number
}

/** A share in [0, 1] with its 95 % interval. */
export interface Proportion extends Interval {
  readonly rate: number
  /** Observations it rests on. */
  readonly n: number
  /** n Σw² / (Σw)² ≥ 1: how many times more observations the weights cost than a simple random sample. */
  readonly designEffect: number
}

/** Wilson's score interval; `n` need not be whole, and at n = ∞ it is the point itself. Never leaves [0, 1]; honest at 0 and 1. */
export function wilson(rate: number, n: number): Interval {
  const perN = z95 ** 2 / n
  const centre = (rate + perN / 2) / (1 + perN)
  const half = (z95 / (1 + perN)) * Math.sqrt((rate * (1 - rate)) / n + perN / (4 * n))
  // At 0 and 1 the bounds are exact; rounding must not say 1e-17.
  return { low: rate === 0 ? 0 : centre - half, high: rate === 1 ? 1 : centre + half }
}

/** The plain share: 8 of 10 → .8 in [.490, .943]. Null without observations. */
export function proportionOf(successes: readonly boolean[]): Proportion | null {
  const n = successes.length
  if (n === 0) return null
  const rate = successes.filter(Boolean).length / n
  return { rate, n, designEffect: 1, ...wilson(rate, n) }
}

export interface Weighted {
  readonly success: boolean
  /** 1 / inclusion probability. */
  readonly weight: number
  /** The share of units like this one that was observed, in [0, 1]: what the finite population leaves unknown is 1 − this. */
  readonly observed: number
}

/**
 * Hájek's ratio Σ w y / Σ w with Wilson's interval on n_eff = (Σw)² / Σ w²(1 − observed): Kish's effective sample size with
 * the finite-population correction, so that a census leaves no interval. It leaves out what strata gain: with proportional
 * strata that differ, the interval is wider than it need be. Null without observations.
 */
export function weightedProportion(observations: readonly Weighted[]): Proportion | null {
  const n = observations.length
  if (n === 0) return null
  const sum = (term: (one: Weighted) => number) => observations.reduce((total, one) => total + term(one), 0)
  const total = sum(({ weight }) => weight)
  const unknown = sum(({ weight, observed }) => weight ** 2 * (1 - observed))
  const failed = sum(({ weight, success }) => (success ? 0 : weight))
  const rate = 1 - failed / total // exactly 0 or 1 when all agree
  return { rate, n, designEffect: (n * sum(({ weight }) => weight ** 2)) / total ** 2, ...wilson(rate, total ** 2 / unknown) }
}
