/** Ranking mode: a person orders all responses to a prompt; tau-b against each judge says which judge people trust. */
import { AppError } from '../../preload/contract/errors.ts'
import { agreement } from './consistency.ts'
import { type Proportion, proportionOf } from './proportion.ts'

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

export interface TrustReport {
  /** Mean tau-b of the person with each judge over the prompts that have both; null without one. */
  readonly meanCurrent: number | null
  readonly meanPrevious: number | null
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
  const mean = (judge: 'current' | 'previous') => (both.length === 0 ? null : both.reduce((sum, tau) => sum + tau[judge], 0) / both.length)
  const apart = both.filter(({ current, previous }) => current !== previous)
  const nearer = proportionOf(apart.map(({ current, previous }) => current > previous))
  return {
    meanCurrent: mean('current'),
    meanPrevious: mean('previous'),
    prompts: both.length,
    alike: both.length - apart.length,
    nearerToCurrent: nearer,
    trusted: nearer === null ? 'undecided' : nearer.low > 0.5 ? 'current' : nearer.high < 0.5 ? 'previous' : 'undecided',
  }
}
