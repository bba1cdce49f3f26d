/** The gate for people: what verdicts and a choice make of the labels, and the decision that stores them. */
import { AppError } from '../../preload/contract/errors.ts'
import type { EffectView, GateChoice, GateDecision, GateView } from '../../preload/contract/requests/gate.ts'
import { previewKept } from '../cream/gate.ts'
import { type Bounds, countEffects, type Effect, isWithin } from '../cream/verdict-labels.ts'
import { type Database, inTransaction } from '../store/database.ts'
import { type Gate, gateByKey, insertGate, labelCounts } from '../store/gates.ts'
import type { Iteration } from '../store/iterations.ts'
import { pairsOf } from '../store/pairs.ts'
import { type RankingSet, currentSetOf } from '../store/rankings.ts'
import { stageId } from '../store/ids.ts'
import { hasBegun, stageOf } from '../store/stages.ts'
import { gateDecision } from './audit.ts'
import { reasonToStop, storedOutcomes } from './labels.ts'
import { type RankedIteration, rankedBy } from './rank-view.ts'
import { auditPairs, sessionsOf } from './spot-check.ts'
import { decisionsIn, newestClosed, reportOf } from './spot-check-report.ts'
import { type Labelling, labelPairs, labelRows, readEffects } from './verdict-effects.ts'

const boundsOf = (choice: GateChoice): Bounds => (choice.kind === 'keep-only' ? { minConsistency: choice.minConsistency, minMargin: choice.minMargin } : {})
const mean = (values: readonly number[]): number | null => (values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length)

/** Reads only. @throws AppError 'bad-arguments' while a session is open: what it changes tells the judge's choice */
export function viewEffect(db: Database, labelling: Labelling, ranked: RankedIteration, choice: GateChoice, measureOnly: boolean): EffectView {
  const { set } = ranked
  const pairs = auditPairs(ranked)
  refuse(openSession(db, ranked))
  const rule = { keep: boundsOf(choice), measureOnly }
  const counts = countEffects(readEffects(db, set, rule))
  const { value, stopped } = reasonToStop(() => labelPairs(db, labelling, set, rule))
  const session = newestClosed(db, ranked)
  return {
    counts,
    labels: countSources(counts),
    meanBefore: mean(pairsOf(db, set.id).map(({ consistency }) => consistency)),
    meanAfter: value && mean(value.labels.map(({ consistency }) => consistency)),
    keptAgreement: session ? previewKept(pairs, decisionsIn(db, session, ranked), (pair) => isWithin(rule.keep, pair)).agreement : null,
    stopped,
  }
}

function countSources(counts: Readonly<Record<Effect, number>>): EffectView['labels'] {
  return { judge: counts.skipped + counts['not-audited'], person: counts.kept + counts.swapped, dropped: counts['dropped-tie'] + counts['dropped-flag'] + counts.filtered }
}

/** A set as far as the gate needs it; its prompts are measured only when they are asked for. */
type Gated = Pick<RankedIteration, 'set' | 'outcomes' | 'prompts'>
const gated = (db: Database, set: RankingSet): Gated => ({ set, outcomes: storedOutcomes(db, set.id), get prompts() { return rankedBy(db, set).prompts } })

/** Why nothing can be decided now, as a sentence; null where it can. */
function obstacle(db: Database, iteration: Iteration, ranked: Gated | null): string | null {
  if (!ranked?.outcomes) return 'The pairs are not chosen yet; carry the run on through its stage "pair".'
  if (iteration.originStage === 'train') return 'This branch shares the decision of the iteration it branched off; go back to the stage "audit" to decide anew.'
  const train = stageOf(db, stageId(iteration.id, 'train'))
  if (train && hasBegun(db, train)) return 'Training has begun with this decision; go back to the stage "audit" to decide anew.'
  return openSession(db, ranked)
}

const openSession = (db: Database, ranked: Gated): string | null =>
  sessionsOf(db, ranked).some(({ closedAt }) => closedAt === null) ? 'A spot-check of this iteration is open; close it first, so that its verdicts count.' : null

const refuse = (sentence: string | null): void => {
  if (sentence !== null) throw new AppError('bad-arguments', sentence)
}

/** What `audit/start` is offered with. */
const SUGGESTED_PAIRS = 20

export function viewGate(db: Database, iteration: Iteration): GateView {
  const set = currentSetOf(db, iteration.id)
  const ranked = set ? gated(db, set) : null
  const decision = gateDecision(db, iteration)
  const isDone = stageOf(db, stageId(iteration.id, 'audit'))?.status === 'done'
  const pairs = [...(ranked?.outcomes?.values() ?? [])].filter(({ kind }) => kind === 'pair').length
  return {
    iterationId: iteration.id,
    waiting: !isDone && decision === null && ranked?.outcomes != null,
    decision: decision && viewDecision(db, decision),
    fixed: obstacle(db, iteration, ranked),
    suggestedPairs: Math.min(SUGGESTED_PAIRS, pairs),
  }
}

/** Stores a choice with the label it leaves of every pair. The same key again gives what it decided. @throws AppError 'bad-arguments', 'method-stopped' */
export function decideGate(db: Database, labelling: Labelling, iteration: Iteration, ranked: RankedIteration, { key, choice, measureOnly }: { key: string; choice: GateChoice; measureOnly: boolean }): Gate {
  return inTransaction(db, () => {
    const before = gateByKey(db, key)
    if (before) return before
    const { set } = ranked
    refuse(obstacle(db, iteration, ranked))
    const session = newestClosed(db, ranked)
    if (choice.kind === 'passed' && !(session && reportOf(db, session, ranked).gate.state === 'passed')) {
      throw new AppError('bad-arguments', 'No spot-check of these pairs has passed the gate; audit more, keep only some of the pairs, sample new responses, or train anyway with a reason.')
    }
    const { minConsistency = null, minMargin = null } = boundsOf(choice)
    if (choice.kind === 'keep-only' && minConsistency === null && minMargin === null) throw new AppError('bad-arguments', 'Give the least C or the least margin of the pairs to keep.')
    const labels = choice.kind === 'resample' ? [] : labelRows(db, labelling, set, { keep: boundsOf(choice), measureOnly })
    if (choice.kind !== 'resample' && labels.every(({ source }) => source === 'dropped')) throw new AppError('bad-arguments', 'This leaves no pair to train on; lower the bounds, or sample new responses.')
    return insertGate(db, {
      iterationId: iteration.id, setId: set.id, choice: choice.kind, minConsistency, minMargin,
      reason: choice.kind === 'train-anyway' ? choice.reason : null, measureOnly, auditId: session?.id ?? null, idempotencyKey: key,
    }, labels)
  })
}

function viewDecision(db: Database, { id, choice: kind, minConsistency, minMargin, reason, measureOnly, auditId: session, decidedAt }: Gate): GateDecision {
  return { id, choice: choiceOf(kind, { minConsistency, minMargin, reason }), measureOnly, session, decidedAt, labels: labelCounts(db, id) }
}

function choiceOf(kind: Gate['choice'], { minConsistency, minMargin, reason }: Pick<Gate, 'minConsistency' | 'minMargin' | 'reason'>): GateDecision['choice'] {
  switch (kind) {
    case 'keep-only': return { kind, ...(minConsistency !== null && { minConsistency }), ...(minMargin !== null && { minMargin }) }
    case 'train-anyway': return { kind, reason: reason! }
    default: return { kind }
  }
}
