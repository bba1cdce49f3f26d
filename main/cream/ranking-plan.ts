/** Ranking mode: which prompts a person orders the responses of, and in which order these are shown. */
import { AppError } from '../../preload/contract/errors.ts'
import { compareIds } from './rankings.ts'
import { type Random, shuffled } from './shuffle.ts'

/** A prompt that two judges ranked. */
export interface RankedPrompt {
  readonly id: string
  /** Distinct responses. */
  readonly responseIds: readonly string[]
}

export interface RankingPlan {
  /** Prompts with at least two distinct responses. */
  readonly population: number
  /** In the order shown: a simple random sample, so the part done when a person stops early is one too. */
  readonly showings: readonly { readonly promptId: string; /** As displayed. */ readonly responseIds: readonly string[] }[]
}

const streams = { prompts: 21, responses: 22 }

/** @throws AppError 'bad-arguments' where no prompt has two distinct responses */
export function planRankings(prompts: readonly RankedPrompt[], options: { readonly size: number; readonly random: Random }): RankingPlan {
  const orderable = prompts.filter(({ responseIds }) => responseIds.length > 1)
  if (orderable.length === 0) throw new AppError('bad-arguments', 'There is nothing to put in order: no prompt has two distinct responses. Sample more varied ones.')
  return extendRankings({ population: orderable.length, showings: [] }, prompts, options)
}

/** `size` further prompts behind those planned, as far as there are any. */
export function extendRankings(plan: RankingPlan, prompts: readonly RankedPrompt[], { size, random }: { readonly size: number; readonly random: Random }): RankingPlan {
  const before = new Set(plan.showings.map(({ promptId }) => promptId))
  const left = prompts.filter(({ id, responseIds }) => responseIds.length > 1 && !before.has(id)).sort((a, b) => compareIds(a.id, b.id))
  const fresh = shuffled(left, random, streams.prompts, before.size).slice(0, size)
  const showings = fresh.map(({ id: promptId, responseIds }, i) => ({ promptId, responseIds: shuffled(responseIds, random, streams.responses, before.size + i) }))
  return { ...plan, showings: [...plan.showings, ...showings] }
}
