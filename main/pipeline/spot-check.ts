/** A spot-check session over stored pairs: planned, shown blind one by one, judged, taken back, reported once it is closed. */
import { createHmac, randomBytes } from 'node:crypto'
import { hashText, uniform } from '../../native-models/random.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { AuditProgress, BlindPair, Verdict as Key } from '../../preload/contract/requests/audit.ts'
import type { AuditReport } from '../../preload/contract/requests/audit-report.ts'
import type { Choice } from '../cream/agreement.ts'
import { type AuditPlan, planAudit } from '../cream/audit-plan.ts'
import { reportAudit } from '../cream/audit-report.ts'
import { gateOf } from '../cream/gate.ts'
import type { AuditPair } from '../cream/strata.ts'
import { type Audit as StoredAudit, auditByKey, auditOf, auditsOf, insertAudit, standingVerdictsIn } from '../store/audits.ts'
import { promptHeadOf, responseTexts } from '../store/browse.ts'
import { type Database, inTransaction } from '../store/database.ts'
import { auditId } from '../store/ids.ts'
import type { Iteration } from '../store/iterations.ts'
import type { Run } from '../store/runs.ts'
import { type Verdict, insertVerdict, verdictByKey } from '../store/verdicts.ts'
import type { RankedIteration } from './rank-view.ts'

export type Audit = StoredAudit<AuditPlan>

export interface NewSession {
  readonly key: string
  readonly pairs: number
  readonly annotator: string
  readonly criterion: string
  readonly line: number
}

/** The pairs of a ranked iteration as the draw sees them. @throws AppError 'bad-arguments' before the stage `pair` */
export function auditPairs({ prompts, outcomes }: RankedIteration): AuditPair[] {
  if (!outcomes) throw new AppError('bad-arguments', 'There are no pairs to audit yet; carry the run on through its stage "pair".')
  return prompts.flatMap(({ promptId: id, responses, consistency, flipped }): AuditPair[] => {
    const outcome = outcomes.get(id)
    if (outcome?.kind !== 'pair') return []
    const tokensOf = (responseId: string): number => responses.find((response) => response.id === responseId)?.tokens ?? 0
    return [{ id, consistency, margin: outcome.margin, flipped, chosenLength: tokensOf(outcome.chosenId), rejectedLength: tokensOf(outcome.rejectedId) }]
  })
}

/** Draws the pairs and fixes their order and sides. The same key again gives the session it started. */
export function startAudit(db: Database, run: Run, ranked: RankedIteration, { key, pairs, annotator, criterion, line }: NewSession): Audit {
  return inTransaction(db, () => {
    const before = auditByKey<AuditPlan>(db, key)
    if (before) return before
    const setId = ranked.set.id
    const id = auditId(setId, auditsOf(db, setId).length + 1)
    const plan = planAudit(auditPairs(ranked), { size: pairs, random: (...draw) => uniform(run.seed, hashText(id), ...draw) })
    insertAudit(db, { id, setId, plan, annotator, criterion, line, idempotencyKey: key })
    return auditOf<AuditPlan>(db, id)!
  })
}

export function progressOf(db: Database, { id, plan }: Audit): AuditProgress {
  const verdicts = standingVerdictsIn(db, id)
  const times = verdicts.map(({ elapsedMs }) => elapsedMs).sort((a, b) => a - b)
  return { judged: verdicts.length, total: plan.showings.length, secondsPerPair: times.length === 0 ? null : times[Math.floor(times.length / 2)]! / 1000, canUndo: verdicts.length > 0 }
}

interface Shown {
  readonly showing: number
  readonly promptId: string
  readonly leftId: string
  readonly rightId: string
}

/** The first showing without a verdict that stands; null when there is none, or the session is closed. */
function nextShowing(db: Database, { id, plan, closedAt }: Audit, { outcomes }: RankedIteration): Shown | null {
  if (closedAt !== null) return null
  const judged = new Set(standingVerdictsIn(db, id).map(({ showing }) => showing))
  const showing = plan.showings.findIndex((_, i) => !judged.has(i))
  if (showing < 0) return null
  const { pairId: promptId, chosenSide } = plan.showings[showing]!
  const outcome = outcomes?.get(promptId)
  if (outcome?.kind !== 'pair') throw new Error(`the audited pair of ${promptId} is gone`)
  const { chosenId, rejectedId } = outcome
  return chosenSide === 'a' ? { showing, promptId, leftId: chosenId, rightId: rejectedId } : { showing, promptId, leftId: rejectedId, rightId: chosenId }
}

/** What a person may see of it: nothing here or in the handle tells the judge's choice, or a repeat from a first showing. */
export function nextBlindPair(db: Database, iteration: Iteration, ranked: RankedIteration, audit: Audit): BlindPair | null {
  const shown = nextShowing(db, audit, ranked)
  if (!shown) return null
  const texts = new Map(responseTexts(db, iteration.id, shown.promptId).map(({ id, text }) => [id, text]))
  return { pair: handleOf(audit, shown.showing), prompt: promptHeadOf(db, shown.promptId)!.input, left: texts.get(shown.leftId)!, right: texts.get(shown.rightId)! }
}

/** New with every start of Creamery: a handle is for the pair on the screen, not to be kept. */
const secret = randomBytes(32)
const handleOf = ({ id }: Audit, showing: number): string => `pair-${createHmac('sha256', secret).update(`${id} ${showing}`).digest('hex').slice(0, 24)}`

const choices: Readonly<Record<Key, Choice>> = { left: 'a', right: 'b', tie: 'tie', skip: 'skip', flag: 'flag' }

export interface Judgement {
  readonly key: string
  readonly pair: string
  readonly verdict: Key
  readonly milliseconds: number
  readonly note: string | null
}

/** Judges the pair that is shown; the same key again adds nothing. @throws AppError 'bad-arguments' for any other pair */
export function judgePair(db: Database, audit: Audit, ranked: RankedIteration, { key, pair, verdict, milliseconds, note }: Judgement): void {
  inTransaction(db, () => {
    if (verdictByKey(db, key)) return
    const shown = nextShowing(db, audit, ranked)
    if (!shown || handleOf(audit, shown.showing) !== pair) throw new AppError('bad-arguments', 'This pair is not the one to judge now; the next one is shown.')
    insertVerdict(db, {
      promptId: shown.promptId, responseAId: shown.leftId, responseBId: shown.rightId, verdict: choices[verdict], undoneOf: null,
      auditId: audit.id, showing: shown.showing, note, annotator: audit.annotator, criterion: audit.criterion, idempotencyKey: key, elapsedMs: milliseconds,
    })
  })
}

/** Takes the last verdict that stands back; the same key again takes back no other. @throws AppError 'bad-arguments' */
export function undoVerdict(db: Database, audit: Audit, key: string): void {
  inTransaction(db, () => {
    if (verdictByKey(db, key)) return
    if (audit.closedAt !== null) throw new AppError('bad-arguments', 'This spot-check is closed, and its figures are known; start another one.')
    const last = standingVerdictsIn(db, audit.id).at(-1)
    if (!last) throw new AppError('bad-arguments', 'There is no verdict to take back.')
    const { id: undoneOf, createdAt: _, ...row }: Verdict = last
    insertVerdict(db, { ...row, verdict: null, undoneOf, note: null, idempotencyKey: key, elapsedMs: 0 })
  })
}

/** @throws AppError 'bad-arguments' while the session is open: a figure that moves after a key tells the judge's choice */
export function reportOf(db: Database, audit: Audit, ranked: RankedIteration): AuditReport {
  if (audit.closedAt === null) throw new AppError('bad-arguments', 'The figures of a spot-check are shown once it is closed; judge the rest, or close it as it is.')
  const verdicts = standingVerdictsIn(db, audit.id).map(({ showing, verdict, elapsedMs }) => ({ showing: showing!, choice: verdict!, elapsedMs }))
  const gold = ranked.prompts.flatMap(({ responses, rewards }) => {
    const known = responses.flatMap(({ isCorrect }, i) => (isCorrect === null ? [] : [{ reward: rewards[i]!, isCorrect }]))
    return known.length === 0 ? [] : [{ rewards: known.map(({ reward }) => reward), correct: known.map(({ isCorrect }) => isCorrect) }]
  })
  const report = reportAudit(audit.plan, auditPairs(ranked), verdicts, gold)
  const { reliability, ...figures } = report
  return { session: audit.id, ...figures, reliability: [...reliability], gate: gateOf(report, audit.line) }
}
