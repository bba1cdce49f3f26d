/** How a model answers, as far as a probe saw it: how long, and how varied. */

import { hashText, uniform } from '../../../native-models/random.ts'

/** One sampled completion: its tokens, and whether it ended by itself within them. */
export interface Observed {
  readonly tokens: number
  readonly ended: boolean
}

export interface Behaviour {
  /** Probability that a response has more than s tokens, s = 0 … cut. */
  readonly survival: readonly number[]
  /** Probability that a token ends the response, beyond what was seen. */
  readonly hazard: number
  /** Share of the responses that ended by themselves. */
  readonly ended: number
  /** Share of the prompts with two different responses: only these make pairs. */
  readonly distinct: number
  /** Different responses to a prompt ÷ responses, on average. */
  readonly variety: number
}

/** Kaplan–Meier up to the longest seen; beyond, ends come at their mean rate (with one end added to none: never 0). */
export function behaviourOf(observed: readonly Observed[], { distinct, variety }: Pick<Behaviour, 'distinct' | 'variety'>): Behaviour {
  const cut = Math.max(0, ...observed.map(({ tokens }) => tokens))
  const survival = [1]
  for (let s = 1; s <= cut; s++) {
    const atRisk = observed.filter(({ tokens }) => tokens >= s).length
    const ends = observed.filter(({ tokens, ended }) => tokens === s && ended).length
    survival.push(survival[s - 1]! * (atRisk === 0 ? 0 : 1 - ends / atRisk))
  }
  const ends = observed.filter(({ ended }) => ended).length
  const tokens = observed.reduce((sum, one) => sum + one.tokens, 0)
  return { survival, hazard: tokens === 0 ? 0 : Math.max(0.5, ends) / tokens, ended: ends / Math.max(1, observed.length), distinct, variety }
}

/** Nothing is known: every response as long as it may be. */
export const longest: Behaviour = { survival: [1], hazard: 0, ended: 0, distinct: 1, variety: 1 }

/**
 * How the model will answer after SFT. One that mostly ends by itself goes on as it did; one that hardly ever does (a base
 * model that knows no end) learns when to end from its examples, and answers as long as they are.
 */
export function behaviourAfter(seen: Behaviour, examples: readonly { readonly completionTokens: number }[]): Behaviour {
  if (seen.ended >= 0.5 || examples.length === 0) return seen
  return behaviourOf(examples.map(({ completionTokens }) => ({ tokens: completionTokens, ended: true })), seen)
}

/** P(more than s tokens), 0 from `most` on. */
export function survivalAt({ survival, hazard }: Behaviour, s: number, most: number): number {
  if (s >= most) return 0
  return survival[s] ?? survival.at(-1)! * (1 - hazard) ** (s - survival.length + 1)
}

/** Mean tokens of a response, of at most `most`: Σ P(more than s). */
export function meanTokens(behaviour: Behaviour, most: number): number {
  let sum = 0
  for (let s = 0; s < most; s++) sum += survivalAt(behaviour, s, most)
  return sum
}

/** Mean number of decoding steps until the last of `rows` responses ends. */
export function meanSteps(behaviour: Behaviour, rows: number, most: number): number {
  let sum = 0
  for (let s = 0; s < most; s++) sum += 1 - (1 - survivalAt(behaviour, s, most)) ** rows
  return sum
}

/** `count` lengths as they would be drawn, each at least 1; the same for the same seed. */
export function drawLengths(behaviour: Behaviour, count: number, most: number, seed: number): number[] {
  const survival = Array.from({ length: most + 1 }, (_, s) => survivalAt(behaviour, s, most))
  return Array.from({ length: count }, (_, i) => {
    const u = uniform(seed, hashText('lengths'), i)
    return Math.max(1, survival.findIndex((above) => above <= u)) // P(more than s) ≤ u first: the inverse of the distribution
  })
}
