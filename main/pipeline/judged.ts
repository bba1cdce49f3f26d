/** An iteration's distinct responses as both judges value them, read from stored rankings. */
import type { Database } from '../store/database.ts'
import { type PromptSpan, type ResponseHead, responseHeads, wholeSpan } from '../store/browse.ts'
import { rankingsAfter, rankingsBy } from '../store/history.ts'
import type { RankingSet } from '../store/rankings.ts'
import { inSlices } from './slices.ts'

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
  const known = knownIn(db)
  const prompts = known.get(set.id) ?? Array.from(readWindows(db, set)).flat()
  known.set(set.id, prompts)
  return prompts
}

/** The same, a bit at a time where nothing was read yet: whoever answers others too need not stop for it. */
export async function readJudged(db: Database, set: RankingSet): Promise<readonly JudgedPrompt[]> {
  const known = knownIn(db)
  if (!known.has(set.id)) {
    const prompts: JudgedPrompt[] = []
    await inSlices(readWindows(db, set), (window) => prompts.push(...window))
    if (!known.has(set.id)) known.set(set.id, prompts)
  }
  return known.get(set.id)!
}

function knownIn(db: Database): Map<string, readonly JudgedPrompt[]> {
  let known = cache.get(db)
  if (!known) cache.set(db, (known = new Map<string, readonly JudgedPrompt[]>()))
  return known
}

const WINDOW = 100 // prompts: a few milliseconds

function* readWindows(db: Database, set: RankingSet): Generator<JudgedPrompt[]> {
  for (let rankings = rankingsAfter(db, set.id, '', WINDOW); rankings.length > 0; rankings = rankingsAfter(db, set.id, rankings.at(-1)!.promptId, WINDOW)) {
    const span = { first: rankings[0]!.promptId, last: rankings.at(-1)!.promptId }
    const heads = new Map(responseHeads(db, set.iterationId, span).map((head) => [head.id, head]))
    const rewards = valuesBy(db, set.iterationId, set.currentModelId, 'log-ratio', span)
    yield [...Map.groupBy(rankings, ({ promptId }) => promptId)].map(([promptId, both]) => {
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
}

/** Every response of an iteration as one model values it, by response id. */
export function valuesBy(db: Database, iterationId: string, judgeModelId: string, kind: 'log-ratio' | 'mean-logps', span: PromptSpan = wholeSpan): Map<string, number> {
  return new Map(rankingsBy(db, { iterationId, judgeModelId, kind, span }).flatMap(({ responseIds, values }) => responseIds.map((id, i) => [id, values[i]!] as const)))
}
