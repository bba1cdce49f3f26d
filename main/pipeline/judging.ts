/** What a spot-check shows, blind, one by one; how it is judged, noted on and taken back. */
import { createHmac, randomBytes } from 'node:crypto'
import { AppError } from '../../preload/contract/errors.ts'
import type { BlindPair, BlindRanking, Verdict as Key } from '../../preload/contract/requests/audit.ts'
import type { Choice } from '../cream/agreement.ts'
import { hasNote, insertNote, noteOn, standingVerdictsIn } from '../store/audits.ts'
import { pairOf, promptHeadOf, responseTexts } from '../store/browse.ts'
import { type Database, inTransaction } from '../store/database.ts'
import { humanRankingByKey, insertHumanRanking, standingRankingsIn } from '../store/human-rankings.ts'
import { rankingSetOf } from '../store/rankings.ts'
import { insertVerdict, verdictByKey } from '../store/verdicts.ts'
import { type Audit, judgedIn, type PairAudit, type RankingAudit } from './spot-check.ts'

/** The first showing without a verdict that stands; null when there is none, or the session is closed. */
function nextShowing(db: Database, audit: Audit): number | null {
  if (audit.closedAt !== null) return null
  const judged = new Set(judgedIn(db, audit).map(({ showing }) => showing))
  const showing = audit.plan.showings.findIndex((_, i) => !judged.has(i))
  return showing < 0 ? null : showing
}

/** The two responses of a showing, by side. */
function sidesOf(db: Database, { setId, plan }: PairAudit, showing: number): { promptId: string; leftId: string; rightId: string } {
  const { pairId: promptId, chosenSide } = plan.showings[showing]!
  const { chosenId, rejectedId } = pairOf(db, setId, promptId)!
  return chosenSide === 'a' ? { promptId, leftId: chosenId, rightId: rejectedId } : { promptId, leftId: rejectedId, rightId: chosenId }
}

export interface Shown {
  readonly pair: BlindPair | null
  readonly ranking: BlindRanking | null
  /** What the person noted on it so far. */
  readonly note: string | null
}

/** What a person may see of the next one: nothing here or in the handle tells a judge's choice, or a repeat from a first showing. */
export function nextShown(db: Database, audit: Audit): Shown {
  const showing = nextShowing(db, audit)
  if (showing === null) return { pair: null, ranking: null, note: null }
  const note = noteOn(db, audit.id, showing)
  const { iterationId } = rankingSetOf(db, audit.setId)!
  const textsOf = (promptId: string) => new Map(responseTexts(db, iterationId, promptId).map(({ id, text }) => [id, text]))
  if (audit.mode === 'rankings') {
    const { promptId, responseIds } = audit.plan.showings[showing]!
    const texts = textsOf(promptId)
    return { pair: null, ranking: { ranking: handleOf(audit, showing), prompt: promptHeadOf(db, promptId)!.input, responses: responseIds.map((id) => texts.get(id)!) }, note }
  }
  const { promptId, leftId, rightId } = sidesOf(db, audit, showing)
  const texts = textsOf(promptId)
  return { pair: { pair: handleOf(audit, showing), prompt: promptHeadOf(db, promptId)!.input, left: texts.get(leftId)!, right: texts.get(rightId)! }, ranking: null, note }
}

/** New with every start of Creamery: a handle is for what is on the screen, not to be kept. */
const secret = randomBytes(32)
const handleOf = ({ id, mode }: Audit, showing: number): string => `${mode === 'pairs' ? 'pair' : 'ranking'}-${createHmac('sha256', secret).update(`${id} ${showing}`).digest('hex').slice(0, 24)}`

/** @throws AppError 'bad-arguments' for anything but what is on the screen */
function requireShown(db: Database, audit: Audit, handle: string): number {
  const showing = nextShowing(db, audit)
  if (showing === null || handleOf(audit, showing) !== handle) throw new AppError('bad-arguments', `This ${audit.mode === 'pairs' ? 'pair' : 'prompt'} is not the one to judge now; the next one is shown.`)
  return showing
}

const choices: Readonly<Record<Key, Choice>> = { left: 'a', right: 'b', tie: 'tie', skip: 'skip', flag: 'flag' }

interface Judgement {
  readonly key: string
  readonly milliseconds: number
  readonly note?: string | undefined
}

/** Judges the pair that is shown; the same key again adds nothing. @throws AppError 'bad-arguments' for any other pair */
export function judgePair(db: Database, audit: PairAudit, { key, pair, verdict, milliseconds, note }: Judgement & { readonly pair: string; readonly verdict: Key }): void {
  inTransaction(db, () => {
    if (verdictByKey(db, key)) return
    const showing = requireShown(db, audit, pair)
    const { promptId, leftId, rightId } = sidesOf(db, audit, showing)
    insertVerdict(db, { promptId, responseAId: leftId, responseBId: rightId, verdict: choices[verdict], undoneOf: null, showing, ...signed(db, audit, showing, key, note), elapsedMs: milliseconds })
  })
}

/** Puts the prompt that is shown in order; null = skip. The same key again adds nothing. @throws AppError 'bad-arguments' for any other prompt, or an order that is none of its responses */
export function judgeRanking(db: Database, audit: RankingAudit, { key, ranking, order, milliseconds, note }: Judgement & { readonly ranking: string; readonly order: readonly (readonly number[])[] | null }): void {
  inTransaction(db, () => {
    if (humanRankingByKey(db, key)) return
    const showing = requireShown(db, audit, ranking)
    const { promptId, responseIds } = audit.plan.showings[showing]!
    const places = order?.flat()
    if (places && (places.length !== responseIds.length || responseIds.some((_, place) => !places.includes(place)))) {
      throw new AppError('bad-arguments', `An order names each of the ${responseIds.length} responses once; order all of them, or skip the prompt.`)
    }
    insertHumanRanking(db, { promptId, showing, ordering: order && order.map((group) => group.map((place) => responseIds[place]!)), undoneOf: null, ...signed(db, audit, showing, key, note), elapsedMs: milliseconds })
  })
}

/** Who judged by what, with the note given now or before; a note given now is kept for the case of an undo. */
function signed(db: Database, { id, annotator, criterion }: Audit, showing: number, key: string, note: string | undefined) {
  if (note !== undefined) insertNote(db, { auditId: id, showing, note, idempotencyKey: key })
  return { auditId: id, annotator, criterion, note: noteOn(db, id, showing), idempotencyKey: key }
}

/** Keeps what is written beside something not judged yet. @throws AppError 'bad-arguments' for anything but what is on the screen */
export function noteShown(db: Database, audit: Audit, { key, item, note }: { key: string; item: string; note: string }): void {
  inTransaction(db, () => {
    if (!hasNote(db, key)) insertNote(db, { auditId: audit.id, showing: requireShown(db, audit, item), note, idempotencyKey: key })
  })
}

/** Takes the last verdict of this session that stands back; the same key again takes back no other. @throws AppError 'bad-arguments' */
export function undoVerdict(db: Database, audit: Audit, key: string): void {
  inTransaction(db, () => {
    if (audit.mode === 'pairs' ? verdictByKey(db, key) : humanRankingByKey(db, key)) return
    if (audit.closedAt !== null) throw new AppError('bad-arguments', 'This spot-check is closed, and its figures are known; start another one.')
    const taken = { note: null, idempotencyKey: key, elapsedMs: 0 }
    const nothing = new AppError('bad-arguments', 'There is no verdict to take back.')
    if (audit.mode === 'pairs') {
      const last = standingVerdictsIn(db, audit.id).at(-1)
      if (!last) throw nothing
      const { id: undoneOf, createdAt: _, ...row } = last
      insertVerdict(db, { ...row, ...taken, verdict: null, undoneOf })
    } else {
      const last = standingRankingsIn(db, audit.id).at(-1)
      if (!last) throw nothing
      const { id: undoneOf, createdAt: _, ...row } = last
      insertHumanRanking(db, { ...row, ...taken, ordering: null, undoneOf })
    }
  })
}
