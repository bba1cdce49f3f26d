/** What a way of ranking and labelling makes of every prompt: a pair with its C, or the reason why there is none. */
import type { RunConfig } from '../../preload/contract/config.ts'
import type { FinishReason, Method, SkipReason } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { LabelView } from '../../preload/contract/requests/rank.ts'
import { type LabelOptions, labelConsistencies } from '../cream/labels.ts'
import { choosePair } from '../cream/pairs.ts'
import type { Database } from '../store/database.ts'
import { type PromptHead, responseHeads } from '../store/browse.ts'
import { pairsOf, skipsOf } from '../store/pairs.ts'

export type Outcome =
  | { readonly kind: 'pair'; readonly chosenId: string; readonly rejectedId: string; readonly margin: number; readonly label: number }
  | { readonly kind: 'skip'; readonly reason: SkipReason }

/** By prompt id. */
export type Outcomes = ReadonlyMap<string, Outcome>

const stored = new WeakMap<Database, Map<string, Outcomes>>()

/** As the stage `pair` committed them, all at once and for good; null before it is done. */
export function storedOutcomes(db: Database, setId: string): Outcomes | null {
  const known = stored.get(db) ?? stored.set(db, new Map<string, Outcomes>()).get(db)!
  const outcomes = known.get(setId) ?? readOutcomes(db, setId)
  if (outcomes) known.set(setId, outcomes)
  return outcomes
}

function readOutcomes(db: Database, setId: string): Outcomes | null {
  const pairs = pairsOf(db, setId).map(({ promptId, chosenId, rejectedId, margin, consistency }) => [promptId, { kind: 'pair', chosenId, rejectedId, margin, label: consistency }] as const)
  const skips = skipsOf(db, setId).map(({ promptId, reason }) => [promptId, { kind: 'skip', reason }] as const)
  return pairs.length + skips.length === 0 ? null : new Map<string, Outcome>([...pairs, ...skips])
}

export interface Labelling extends LabelOptions {
  readonly method: Method
  readonly chooseTruncated: boolean
  /** Rewards this near are tied, in nats. */
  readonly tolReward: number
}

export const labellingOf = ({ consistency, fixedConsistency, pairs }: RunConfig, method: Labelling['method'], tolReward: number): Labelling => ({ ...consistency, fixedConsistency, ...pairs, method, tolReward })

/** What a pair is made of: one prompt's distinct responses, aligned with their rewards, and its measured C. */
export interface LabelledPrompt {
  readonly promptId: string
  readonly responses: readonly { readonly id: string; readonly finishReason: FinishReason }[]
  /** r_θt, or an outside judge's; null where that one gave none. */
  readonly rewards: readonly (number | null)[]
  readonly consistency: number | null
}

/** A model that never ends by itself within the budget would leave no pair at all: then a response that was cut may be chosen. */
export const noneEnded = (prompts: readonly LabelledPrompt[]): boolean => prompts.every(({ responses }) => responses.every(({ finishReason }) => finishReason === 'length'))

/**
 * A pair or a reason for every prompt (METHOD §2e, g): what the stage `pair` commits, and what the workbench previews.
 * @throws AppError 'method-stopped' when the labels would reverse or nothing has a consistency
 */
export function chooseOutcomes(heads: readonly Pick<PromptHead, 'id' | 'skipReason'>[], prompts: readonly LabelledPrompt[], labelling: Labelling): Outcomes {
  const { consistencies } = labelConsistencies(labelling.method, new Map(prompts.map(({ promptId, consistency }) => [promptId, consistency])), labelling)
  const chooseTruncated = labelling.chooseTruncated || noneEnded(prompts)
  const byId = new Map(prompts.map((prompt) => [prompt.promptId, prompt]))
  return new Map(heads.map(({ id, skipReason }) => [id, skipReason ? { kind: 'skip', reason: skipReason } : outcomeOf(byId.get(id)!, consistencies.get(id) ?? null, { tolerance: labelling.tolReward, chooseTruncated })]))
}

function outcomeOf({ responses, rewards }: LabelledPrompt, label: number | null, options: Parameters<typeof choosePair>[1]): Outcome {
  // The responses are distinct already, so their ids stand for their texts.
  const outcome = choosePair(responses.map(({ id, finishReason }, i) => ({ id, text: id, finishReason, reward: rewards[i]! })), options)
  if (outcome.kind === 'skip') return outcome
  if (label === null) return { kind: 'skip', reason: 'no-consistency' }
  return { kind: 'pair', chosenId: outcome.chosen.id, rejectedId: outcome.rejected.id, margin: outcome.margin, label }
}

export function viewLabels(db: Database, iterationId: string, method: Method, outcomes: Outcomes | null): LabelView {
  if (!outcomes) return { method, pairs: null, skips: [], meanLabel: null, reversed: null, longerChosen: null }
  const tokens = new Map(responseHeads(db, iterationId).map((head) => [head.id, head.tokens]))
  const all = [...outcomes.values()]
  const pairs = all.filter((outcome) => outcome.kind === 'pair')
  const skips = all.filter((outcome) => outcome.kind === 'skip')
  const share = (count: number): number | null => (pairs.length === 0 ? null : count / pairs.length)
  return {
    method,
    pairs: pairs.length,
    skips: [...Map.groupBy(skips, ({ reason }) => reason)].map(([reason, { length }]) => ({ reason, prompts: length })),
    meanLabel: share(pairs.reduce((sum, { label }) => sum + label, 0)),
    reversed: share(pairs.filter(({ label }) => label < 0.5).length),
    longerChosen: share(pairs.filter(({ chosenId, rejectedId }) => tokens.get(chosenId)! > tokens.get(rejectedId)!).length),
  }
}

/** The sentence of a method that stops, or null. @throws every other error */
export function reasonToStop<T>(work: () => T): { readonly value: T; readonly stopped: null } | { readonly value: null; readonly stopped: string } {
  try {
    return { value: work(), stopped: null }
  } catch (error) {
    if (error instanceof AppError && error.code === 'method-stopped') return { value: null, stopped: error.message }
    throw error
  }
}
