/** How far two judges agree about one prompt's responses (CREAM §4.2, eq. 8; METHOD §2d and §4). */
import type { NullReason, Statistic } from '../../preload/contract/domain.ts'
import { assertNever } from '../../preload/contract/errors.ts'
import { averageRanks, compareRewards, countTies } from './rankings.ts'
import { requireFinite, requireSameLength } from './rewards.ts'

/** Tie tolerances, each in its own judge's unit. */
export interface Tolerances {
  readonly tolCurrent: number
  readonly tolPrevious: number
}
export const exactTies: Tolerances = { tolCurrent: 0, tolPrevious: 0 }

export interface Agreement {
  /** In [−1, 1]; null when the statistic does not exist. */
  readonly value: number | null
  readonly reason: NullReason | null
  /** Tied pairs under each judge, of n(n−1)/2. */
  readonly tiesCurrent: number
  readonly tiesPrevious: number
}

/**
 * Agreement of the current judge J with the previous judge K; `current[i]` and `previous[i]` are about the same response,
 * and identical texts are listed once (see distinctResponses). Null for fewer than two responses and, whatever the
 * statistic, when a judge ties every pair: such a judge ranks nothing, so it neither agrees nor disagrees.
 * Throws AppError on NaN and ±∞.
 */
export function agreement(
  statistic: Statistic,
  current: readonly number[],
  previous: readonly number[],
  { tolCurrent, tolPrevious }: Tolerances = exactTies,
): Agreement {
  requireSameLength(current, previous)
  requireFinite(current, "The current judge's rewards")
  requireFinite(previous, "The previous judge's rewards")
  const tiesCurrent = countTies(current, tolCurrent)
  const tiesPrevious = countTies(previous, tolPrevious)
  const pairs = (current.length * (current.length - 1)) / 2
  const none = (reason: NullReason): Agreement => ({ value: null, reason, tiesCurrent, tiesPrevious })
  if (current.length < 2) return none('too-few-distinct')
  if (tiesCurrent === pairs) return none('current-constant')
  if (tiesPrevious === pairs) return none('previous-constant')
  const value = statisticOf(statistic)(current, previous, { tolCurrent, tolPrevious })
  return { value, reason: null, tiesCurrent, tiesPrevious }
}

type Measure = (current: readonly number[], previous: readonly number[], tolerances?: Tolerances) => number

function statisticOf(statistic: Statistic): Measure {
  switch (statistic) {
    case 'tau-b':
      return kendallTauB
    case 'tau-a':
      return kendallTauA
    case 'spearman':
      return spearman
    case 'toporder':
      return topOrder
    default:
      return assertNever(statistic)
  }
}

/**
 * Kendall's tau-b = (P − Q) / √((n₀ − n₁)(n₀ − n₂)): concordant − discordant pairs over the geometric mean of the pairs
 * each judge tells apart. Equals scipy.stats.kendalltau at tolerance 0. NaN when a judge ties every pair.
 */
export const kendallTauB: Measure = (current, previous, tolerances = exactTies) => {
  const pairs = (current.length * (current.length - 1)) / 2
  const toldCurrent = pairs - countTies(current, tolerances.tolCurrent)
  const toldPrevious = pairs - countTies(previous, tolerances.tolPrevious)
  return concordance(current, previous, tolerances) / Math.sqrt(toldCurrent * toldPrevious)
}

/** Kendall's tau-a = (P − Q) / n₀, the paper's formula (eq. 8): a tied pair counts as neither, so ties pull it towards 0. */
export const kendallTauA: Measure = (current, previous, tolerances = exactTies) =>
  concordance(current, previous, tolerances) / ((current.length * (current.length - 1)) / 2)

/** S = P − Q: pairs both judges order alike minus pairs they order against each other. */
function concordance(current: readonly number[], previous: readonly number[], { tolCurrent, tolPrevious }: Tolerances): number {
  let s = 0
  for (let i = 0; i < current.length; i++) {
    for (let j = i + 1; j < current.length; j++) {
      s += compareRewards(current[i]!, current[j]!, tolCurrent) * compareRewards(previous[i]!, previous[j]!, tolPrevious)
    }
  }
  return s
}

/** Spearman's rho: Pearson's correlation of the average ranks. NaN when a judge ties every pair. */
export const spearman: Measure = (current, previous, { tolCurrent, tolPrevious } = exactTies) => {
  const middle = (current.length + 1) / 2 // the mean of any average ranks
  const x = averageRanks(current, tolCurrent).map((rank) => rank - middle)
  const y = averageRanks(previous, tolPrevious).map((rank) => rank - middle)
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y))
}

/**
 * TopOrder: 1 if both judges agree on the best **and** on the worst response, else −1, so that C is 1 or 0.
 * Ties: a judge's bests are the responses with its lowest average rank. Judges agree on the best when their bests
 * intersect: a judge that cannot tell two bests apart does not contradict one that can. Likewise for the worsts.
 */
export const topOrder: Measure = (current, previous, { tolCurrent, tolPrevious } = exactTies) => {
  const j = extremes(current, tolCurrent)
  const k = extremes(previous, tolPrevious)
  return intersect(j.bests, k.bests) && intersect(j.worsts, k.worsts) ? 1 : -1
}

/** Positions of the tied bests and of the tied worsts; disjoint unless every pair ties. */
export function extremes(rewards: readonly number[], tolerance: number): { bests: number[]; worsts: number[] } {
  const ranks = averageRanks(rewards, tolerance)
  const at = (rank: number) => ranks.flatMap((own, i) => (own === rank ? [i] : []))
  return { bests: at(Math.min(...ranks)), worsts: at(Math.max(...ranks)) }
}

function intersect(a: readonly number[], b: readonly number[]): boolean {
  return a.some((i) => b.includes(i))
}

/** C = (value + 1) / 2, in [0, 1]. */
export function consistencyOf(value: number): number {
  return (value + 1) / 2
}

/** C of the run: the mean over the prompts that have one; null when none has. */
export function meanConsistency(consistencies: readonly (number | null)[]): number | null {
  const known = consistencies.filter((c) => c !== null)
  return known.length === 0 ? null : known.reduce((sum, c) => sum + c, 0) / known.length
}
