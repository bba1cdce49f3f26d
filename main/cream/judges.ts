/** Which numbers the two judges of an iteration rank one prompt's responses by (METHOD §2c). */
import type { FirstIterationRule } from '../../preload/contract/domain.ts'
import { assertNever } from '../../preload/contract/errors.ts'
import { rewardsOf, type Score } from './rewards.ts'

/** One response under M_t, M_{t−1} and M0. In iteration 1 `previous` is M0 itself, so it equals `base`. */
export interface ResponseScores<Id> {
  readonly id: Id
  readonly policy: Score
  readonly previous: Score
  readonly base: Score
}

/** `log-ratio`: r_θ in nats. `mean-logps`: mean token log-likelihood, in nats per token. */
export type Quantity = 'log-ratio' | 'mean-logps'

export interface Judge<Id> {
  readonly quantity: Quantity
  readonly values: ReadonlyMap<Id, number>
}

export interface Judges<Id> {
  /** J, by M_t. */
  readonly current: Judge<Id>
  /** K, by M_{t−1}. */
  readonly previous: Judge<Id>
  /** r_θt, which always makes the pairs. */
  readonly rewards: ReadonlyMap<Id, number>
}

/**
 * From iteration 2 on both judges rank by log-ratios. In iteration 1 r_θ0 ≡ 0 ranks nothing: `mean-logps` compares mean
 * log-likelihoods under M1 and M0; `reference-code` keeps the log-ratio for J against M0's mean log-likelihood for K
 * (structurally anti-correlated: −log π_0 is in J and +log π_0 in K).
 */
export function judgesOf<Id>(responses: readonly ResponseScores<Id>[], iteration: number, rule: FirstIterationRule): Judges<Id> {
  const quantities = quantitiesOf(iteration, rule)
  return {
    current: judgeBy('policy', quantities.current, responses),
    previous: judgeBy('previous', quantities.previous, responses),
    rewards: judgeBy('policy', 'log-ratio', responses).values,
  }
}

/** What each judge of an iteration ranks by; known before anything is scored (for the UI and the tolerances). */
export function quantitiesOf(iteration: number, rule: FirstIterationRule): { current: Quantity; previous: Quantity } {
  if (iteration > 1) return { current: 'log-ratio', previous: 'log-ratio' }
  switch (rule) {
    case 'mean-logps':
      return { current: 'mean-logps', previous: 'mean-logps' }
    case 'reference-code':
      return { current: 'log-ratio', previous: 'mean-logps' }
    default:
      return assertNever(rule)
  }
}

function judgeBy<Id>(model: 'policy' | 'previous', quantity: Quantity, responses: readonly ResponseScores<Id>[]): Judge<Id> {
  const under = scoresUnder(model, responses)
  switch (quantity) {
    case 'log-ratio':
      return { quantity, values: rewardsOf(under, scoresUnder('base', responses)) }
    case 'mean-logps':
      return { quantity, values: new Map([...under].map(([id, { meanLogps }]) => [id, meanLogps])) }
    default:
      return assertNever(quantity)
  }
}

function scoresUnder<Id>(model: 'policy' | 'previous' | 'base', responses: readonly ResponseScores<Id>[]): Map<Id, Score> {
  return new Map(responses.map((response) => [response.id, response[model]]))
}
