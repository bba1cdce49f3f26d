/** Spot-check sessions over a ranking set: previewed, drawn, gone on with in another one; how far they are. What is shown in them is in judging.ts. */
import { createHash } from 'node:crypto'
import { hashText, uniform } from '../../native-models/random.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { AuditMode, AuditPreview, AuditProgress, AuditSession } from '../../preload/contract/requests/audit.ts'
import { type AuditPlan, extendAudit, planAudit } from '../cream/audit-plan.ts'
import { previewAudit } from '../cream/audit-preview.ts'
import { compareIds } from '../cream/rankings.ts'
import { extendRankings, planRankings, type RankingPlan } from '../cream/ranking-plan.ts'
import type { Random } from '../cream/shuffle.ts'
import type { AuditPair } from '../cream/strata.ts'
import { type Audit as StoredAudit, auditByKey, auditOf, auditsOf, auditsOfRound, chainOf, closeAudit, criterionVersion, insertAudit, standingVerdictsIn } from '../store/audits.ts'
import { type Database, inTransaction } from '../store/database.ts'
import { type HumanRanking, standingRankingsIn } from '../store/human-rankings.ts'
import { auditId } from '../store/ids.ts'
import type { Run } from '../store/runs.ts'
import type { Verdict } from '../store/verdicts.ts'
import type { RankedIteration } from './rank-view.ts'

/** `drawnFrom` says what was there to draw from: a session holds for every ranking set that has the same. */
interface Drawn {
  readonly drawnFrom?: string
}
export type PairAudit = StoredAudit<AuditPlan & Drawn> & { mode: 'pairs' }
export type RankingAudit = StoredAudit<RankingPlan & Drawn> & { mode: 'rankings' }
export type Audit = PairAudit | RankingAudit

/** The plan in a row is of its mode: only this file writes it. */
const asAudit = (row: StoredAudit<unknown>): Audit => row as Audit

/** @throws AppError 'bad-arguments' */
export function sessionOf(db: Database, id: string): Audit {
  const row = auditOf(db, id)
  if (!row) throw new AppError('bad-arguments', `The project has no spot-check ${id}; reload the page.`)
  return asAudit(row)
}

/** @throws AppError 'bad-arguments' for a session of rankings */
export function ofPairs(audit: Audit): PairAudit {
  if (audit.mode === 'pairs') return audit
  throw new AppError('bad-arguments', 'This spot-check puts responses in order; it judges no pairs.')
}

/** @throws AppError 'bad-arguments' for a session of pairs */
export function ofRankings(audit: Audit): RankingAudit {
  if (audit.mode === 'rankings') return audit
  throw new AppError('bad-arguments', 'This spot-check judges pairs; it puts no responses in order.')
}

export interface NewSession {
  readonly key: string
  readonly mode: AuditMode
  readonly pairs: number
  readonly annotator: string
  readonly criterion: string
  readonly line: number
}

export interface SessionExtension extends Pick<NewSession, 'key' | 'pairs'> {
  readonly annotator?: string | undefined
  readonly criterion?: string | undefined
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

const orderable = ({ prompts }: RankedIteration) => prompts.map(({ promptId: id, responses }) => ({ id, responseIds: responses.map((response) => response.id) }))

const fingerprints = new WeakMap<object, string>()

/** Of the pairs, or of the responses as both judges value them: a branch that has the same ones shares the sessions on them. */
function fingerprint(ranked: Pick<RankedIteration, 'prompts' | 'outcomes'>, mode: AuditMode): string {
  const { outcomes } = ranked
  const source = mode === 'pairs' && outcomes ? outcomes : ranked.prompts
  const known = fingerprints.get(source)
  if (known !== undefined) return known
  const content = mode === 'pairs'
    ? [...(outcomes ?? [])].flatMap(([id, outcome]) => (outcome.kind === 'pair' ? [[id, outcome.chosenId, outcome.rejectedId] as const] : [])).sort(([a], [b]) => compareIds(a, b))
    : ranked.prompts.map(({ promptId, responses, current, previous }) => [promptId, responses.map(({ id }) => id), current, previous])
  const hash = createHash('sha256').update(JSON.stringify(content)).digest('hex')
  fingerprints.set(source, hash)
  return hash
}

/** The sessions that hold for an iteration as it is ranked, those of other branches included, oldest first. */
export function sessionsOf(db: Database, ranked: Pick<RankedIteration, 'set' | 'prompts' | 'outcomes'>): Audit[] {
  return auditsOfRound(db, ranked.set.iterationId).map(asAudit).filter(({ setId, mode, plan }) => setId === ranked.set.id || plan.drawnFrom === fingerprint(ranked, mode))
}

/** Draws of one session, apart from every other's. */
const randomOf = ({ seed }: Run, id: string): Random => (...draw) => uniform(seed, hashText(id), ...draw)
const nextId = (db: Database, setId: string): string => auditId(setId, auditsOf(db, setId).length + 1)

/** What starting would draw, and what it could show. Nothing is written. */
export function previewSession(db: Database, run: Run, ranked: RankedIteration, { mode, pairs: size, line }: Pick<NewSession, 'mode' | 'pairs' | 'line'>, rate: AuditPreview['rate']): AuditPreview {
  const random = randomOf(run, nextId(db, ranked.set.id))
  if (mode === 'rankings') {
    const { population, showings } = planRankings(orderable(ranked), { size, random })
    return { mode, population, planned: showings.length, repeats: 0, control: showings.length, strata: [], clearable: 0, fewest: null, rate: null, needed: null }
  }
  const pairs = auditPairs(ranked)
  const { strata, ...figures } = previewAudit(planAudit(pairs, { size, random }), pairs, line, rate?.agreement ?? null)
  return { mode, ...figures, strata: [...strata], rate }
}

/** Two at a time would ask a person everything twice, and the newest to close would count alone. @throws AppError 'bad-arguments' */
function requireNoneOpen(db: Database, ranked: RankedIteration, mode: AuditMode, but?: string): void {
  const open = sessionsOf(db, ranked).find((audit) => audit.mode === mode && audit.closedAt === null && audit.id !== but)
  if (open) throw new AppError('bad-arguments', `A spot-check of this iteration is open already, begun by ${open.annotator}; go on with it, or close it first.`)
}

/** Draws what is judged and fixes its order and sides. The same key again gives the session it started. @throws AppError 'bad-arguments' while one of its mode is open */
export function startAudit(db: Database, run: Run, ranked: RankedIteration, { key, mode, pairs: size, annotator, criterion, line }: NewSession): Audit {
  const before = auditByKey(db, key)
  if (before) return asAudit(before)
  requireNoneOpen(db, ranked, mode)
  const setId = ranked.set.id
  const id = nextId(db, setId)
  const random = randomOf(run, id)
  const plan = mode === 'pairs' ? planAudit(auditPairs(ranked), { size, random }) : planRankings(orderable(ranked), { size, random })
  insertAudit(db, { id, setId, mode, continuesId: null, plan: { ...plan, drawnFrom: fingerprint(ranked, mode) }, annotator, criterion, line, idempotencyKey: key })
  return asAudit(auditByKey(db, key)!)
}

/** A session that goes on with another one's showings and verdicts and `pairs` more, inclusion probabilities those of the whole; closes the other. @throws AppError 'bad-arguments' while a third one is open */
export function extendSession(db: Database, run: Run, ranked: RankedIteration, audit: Audit, { key, pairs: size, annotator = audit.annotator, criterion = audit.criterion }: SessionExtension): Audit {
  const before = auditByKey(db, key)
  if (before) return asAudit(before)
  const { id: continuesId, setId, mode, line } = audit
  if (auditsOf(db, setId).some((other) => other.continuesId === continuesId)) throw new AppError('bad-arguments', 'Another session goes on with this one already; go on with that.')
  requireNoneOpen(db, ranked, mode, continuesId)
  const id = nextId(db, setId)
  const plan = extendedPlan(audit, ranked, size, randomOf(run, id))
  return inTransaction(db, () => {
    insertAudit(db, { id, setId, mode, continuesId, plan, annotator, criterion, line, idempotencyKey: key })
    closeAudit(db, continuesId)
    return asAudit(auditByKey(db, key)!)
  })
}

function extendedPlan({ mode, plan }: Audit, ranked: RankedIteration, size: number, random: Random): AuditPlan | RankingPlan {
  if (size === 0) return plan
  return mode === 'pairs' ? extendAudit(plan, auditPairs(ranked), { size, random }) : extendRankings(plan, orderable(ranked), { size, random })
}

/** The verdicts that stand, those of the sessions it goes on with first. */
export const verdictsIn = (db: Database, audit: PairAudit): Verdict[] => chainOf(db, audit.id).flatMap((id) => standingVerdictsIn(db, id))
export const rankingsIn = (db: Database, audit: RankingAudit): HumanRanking[] => chainOf(db, audit.id).flatMap((id) => standingRankingsIn(db, id))
export const judgedIn = (db: Database, audit: Audit): readonly (Verdict | HumanRanking)[] => (audit.mode === 'pairs' ? verdictsIn(db, audit) : rankingsIn(db, audit))

export function progressOf(db: Database, audit: Audit): AuditProgress {
  const judged = judgedIn(db, audit)
  const times = judged.map(({ elapsedMs }) => elapsedMs).sort((a, b) => a - b)
  return {
    judged: judged.length,
    total: audit.plan.showings.length,
    secondsPerPair: times.length === 0 ? null : times[Math.floor(times.length / 2)]! / 1000,
    canUndo: audit.closedAt === null && judged.at(-1)?.auditId === audit.id,
  }
}

/** As seen from an iteration that has these pairs, whichever it was started in. */
export function viewSession(db: Database, iterationId: string, audit: Audit): AuditSession {
  const { id: session, mode, continuesId: continues, criterion, annotator, line, closedAt } = audit
  return { session, iterationId, mode, continues, criterion, criterionVersion: criterionVersion(db, criterion), annotator, line, open: closedAt === null, progress: progressOf(db, audit) }
}
