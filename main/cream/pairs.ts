/** From one prompt's ranked responses to its preference pair, or to the reason why it has none (METHOD §2e, §4). */
import type { FinishReason, SkipReason } from '../../preload/contract/domain.ts'
import { compareIds, isTied, ranking, type ResponseId } from './rankings.ts'
import { requireFinite } from './rewards.ts'

export interface SampledResponse {
  readonly id: ResponseId
  readonly text: string
  readonly finishReason: FinishReason
}

export interface RewardedResponse extends SampledResponse {
  /** r_θt in nats, or an outside judge's reward; null when that judge gave none. */
  readonly reward: number | null
}

/** One text and how often it was sampled. */
export interface Distinct<R> {
  /** The sample that stands for all: one that ended by EOS where there is one, then the lowest id. */
  readonly response: R
  readonly count: number
}

/** Identical texts are one response with a count (by exact equality; in the order of their representatives' ids). */
export function distinctResponses<R extends SampledResponse>(responses: readonly R[]): Distinct<R>[] {
  const byText = Map.groupBy(responses, ({ text }) => text)
  return [...byText.values()]
    .map((same) => ({ response: same.toSorted(preferEnded)[0]!, count: same.length }))
    .sort((a, b) => compareIds(a.response.id, b.response.id))
}

function preferEnded(a: SampledResponse, b: SampledResponse): number {
  return Number(a.finishReason === 'length') - Number(b.finishReason === 'length') || compareIds(a.id, b.id)
}

export interface PairOptions {
  /** Tie tolerance in the unit of the rewards. */
  readonly tolerance: number
  /** May a response that ended by length be chosen? */
  readonly chooseTruncated: boolean
}

export type PairOutcome<R> =
  | { readonly kind: 'pair'; readonly chosen: R; readonly rejected: R; /** Reward of chosen − of rejected, > tolerance. */ readonly margin: number }
  | { readonly kind: 'skip'; readonly reason: SkipReason }

/**
 * chosen = the first of the ranking's order that may be chosen, rejected = its last; equal ranks go by response id.
 * chosen always beats rejected by more than the tolerance. A best response that ended by length hands over to the next
 * best; 'chosen-truncated' means that everything told apart from the worst ended by length.
 */
export function choosePair<R extends RewardedResponse>(
  responses: readonly R[],
  { tolerance, chooseTruncated }: PairOptions,
): PairOutcome<R> {
  const distinct = distinctResponses(responses).map(({ response }) => response)
  if (distinct.length < 2) return { kind: 'skip', reason: 'too-few-distinct' }
  const byId = new Map(distinct.map((response) => [response.id, response]))
  const rewards = new Map(distinct.flatMap(({ id, reward }) => (reward === null ? [] : [[id, reward] as const])))
  if (rewards.size < 2) return { kind: 'skip', reason: 'no-reward' }
  requireFinite([...rewards.values()], 'The rewards that make a pair')

  const { places } = ranking(rewards, tolerance)
  const last = places.at(-1)!
  const candidates = places.filter(({ reward }) => !isTied(reward, last.reward, tolerance))
  if (candidates.length === 0) return { kind: 'skip', reason: 'rewards-tied' }
  const first = candidates.find(({ id }) => chooseTruncated || byId.get(id)!.finishReason !== 'length')
  if (!first) return { kind: 'skip', reason: 'chosen-truncated' }
  return { kind: 'pair', chosen: byId.get(first.id)!, rejected: byId.get(last.id)!, margin: first.reward - last.reward }
}
