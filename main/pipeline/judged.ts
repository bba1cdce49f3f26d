/** An iteration's distinct responses as both judges value them, read from stored rankings. */
import type { Database } from '../store/database.ts'
import { type ResponseHead, responseHeads } from '../store/browse.ts'
import { rankingsBy } from '../store/history.ts'
import { type Measure, type RankingSet, rankingsOf } from '../store/rankings.ts'

/** One prompt's distinct responses; all lists are aligned. */
export interface JudgedPrompt {
  readonly promptId: string
  readonly responses: readonly ResponseHead[]
  /** How often each text was sampled. */
  readonly counts: readonly number[]
  /** What the judges rank by, each in its own unit. */
  readonly current: readonly number[]
  readonly previous: readonly number[]
  /** r_θt, in nats: makes the pairs. */
  readonly rewards: readonly number[]
}

const cache = new WeakMap<Database, Map<string, readonly JudgedPrompt[]>>()

/** By prompt id. Ranking sets are append-only, so what was read once stays true. */
export function judgedPrompts(db: Database, set: RankingSet): readonly JudgedPrompt[] {
  let known = cache.get(db)
  if (!known) cache.set(db, (known = new Map<string, readonly JudgedPrompt[]>()))
  const prompts = known.get(set.id) ?? readPrompts(db, set)
  known.set(set.id, prompts)
  return prompts
}

function readPrompts(db: Database, { id, iterationId, currentModelId }: RankingSet): JudgedPrompt[] {
  const heads = new Map(responseHeads(db, iterationId).map((head) => [head.id, head]))
  const rewards = valuesBy(db, iterationId, currentModelId, 'log-ratio')
  return [...Map.groupBy(rankingsOf(db, id), ({ promptId }) => promptId)].map(([promptId, both]) => {
    const current = both.find(({ judge }) => judge === 'current')!.rewards
    const previous = new Map(both.find(({ judge }) => judge === 'previous')!.rewards.map(({ responseId, reward }) => [responseId, reward]))
    return {
      promptId,
      responses: current.map(({ responseId }) => heads.get(responseId)!),
      counts: current.map(({ count }) => count),
      current: current.map(({ reward }) => reward),
      previous: current.map(({ responseId }) => previous.get(responseId)!),
      rewards: current.map(({ responseId }) => rewards.get(responseId)!),
    }
  })
}

/** Every response of an iteration as one model values it, by response id. */
export function valuesBy(db: Database, iterationId: string, judgeModelId: string, kind: Measure): Map<string, number> {
  return new Map(rankingsBy(db, { iterationId, judgeModelId, kind }).flatMap(({ responseIds, values }) => responseIds.map((id, i) => [id, values[i]!] as const)))
}
