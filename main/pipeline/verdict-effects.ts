/** What people's verdicts make of a ranking set's pairs: read from the store, by the texts they were given on. */
import type { RunConfig } from '../../preload/contract/config.ts'
import { type AuditedLabels, applyVerdicts, type Effect, type EffectOptions, effectsOn, type JudgedPair, type PersonVerdict } from '../cream/verdict-labels.ts'
import type { Database } from '../store/database.ts'
import type { Label } from '../store/gates.ts'
import { pairsOf } from '../store/pairs.ts'
import { consistenciesOf, type RankingSet } from '../store/rankings.ts'
import { verdictsOnPairs } from '../store/verdicts.ts'

/** How the judge labels: the run's settings. */
export type Labelling = Pick<RunConfig, 'method' | 'consistency' | 'fixedConsistency'>
/** Which verdicts and which of the judge's rows count. */
export type Rule = Required<Pick<EffectOptions, 'measureOnly' | 'keep'>>

interface Judged {
  readonly pairs: readonly JudgedPair[]
  /** Of closed sessions, in this set's own response ids, oldest first. */
  readonly verdicts: readonly PersonVerdict[]
  readonly measured: ReadonlyMap<string, number | null>
}

function readJudged(db: Database, { id }: RankingSet): Judged {
  const pairs = pairsOf(db, id).map(({ promptId, chosenId, rejectedId, margin }) => ({ id: promptId, chosenId, rejectedId, margin }))
  const byId = new Map(pairs.map((pair) => [pair.id, pair]))
  const verdicts = verdictsOnPairs(db, id).map(({ promptId, verdict, chosenIsA }) => {
    const { chosenId, rejectedId } = byId.get(promptId)!
    const [responseAId, responseBId] = chosenIsA === 1 ? [chosenId, rejectedId] : [rejectedId, chosenId]
    return { pairId: promptId, responseAId, responseBId, choice: verdict }
  })
  return { pairs, verdicts, measured: new Map(consistenciesOf(db, id).map(({ promptId, consistency }) => [promptId, consistency])) }
}

/** What becomes of every pair, whatever the method. */
export function readEffects(db: Database, set: RankingSet, rule: Rule): ReadonlyMap<string, Effect> {
  const { pairs, verdicts, measured } = readJudged(db, set)
  return effectsOn(pairs, verdicts, measured, rule)
}

/** @throws AppError 'method-stopped' when the judge's labels that are left would reverse */
export function labelPairs(db: Database, { method, consistency, fixedConsistency }: Labelling, set: RankingSet, rule: Rule): AuditedLabels {
  const { pairs, verdicts, measured } = readJudged(db, set)
  return applyVerdicts(pairs, verdicts, { method, measured, options: { ...consistency, fixedConsistency } }, rule)
}

/** The same as rows: every pair, with the dropped ones as the judge had them. */
export function labelRows(db: Database, labelling: Labelling, set: RankingSet, rule: Rule): Omit<Label, 'gateId'>[] {
  const { labels, effects } = labelPairs(db, labelling, set, rule)
  const labelled = new Map(labels.map(({ id, ...label }) => [id, label]))
  return pairsOf(db, set.id).map(({ promptId, chosenId, rejectedId }) => {
    const dropped = { source: 'dropped', chosenId, rejectedId, consistency: null } as const
    return { promptId, effect: effects.get(promptId)!, ...(labelled.get(promptId) ?? dropped) }
  })
}
