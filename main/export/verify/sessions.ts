/** Spot-checks: the draw from its seed, what was shown in it, the verdicts that stand, and the figures at its close. */
import { createHash } from 'node:crypto'
import { hashText, uniform } from '../../../native-models/random.ts'
import type { ShowingVerdict } from '../../cream/agreement.ts'
import { type AuditPlan, extendAudit, planAudit } from '../../cream/audit-plan.ts'
import { hastyMs, reportAudit } from '../../cream/audit-report.ts'
import { gateOf } from '../../cream/gate.ts'
import { humanTaus, reportTrust } from '../../cream/human-ranking.ts'
import { extendRankings, planRankings, type RankingPlan } from '../../cream/ranking-plan.ts'
import type { AuditPair } from '../../cream/strata.ts'
import { auditId } from '../../store/ids.ts'
import { type Evidence, expectRow, expectSame, refuseRow } from './evidence.ts'
import type { Pairs } from './pairs.ts'
import type { Judged, Ranked } from './rankings.ts'
import type { RowOf } from './rows.ts'

type Session = RowOf<'sessions'>
type Verdict = RowOf<'verdicts'>
type HumanRanking = RowOf<'human-rankings'>

/** A ranking set with its pairs. */
export type Paired = Ranked & { readonly pairs: Pairs }

/** @throws Differs */
export function checkSessions(evidence: Evidence, paired: readonly Paired[]): void {
  const { rows } = evidence
  for (const session of rows.sessions.values()) checkSession(evidence, paired, session)
  checkVerdicts(evidence, paired)
  checkHumanRankings(evidence)
  const reports = new Map(reportSessions(evidence, paired).map((report) => [report.sessionId, report]))
  for (const key of new Set([...rows.reports.keys(), ...reports.keys()])) expectRow(evidence, 'reports', key, reports.get(key))
}

function checkSession(evidence: Evidence, paired: readonly Paired[], session: Session): void {
  const { id, setId, plan, continuesId, startedAt, closedAt } = session
  const before = continuesId === null ? null : evidence.rows.sessions.get(continuesId)
  if (before === undefined || (before && (before.setId !== setId || before.plan.kind !== plan.kind || before.closedAt === null || before.closedAt < before.startedAt || session.id === continuesId))) {
    refuseRow('sessions', id, 'continuesId', continuesId, 'a closed session of the same kind on the same set')
  }
  expectSame('sessions', id, id, auditId(setId, Number(id.slice(setId.length + 6))), 'id')
  if (closedAt !== null && closedAt < startedAt) refuseRow('sessions', id, 'closedAt', closedAt, `not before ${startedAt}`)
  expectSame('sessions', id, session.heldFor, heldFor(paired, session), 'heldFor')
  const own = paired.find(({ set }) => set.id === setId)
  if (!own) return
  if (plan.drawnFrom !== null) expectSame('sessions', id, plan.drawnFrom, fingerprint(own, plan.kind), 'plan.drawnFrom')
  const random = (...draw: readonly number[]): number => uniform(evidence.run.seed, hashText(id), ...draw)
  const { kind, drawnFrom } = plan
  if (kind === 'pairs') {
    const pairs = auditPairs(own)
    const earlier = before?.plan.kind === 'pairs' ? before.plan : null
    const more = plan.pairs.length - (earlier?.pairs.length ?? 0)
    const drawn: AuditPlan = earlier === null ? planAudit(pairs, { size: more, random }) : more === 0 ? earlier : extendAudit(earlier, pairs, { size: more, random })
    expectSame('sessions', id, plan, { population: drawn.population, strataLimit: drawn.strataLimit, pairs: drawn.pairs, showings: drawn.showings, kind, drawnFrom }, 'plan')
  } else {
    const prompts = [...own.judged.values()].map(({ promptId, responses }) => ({ id: promptId, responseIds: responses.map((response) => response.id) }))
    const earlier = before?.plan.kind === 'rankings' ? before.plan : null
    const more = plan.showings.length - (earlier?.showings.length ?? 0)
    const drawn: RankingPlan = earlier === null ? planRankings(prompts, { size: more, random }) : extendRankings(earlier, prompts, { size: more, random })
    expectSame('sessions', id, plan, { population: drawn.population, showings: drawn.showings, kind, drawnFrom }, 'plan')
  }
}

/** The set of the bundle that a session judges: its own, or one that has the same to draw from. */
export function heldFor(paired: readonly Paired[], { setId, plan: { kind, drawnFrom } }: Session): string | null {
  const held = paired.find(({ set }) => set.id === setId) ?? paired.find((one) => drawnFrom !== null && drawnFrom === fingerprint(one, kind))
  return held?.set.id ?? null
}

/** The pairs as the draw sees them. */
function auditPairs({ judged, pairs }: Paired): AuditPair[] {
  return [...(pairs ?? []).values()].map(({ promptId: id, chosenId, rejectedId, margin }) => {
    const { responses, consistency, flipped } = judged.get(id)!
    const tokensOf = (responseId: string): number => responses.find((response) => response.id === responseId)!.tokens
    return { id, consistency, margin, flipped, chosenLength: tokensOf(chosenId), rejectedLength: tokensOf(rejectedId) }
  })
}

/** What a session was drawn from: of the pairs, or of the responses as both judges value them. Sets with the same share sessions. */
function fingerprint({ judged, pairs }: Paired, kind: 'pairs' | 'rankings'): string {
  const content = kind === 'pairs'
    ? [...(pairs ?? []).values()].map(({ promptId, chosenId, rejectedId }) => [promptId, chosenId, rejectedId])
    : [...judged.values()].map(({ promptId, responses, current, previous }) => [promptId, responses.map(({ id }) => id), current, previous])
  return createHash('sha256').update(JSON.stringify(content)).digest('hex')
}

interface Given {
  readonly id: number
  readonly undoneOf: number | null
  readonly createdAt: string
}

/** Those that are neither undone nor an undo, as it was at a moment. */
export function standing<Row extends Given>(rows: Iterable<Row>, asOf = '\uffff'): Row[] {
  const then = [...rows].filter(({ createdAt }) => createdAt <= asOf)
  const undone = new Set(then.map(({ undoneOf }) => undoneOf))
  return then.filter(({ id, undoneOf }) => undoneOf === null && !undone.has(id))
}

function checkVerdicts(evidence: Evidence, paired: readonly Paired[]): void {
  const { rows } = evidence
  const pairsIn = new Map(paired.map(({ set, pairs }) => [set.id, pairs]))
  const taken = new Set<number>()
  let [count, last] = [0, '']
  for (const row of rows.verdicts.values()) {
    const { id, promptId, responseAId, responseBId, textASha256, textBSha256, verdict, undoneOf, sessionId, showing, annotator, criterion, createdAt } = row
    const key = String(id)
    expectSame('verdicts', key, id, ++count, 'id') // in the order given, without a gap
    if (createdAt < last) refuseRow('verdicts', key, 'createdAt', createdAt, `not before ${last}, when the one before it was given`)
    last = createdAt
    if (!rows.prompts.has(promptId)) refuseRow('verdicts', key, 'promptId', promptId, 'a prompt of the bundle')
    for (const [field, responseId, hash] of [['A', responseAId, textASha256], ['B', responseBId, textBSha256]] as const) {
      const response = rows.responses.get(responseId)
      if (response) expectSame('verdicts', key, { prompt: promptId, hash }, { prompt: response.promptId, hash: response.textSha256 }, `text${field}Sha256`)
    }
    const undone = undoneOf === null ? null : rows.verdicts.get(String(undoneOf))
    checkUndo('verdicts', row, undone, verdict === null, taken)
    if (undone) expectSame('verdicts', key, [promptId, responseAId, responseBId, sessionId, showing], [undone.promptId, undone.responseAId, undone.responseBId, undone.sessionId, undone.showing], 'undoneOf')
    const session = checkInSession(evidence, 'verdicts', row)
    if (!session) continue
    const shown = session.plan.kind === 'pairs' ? session.plan.showings[showing!] : undefined
    if (!shown) refuseRow('verdicts', key, 'showing', showing, `a showing of ${session.id}`)
    const pair = session.heldFor === null ? undefined : pairsIn.get(session.heldFor)?.get(shown.pairId)
    const sides = pair && (shown.chosenSide === 'a' ? [pair.chosenId, pair.rejectedId] : [pair.rejectedId, pair.chosenId])
    expectSame('verdicts', key, { promptId, responseAId, responseBId, annotator, criterion }, {
      promptId: shown.pairId, responseAId: sides?.[0] ?? responseAId, responseBId: sides?.[1] ?? responseBId, annotator: session.annotator, criterion: session.criterion,
    })
  }
}

function checkHumanRankings(evidence: Evidence): void {
  const { rows } = evidence
  const taken = new Set<number>()
  let [count, last] = [0, '']
  for (const row of rows['human-rankings'].values()) {
    const { id, showing, promptId, ordering, undoneOf, annotator, criterion, createdAt } = row
    const key = String(id)
    expectSame('human-rankings', key, id, ++count, 'id')
    if (createdAt < last) refuseRow('human-rankings', key, 'createdAt', createdAt, `not before ${last}, when the one before it was given`)
    last = createdAt
    const undone = undoneOf === null ? null : rows['human-rankings'].get(String(undoneOf))
    checkUndo('human-rankings', row, undone, undoneOf !== null, taken)
    const session = checkInSession(evidence, 'human-rankings', row)!
    const shown = session.plan.kind === 'rankings' ? session.plan.showings[showing] : undefined
    if (!shown) refuseRow('human-rankings', key, 'showing', showing, `a showing of ${session.id}`)
    expectSame('human-rankings', key, { promptId, annotator, criterion, responses: ordering && ordering.flat().sort() }, {
      promptId: shown.promptId, annotator: session.annotator, criterion: session.criterion, responses: ordering && shown.responseIds.toSorted(),
    })
    if (undone) expectSame('human-rankings', key, [row.sessionId, showing, ordering], [undone.sessionId, undone.showing, null], 'undoneOf')
  }
}

function checkUndo(name: 'verdicts' | 'human-rankings', { id, undoneOf }: Given, undone: Given | null | undefined, saysNothing: boolean, taken: Set<number>): void {
  if (undone === undefined || (undoneOf !== null && (undoneOf >= id || undone!.undoneOf !== null || taken.has(undoneOf)))) refuseRow(name, String(id), 'undoneOf', undoneOf, 'an earlier row that stood')
  if (undoneOf !== null) taken.add(undoneOf)
  if (saysNothing !== (undoneOf !== null)) refuseRow(name, String(id), 'undoneOf', undoneOf, saysNothing ? 'the row it takes back' : 'nothing')
}

/** The session it was given in, while that was open; null outside of one. */
function checkInSession({ rows }: Evidence, name: 'verdicts' | 'human-rankings', { id, sessionId, showing, createdAt }: Verdict | HumanRanking): Session | null {
  if ((sessionId === null) !== (showing === null)) refuseRow(name, String(id), 'showing', showing, 'one with its session')
  if (sessionId === null) return null
  const session = rows.sessions.get(sessionId)
  if (!session) refuseRow(name, String(id), 'sessionId', sessionId, 'a session of the bundle')
  if (createdAt < session.startedAt || (session.closedAt !== null && createdAt > session.closedAt)) refuseRow(name, String(id), 'createdAt', createdAt, `while ${sessionId} was open`)
  return session
}

/** A session and those it goes on with, the first one first. */
function chainOf({ rows }: Evidence, session: Session): Session[] {
  const chain = [session]
  for (let before = session.continuesId; before !== null && chain.length <= rows.sessions.size; before = chain[0]!.continuesId) chain.unshift(rows.sessions.get(before)!)
  return chain
}

/** The figures of every closed session that holds for a set of the bundle, in the sessions' order: what is stored, and what is recomputed. */
export function reportSessions(evidence: Evidence, paired: readonly Paired[]): RowOf<'reports'>[] {
  const { rows } = evidence
  const verdicts = Map.groupBy(standing(rows.verdicts.values()), ({ sessionId }) => sessionId)
  const orders = Map.groupBy(standing(rows['human-rankings'].values()), ({ sessionId }) => sessionId)
  return [...rows.sessions.values()].flatMap((session) => {
    const held = paired.find(({ set }) => set.id === session.heldFor)
    if (!held || session.closedAt === null) return []
    const chain = chainOf(evidence, session)
    const figures = session.plan.kind === 'pairs'
      ? pairFigures(session, session.plan, held, chain.flatMap(({ id }) => verdicts.get(id) ?? []))
      : rankingFigures(session, session.plan, held, chain.flatMap(({ id }) => orders.get(id) ?? []))
    return [{ sessionId: session.id, setId: held.set.id, figures }]
  })
}

function pairFigures({ line }: Session, plan: AuditPlan, held: Paired, verdicts: readonly Verdict[]) {
  const given = verdicts.map(({ showing, verdict, elapsedMs }): ShowingVerdict => ({ showing: showing!, choice: verdict!, elapsedMs }))
  const gold = [...held.judged.values()].flatMap(({ responses, rewards }: Judged) => {
    const known = responses.flatMap(({ isCorrect }, i) => (isCorrect === null ? [] : [{ reward: rewards[i]!, isCorrect }]))
    return known.length === 0 ? [] : [{ rewards: known.map(({ reward }) => reward), correct: known.map(({ isCorrect }) => isCorrect) }]
  })
  const report = reportAudit(plan, auditPairs(held), given, gold)
  return { ...report, line, gate: gateOf(report, line) }
}

function rankingFigures({ line }: Session, { population, showings }: RankingPlan, { set, judged }: Paired, rankings: readonly HumanRanking[]) {
  const taus = rankings.flatMap(({ promptId, ordering: order }) => {
    if (order === null) return []
    const { responses, current, previous } = judged.get(promptId)!
    const judge = (values: readonly number[], tolerance: number) => ({ values: new Map(responses.map(({ id }, i) => [id, values[i]!])), tolerance })
    return [humanTaus({ order, current: judge(current, set.currentTolerance), previous: judge(previous, set.previousTolerance) })]
  })
  return { population, planned: showings.length, ordered: taus.length, skipped: rankings.length - taus.length, hasty: rankings.filter(({ elapsedMs }) => elapsedMs < hastyMs).length, ...reportTrust(taus), line }
}
