/**
 * What two unrelated judges would reach by chance: the exact permutation mean and variance of a statistic given each
 * judge's ties (METHOD §3). Drawn behind every tau histogram and beside every C. Nothing here is simulated.
 */
import type { Statistic } from '../../preload/contract/domain.ts'
import { assertNever } from '../../preload/contract/errors.ts'
import { consistencyOf, exactTies, extremes, type Tolerances } from './consistency.ts'
import { compareRewards, countTies } from './rankings.ts'

/** Of one prompt's statistic, in [−1, 1], when the previous judge's rewards are dealt to the responses at random. */
export interface Chance {
  readonly mean: number
  readonly variance: number
}

/** The chance moments of one prompt; null when a judge ties every pair (or there are fewer than two responses). */
export function chanceOf(
  statistic: Statistic,
  current: readonly number[],
  previous: readonly number[],
  { tolCurrent, tolPrevious }: Tolerances = exactTies,
): Chance | null {
  const n = current.length
  const pairs = (n * (n - 1)) / 2
  const toldCurrent = pairs - countTies(current, tolCurrent)
  const toldPrevious = pairs - countTies(previous, tolPrevious)
  if (toldCurrent === 0 || toldPrevious === 0) return null
  switch (statistic) {
    case 'tau-b':
      return { mean: 0, variance: varianceOfS(current, previous, { tolCurrent, tolPrevious }) / (toldCurrent * toldPrevious) }
    case 'tau-a':
      return { mean: 0, variance: varianceOfS(current, previous, { tolCurrent, tolPrevious }) / pairs ** 2 }
    case 'spearman': // Pearson's r under permutation: 1/(n − 1) whatever the two vectors are, ties included
      return { mean: 0, variance: 1 / (n - 1) }
    case 'toporder': {
      const p = chanceOfTopOrder(n, sizes(current, tolCurrent), sizes(previous, tolPrevious))
      return { mean: 2 * p - 1, variance: 4 * p * (1 - p) }
    }
    default:
      return assertNever(statistic)
  }
}

/**
 * Permutation variance of S = P − Q, exact for any pairwise ties, transitive or not: Daniels' variance of Σ a_ij b_ij for
 * antisymmetric scores (Kendall, Rank Correlation Methods, ch. 5), here signs in {−1, 0, 1} with S = ½ Σ a_ij b_ij:
 *   Var S = A₂B₂ / (2n(n−1)) + (A₁ − A₂)(B₁ − B₂) / (n(n−1)(n−2)),   A₁ = Σ_i (Σ_j a_ij)², A₂ = Σ_ij a_ij².
 * Terms with four different indices vanish by antisymmetry, so no tie groups are needed. Without ties it is n(n−1)(2n+5)/18.
 */
function varianceOfS(current: readonly number[], previous: readonly number[], { tolCurrent, tolPrevious }: Tolerances): number {
  const n = current.length
  const a = signSums(current, tolCurrent)
  const b = signSums(previous, tolPrevious)
  const samePair = (a.squares * b.squares) / (2 * n * (n - 1))
  const sharedResponse = n < 3 ? 0 : ((a.rows - a.squares) * (b.rows - b.squares)) / (n * (n - 1) * (n - 2))
  return samePair + sharedResponse
}

function signSums(rewards: readonly number[], tolerance: number): { rows: number; squares: number } {
  const rowSums = rewards.map((a) => rewards.reduce((sum, b) => sum + compareRewards(a, b, tolerance), 0))
  const pairs = (rewards.length * (rewards.length - 1)) / 2
  return { rows: rowSums.reduce((sum, row) => sum + row * row, 0), squares: 2 * (pairs - countTies(rewards, tolerance)) }
}

interface Sizes {
  readonly bests: number
  readonly worsts: number
}

function sizes(rewards: readonly number[], tolerance: number): Sizes {
  const { bests, worsts } = extremes(rewards, tolerance)
  return { bests: bests.length, worsts: worsts.length }
}

/**
 * P(bests intersect and worsts intersect) when K's bests and worsts fall on random responses: inclusion–exclusion over
 * hypergeometric counts. Without ties 1/(n(n−1)).
 */
function chanceOfTopOrder(n: number, j: Sizes, k: Sizes): number {
  const bestsMiss = choose(n - j.bests, k.bests) / choose(n, k.bests)
  const worstsMiss = choose(n - j.worsts, k.worsts) / choose(n, k.worsts)
  let bothMiss = 0 // K's bests avoid J's bests, `inside` of them among J's worsts; K's worsts avoid J's worsts and K's bests
  for (let inside = 0; inside <= Math.min(k.bests, j.worsts); inside++) {
    const outside = k.bests - inside
    bothMiss += choose(j.worsts, inside) * choose(n - j.bests - j.worsts, outside) * choose(n - j.worsts - outside, k.worsts)
  }
  bothMiss /= choose(n, k.bests) * choose(n - k.bests, k.worsts)
  return 1 - bestsMiss - worstsMiss + bothMiss
}

/** n over k; 0 where there is no such choice. */
function choose(n: number, k: number): number {
  if (k < 0 || k > n) return 0
  let ways = 1
  for (let i = 1; i <= k; i++) ways = (ways * (n - k + i)) / i
  return ways
}

/** sd of tau for two random rankings of n responses without ties: √(2(2n+5) / (9n(n−1))); .638/.491/.408 for 3/4/5. */
export function tauChanceSd(n: number): number {
  return Math.sqrt((2 * (2 * n + 5)) / (9 * n * (n - 1)))
}

export interface ChanceBand {
  /** Prompts with a chance level, of those given. */
  readonly prompts: number
  readonly meanTau: number
  /** Of a typical single prompt: √ of the mean variance. */
  readonly sdTau: number
  readonly meanC: number
  /** Of the mean C over these prompts, taken as independent: √(Σ variances) / (2 · prompts). */
  readonly sdOfMeanC: number
}

/** The band over many prompts; null when no prompt has a chance level. */
export function chanceBand(chances: readonly (Chance | null)[]): ChanceBand | null {
  const known = chances.filter((chance) => chance !== null)
  const prompts = known.length
  if (prompts === 0) return null
  const meanTau = known.reduce((sum, { mean }) => sum + mean, 0) / prompts
  const variances = known.reduce((sum, { variance }) => sum + variance, 0)
  return {
    prompts,
    meanTau,
    sdTau: Math.sqrt(variances / prompts),
    meanC: consistencyOf(meanTau),
    sdOfMeanC: Math.sqrt(variances) / (2 * prompts),
  }
}
