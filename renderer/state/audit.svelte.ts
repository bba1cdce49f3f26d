/** A person at a spot-check: the item before them, their answer on its way to main, the next one after it. Shows nothing but progress. */
import type { Params, RequestName, Result } from '../../preload/contract/requests.ts'
import type { AuditProgress, AuditSession, BlindPair, BlindRanking, Verdict } from '../../preload/contract/requests/audit.ts'
import { Refused, newKey } from '../api.ts'
import { DraftBook, Stopwatch } from './audit-draft.ts'
import { type Order, asShown, isOrderOf } from './audit-order.ts'
import { milestoneOf } from './audit-words.ts'
import type { Workbench } from './workbench.svelte.ts'

const CONFIRMATION = 350 // milliseconds that an answer stays in sight
const [FIRST_WAIT, LONGEST_WAIT] = [500, 8000] // milliseconds between attempts to send

export type Item = { readonly kind: 'pair'; readonly pair: BlindPair } | { readonly kind: 'ranking'; readonly ranking: BlindRanking } | { readonly kind: 'end' }

export class Sitting {
  readonly #workbench: Workbench
  readonly #session: string
  readonly #drafts: DraftBook
  /** Main may hold a note on the item, so an answer says what has become of it. */
  #isNoted = false
  #watch = new Stopwatch()
  #isOver = false
  /** As it was confirmed last: an undo brings it back. */
  #confirmed: { readonly at: number; readonly order: Order } | null = null
  item = $state.raw<Item | null>(null)
  progress = $state.raw<AuditProgress>()!
  /** 'painting' = in the page and perhaps not seen yet: keys are dead until it is; 'answered' = on its way to main and to the next item. */
  phase = $state.raw<'waiting' | 'painting' | 'open' | 'answered'>('waiting')
  /** What was answered last, while that is confirmed. */
  answer = $state.raw<Verdict | 'order' | 'undo' | null>(null)
  /** An answer, an undo or the close is on its way to main: nothing may overtake it. */
  isSending = $state.raw(false)
  note = $state.raw('')
  isNoting = $state.raw(false)
  order = $state.raw<Order>([])
  /** Why an answer is not with main yet; it is kept and sent again. */
  trouble = $state.raw<string | null>(null)

  constructor(workbench: Workbench, { session, progress }: AuditSession, storage: Storage) {
    this.#workbench = workbench
    this.#session = session
    this.progress = progress
    this.#drafts = new DraftBook(`${workbench.project?.folder ?? ''}/${session}`, storage)
  }

  /** Sends what an earlier visit could not, and shows what comes next. */
  async begin(): Promise<void> {
    const unsent = this.#drafts.unsent()
    if (unsent) await this.#deliver(unsent)
    await this.#next()
  }

  /** The item is on the screen: the time runs, keys are heard. */
  painted(): void {
    if (this.phase !== 'painting') return
    this.phase = 'open'
    if (!document.hidden) this.#watch.run(performance.now())
  }

  /** The page was hidden, or is seen again: only the time in sight counts. */
  see(isSeen: boolean): void {
    if (this.phase !== 'open') return
    if (isSeen) return this.#watch.run(performance.now())
    this.#watch.halt(performance.now())
    this.#drafts.write(this.progress.judged, { looked: this.#watch.read(0) })
  }

  judge(verdict: Verdict): void {
    if (this.#isHeard && this.item?.kind === 'pair') void this.#answer(verdict, { pair: this.item.pair.pair, verdict })
  }

  /** @param isSkip leaves the responses without an order */
  rank(isSkip: boolean): void {
    if (!this.#isHeard || this.item?.kind !== 'ranking') return
    void this.#answer(isSkip ? 'skip' : 'order', { ranking: this.item.ranking.ranking, order: isSkip ? null : this.order.map((group) => [...group]) })
  }

  arrange(order: Order): void {
    if (this.phase !== 'open') return
    this.order = order
    this.#drafts.write(this.progress.judged, { order })
  }

  async undo(): Promise<void> {
    if (!this.#isHeard || !this.progress.canUndo) return
    this.phase = 'answered'
    this.answer = 'undo'
    const progress = await this.#send('audit/undo', { key: newKey(), session: this.#session })
    if (progress) {
      this.#drafts.clear()
      if (this.#confirmed?.at === progress.judged) this.#drafts.write(progress.judged, { order: this.#confirmed.order })
    }
    await this.#next()
  }

  write(note: string): void {
    this.note = note
    this.#drafts.write(this.progress.judged, { note })
  }

  /** Shows what was found: main tells of it, and another page takes this one's place. Where main refuses, the sitting goes on. */
  async close(): Promise<void> {
    if (this.isSending) return
    this.isSending = true
    const closed = await this.#workbench.attempt(() => this.#workbench.ask('audit/close', { session: this.#session }))
    this.isSending = closed !== undefined
  }

  /** Main keeps the note from here on; if it cannot be reached, the draft stays and goes with the answer. */
  keepNote(): void {
    const item = this.item?.kind === 'pair' ? this.item.pair.pair : this.item?.kind === 'ranking' ? this.item.ranking.ranking : null
    if (item === null || !this.#isHeard) return
    this.#isNoted = true
    this.#workbench.ask('audit/note', { key: newKey(), session: this.#session, item, note: this.#written }).catch((error: unknown) => this.#complain(error))
  }

  /** Nothing is sent again after this; what is unsent stays for the next visit. */
  end(): void {
    this.see(false)
    this.#isOver = true
  }

  get #isHeard(): boolean {
    return this.phase === 'open' && !this.isSending
  }

  /** The note as it is kept: one of blanks is none. */
  get #written(): string {
    return this.note.trim() === '' ? '' : this.note
  }

  async #answer(answer: Verdict | 'order', what: { pair: string; verdict: Verdict } | { ranking: string; order: number[][] | null }): Promise<void> {
    this.#confirmed = { at: this.progress.judged, order: this.order }
    const milliseconds = Math.round(this.#watch.read(performance.now()))
    const params = { key: newKey(), session: this.#session, milliseconds, ...((this.#isNoted || this.#written !== '') && { note: this.#written }), ...what }
    this.phase = 'answered'
    this.answer = answer
    this.#drafts.write(this.progress.judged, { unsent: params })
    const confirmed = wait(CONFIRMATION)
    await this.#deliver(params)
    await this.#next(confirmed)
  }

  async #deliver(params: Params<'audit/judge'>): Promise<void> {
    const progress = await this.#send('audit/judge', params)
    if (this.#isOver) return
    if (!progress) return this.#drafts.drop('unsent')
    this.#drafts.clear()
    this.#workbench.spoken = milestoneOf(progress) ?? this.#workbench.spoken
  }

  async #next(confirmed: Promise<void> = Promise.resolve()): Promise<void> {
    const next = await this.#insist('audit/next', { session: this.#session })
    await confirmed
    if (!next || this.#isOver) return
    const draft = this.#drafts.read(next.progress.judged)
    this.progress = next.progress
    this.item = next.pair ? { kind: 'pair', pair: next.pair } : next.ranking ? { kind: 'ranking', ranking: next.ranking } : { kind: 'end' }
    this.#isNoted = next.note !== null
    this.note = draft.note ?? next.note ?? ''
    this.isNoting = draft.note !== undefined && draft.note !== (next.note ?? '') // it was being typed
    const responses = next.ranking?.responses.length ?? 0
    this.order = isOrderOf(draft.order, responses) ? draft.order : asShown(responses)
    this.#watch = new Stopwatch(draft.looked)
    this.answer = null
    this.phase = 'painting'
  }

  /** As #insist, for what nothing may overtake. */
  async #send<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Result<Name> | undefined> {
    this.isSending = true
    const result = await this.#insist(name, params)
    this.isSending = false
    return result
  }

  /** Asks until main answers. @returns undefined when main refuses, which the person is told, or when the sitting is over */
  async #insist<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Result<Name> | undefined> {
    for (let pause = FIRST_WAIT; !this.#isOver; pause = Math.min(2 * pause, LONGEST_WAIT)) {
      try {
        const result = await this.#workbench.ask(name, params)
        this.trouble = null
        return result
      } catch (error) {
        if (!isUnanswered(error)) return this.#complain(error)
        this.trouble = 'Creamery does not answer. Your last answer is kept here and sent again until it does.'
        await wait(pause)
      }
    }
    return undefined
  }

  #complain(error: unknown): undefined {
    if (!(error instanceof Refused)) throw error
    this.trouble = null
    if (!isUnanswered(error)) this.#workbench.tell('problem', error.message)
  }
}

/** The bridge's word for: nobody answered. */
const isUnanswered = (error: unknown): boolean => error instanceof Refused && error.code === 'cancelled'

const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))
