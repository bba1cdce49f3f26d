/** The numbered stream of events: kept in a ring, so that whoever was away gets what was missed. */
import { randomUUID } from 'node:crypto'
import type { Cursor, SequencedEvent, WorkbenchEvent } from '../../preload/contract/events.ts'

type Progress = Extract<WorkbenchEvent, { kind: 'progress' }>
type Listener = (event: SequencedEvent) => void

const KEPT = 4096
const PROGRESS_EVERY = 100 // milliseconds: 10 Hz

export class EventLog {
  /** Names this stream: numbers of another process's stream mean nothing here. */
  readonly epoch = randomUUID()
  readonly #kept: SequencedEvent[] = []
  readonly #listeners = new Set<Listener>()
  readonly #limit: number
  #last = 0
  #waiting: Progress | null = null
  #timer: NodeJS.Timeout | undefined
  #progressAt = -Infinity

  constructor({ kept = KEPT }: { kept?: number } = {}) {
    this.#limit = kept
  }

  get cursor(): Cursor {
    return { epoch: this.epoch, sequence: this.#last }
  }

  /** Progress is held back to 10 a second; everything else goes out at once, after the progress that came before it. */
  publish(event: WorkbenchEvent): void {
    if (event.kind !== 'progress') {
      this.#flush()
      this.#append(event)
      return
    }
    if (this.#waiting && (this.#waiting.stage !== event.stage || this.#waiting.iteration !== event.iteration)) this.#flush()
    this.#waiting = this.#waiting ? { ...event, steps: [...this.#waiting.steps, ...event.steps] } : event
    const wait = this.#progressAt + PROGRESS_EVERY - performance.now()
    if (wait <= 0) this.#flush()
    else this.#timer ??= setTimeout(() => this.#flush(), wait)
  }

  /** What came after a cursor; null where it is another stream's or reaches back too far. */
  since({ epoch, sequence }: Cursor): SequencedEvent[] | null {
    const first = this.#kept[0]?.sequence ?? this.#last + 1
    if (epoch !== this.epoch || sequence > this.#last || sequence < first - 1) return null
    return this.#kept.slice(sequence - first + 1)
  }

  /** @returns the end of it */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const event = this.#waiting
    this.#waiting = null
    if (!event) return
    this.#progressAt = performance.now()
    this.#append(event)
  }

  #append(event: WorkbenchEvent): void {
    const numbered = { sequence: ++this.#last, event }
    this.#kept.push(numbered)
    if (this.#kept.length > this.#limit) this.#kept.shift()
    for (const listener of this.#listeners) listener(numbered)
  }
}
