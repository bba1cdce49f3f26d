/** Ranking mode: a person orders all responses to a prompt; tau-b against each judge says which judge people trust. */
import { AppError } from '../../preload/contract/errors.ts'
import { agreement } from './consistency.ts'
import { type Proportion, proportionOf, z95 } from './proportion.ts'

/** A judge's values of one prompt's responses, by response id, and its tie tolerance. */
export interface JudgeValues {
  readonly values: ReadonlyMap<string, number>
  readonly tolerance: number
}

export interface HumanRanking {
  /** Response ids in groups of equals, best first. */
  readonly order: readonly (readonly string[])[]
  readonly current: JudgeValues
  readonly previous: JudgeValues
}

/** tau-b in [−1, 1]; null where person or judge ties every pair, and for fewer than two responses. */
export interface HumanTaus {
  readonly current: number | null
  readonly previous: number | null
}

/** @throws AppError('internal') when the order does not hold exactly the judge's responses, each once */
export function humanTaus({ order, current, previous }: HumanRanking): HumanTaus {
  const ids = order.flat()
  const ranks = order.flatMap((group, place) => group.map(() => -place)) // higher is better, equal within a group
  const against = ({ values, tolerance }: JudgeValues) => {
    if (new Set(ids).size !== ids.length || ids.length !== values.size || ids.some((id) => !values.has(id))) {
      throw new AppError('internal', `A person ordered ${ids.length} responses where the judge ranked ${values.size}, or others than these.`)
    }
    return agreement('tau-b', ranks, ids.map((id) => values.get(id)!), { tolCurrent: 0, tolPrevious: tolerance }).value
  }
  return { current: against(current), previous: against(previous) }
}

/** A mean with its 95 % interval (Student's t), within [−1, 1]; no interval below three values. */
export interface MeanTau {
  readonly mean: number
  readonly low: number | null
  readonly high: number | null
  readonly n: number
}

export interface TrustReport {
  /** tau-b of the person with each judge over the prompts that have both; null without one. */
  readonly current: MeanTau | null
  readonly previous: MeanTau | null
  readonly prompts: number
  /** Prompts equally near to both judges. */
  readonly alike: number
  /** Share of the other prompts on which the person is nearer to the current judge (a sign test). */
  readonly nearerToCurrent: Proportion | null
  /** 'undecided' while that share's interval holds ½. */
  readonly trusted: 'current' | 'previous' | 'undecided'
}

export function reportTrust(taus: readonly HumanTaus[]): TrustReport {
  const both = taus.flatMap(({ current, previous }) => (current === null || previous === null ? [] : [{ current, previous }]))
  const apart = both.filter(({ current, previous }) => current !== previous)
  const nearer = proportionOf(apart.map(({ current, previous }) => current > previous))
  return {
    current: meanTau(both.map(({ current }) => current)),
    previous: meanTau(both.map(({ previous }) => previous)),
    prompts: both.length,
    alike: both.length - apart.length,
    nearerToCurrent: nearer,
    trusted: nearer === null ? 'undecided' : nearer.low > 0.5 ? 'current' : nearer.high < 0.5 ? 'previous' : 'undecided',
  }
}

function meanTau(taus: readonly number[]): MeanTau | null {
  const n = taus.length
  if (n === 0) return null
  const mean = taus.reduce((sum, tau) => sum + tau, 0) / n
  if (n < 3) return { mean, low: null, high: null, n }
  const variance = taus.reduce((sum, tau) => sum + (tau - mean) ** 2, 0) / (n - 1)
  const half = studentT95(n - 1) * Math.sqrt(variance / n)
  return { mean, low: Math.max(-1, mean - half), high: Math.min(1, mean + half), n }
}

/** The two-sided 95 % quantile of Student's t from the normal one (Abramowitz & Stegun 26.7.5): 2.57 at 5, and within 1 % from 2 degrees of freedom on. */
export function studentT95(degrees: number): number {
  const z = z95
  const terms = [(z ** 3 + z) / 4, (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96, (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384, (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92160]
  return terms.reduce((sum, term, i) => sum + term / degrees ** (i + 1), z)
}
