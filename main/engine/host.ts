/**
 * Main's side of the engine: starts the process, queues calls (one runs at a time, in order), and survives its death.
 * The engine holds nothing that main could not rebuild: after a death the next call starts a fresh, empty one.
 */
import { extname } from 'node:path'
import { AppError, assertNever } from '../../preload/contract/errors.ts'
import { type EngineProcess, forkEngine } from './fork.ts'
import { type Call, type CallMap, type EngineCalls, type FromEngine, type MemoryReport, unpackError } from './protocol.ts'

export interface EngineOptions {
  /** The child's program; by default worker.ts beside this file. */
  readonly entry?: URL
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>
  /** A fresh engine has replaced a dead one: whatever was loaded is gone. */
  readonly onRestart?: (death: AppError) => void
  /** So many deaths within so many milliseconds end the automatic restarts (3 in 5 minutes). */
  readonly deathLimit?: { readonly count: number; readonly within: number }
}

export interface CallOptions<Event> {
  /** Called in order, before the promise settles. If it throws, the call is cancelled and rejects with that error. */
  readonly onEvent?: (event: Event) => void
  /** Rejects a waiting call at once; a running one when it next looks, or it resolves if it was done before. */
  readonly signal?: AbortSignal | undefined
}

interface Pending {
  readonly id: number
  readonly name: string
  readonly params: unknown
  readonly onEvent: (event: unknown) => void
  readonly resolve: (result: never) => void
  readonly reject: (error: unknown) => void
  /** What the call rejects with, once the engine has let go of it. */
  failure?: unknown
}

const OUTPUT_KEPT = 2048
const cancelled = (): AppError => new AppError('cancelled', 'Stopped on request.')

export class EngineHost<Calls extends CallMap<Calls> = EngineCalls> {
  readonly #options: EngineOptions
  #process: EngineProcess | null = null
  #ended: Promise<void> = Promise.resolve()
  #running: Pending | null = null
  readonly #waiting: Pending[] = []
  #output = ''
  #memory: MemoryReport | null = null
  #lastId = 0
  #generation = 0
  #deaths: { readonly at: number; readonly error: AppError }[] = []
  #closed = false

  private constructor(options: EngineOptions) {
    this.#options = options
  }

  /** Starts the process; a failure to come up shows in the first call. */
  static start<Calls extends CallMap<Calls> = EngineCalls>(options: EngineOptions = {}): EngineHost<Calls> {
    const host = new EngineHost<Calls>(options)
    host.#launch()
    return host
  }

  /** Counts the processes started so far: a different number means that whatever was loaded is gone. */
  get generation(): number {
    return this.#generation
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** What the living process held when it answered last; null before its first answer. */
  get memory(): MemoryReport | null {
    return this.#memory
  }

  /**
   * Runs a call after those that were asked for before it.
   * @throws AppError `engine-died` if the process ends first, `cancelled`, or the engine's own error.
   */
  call<Name extends keyof Calls & string>(name: Name, params: Calls[Name]['params'], options: CallOptions<Calls[Name]['event']> = {}): Promise<Calls[Name]['result']> {
    const { signal, onEvent } = options
    if (signal?.aborted) return Promise.reject(cancelled())
    if (this.#closed) return Promise.reject(new AppError('engine-died', 'The engine is closed; start Creamery again to go on.'))
    const { promise, resolve, reject } = Promise.withResolvers<Call['result']>()
    const pending: Pending = { id: ++this.#lastId, name, params, onEvent: (onEvent ?? (() => {})) as Pending['onEvent'], resolve, reject }
    const cancel = (): void => this.#cancel(pending, cancelled())
    signal?.addEventListener('abort', cancel)
    this.#waiting.push(pending)
    this.#next()
    return promise.finally(() => signal?.removeEventListener('abort', cancel))
  }

  /** Replaces the process now, and forgets past deaths. Pending calls are rejected. */
  async restart(): Promise<void> {
    const previous = this.#process
    previous?.kill()
    await this.#ended
    this.#deaths = []
    if (!this.#process && !this.#closed) this.#launch()
  }

  /** Lets the engine leave; after `grace` milliseconds kills it. Pending calls are rejected. */
  async close(grace = 2000): Promise<void> {
    this.#closed = true
    for (const pending of this.#waiting.splice(0)) pending.reject(cancelled())
    if (this.#running) this.#cancel(this.#running, cancelled())
    this.#process?.send({ kind: 'shutdown' })
    const timer = setTimeout(() => this.#process?.kill(), grace)
    await this.#ended
    clearTimeout(timer)
  }

  #launch(): void {
    this.#generation++
    this.#output = ''
    this.#memory = null
    this.#ended = new Promise((resolve) => {
      this.#process = forkEngine(this.#options.entry ?? new URL(`./worker${extname(import.meta.url)}`, import.meta.url), this.#options.env ?? {}, {
        onMessage: (message) => this.#hear(message),
        onOutput: (text) => (this.#output = (this.#output + text).slice(-OUTPUT_KEPT)),
        onEnd: (how) => {
          this.#bury(how)
          resolve()
        },
      })
    })
  }

  #next(): void {
    if (this.#running || this.#waiting.length === 0) return
    try {
      this.#ensureAlive()
    } catch (error) {
      for (const pending of this.#waiting.splice(0)) pending.reject(error)
      return
    }
    const pending = (this.#running = this.#waiting.shift()!)
    this.#process!.send({ kind: 'call', id: pending.id, name: pending.name, params: pending.params })
  }

  #ensureAlive(): void {
    if (this.#process) return
    const { count, within } = this.#options.deathLimit ?? { count: 3, within: 300_000 }
    const last = this.#deaths.at(-1)!.error
    if (this.#deaths.filter(({ at }) => performance.now() - at < within).length >= count) {
      throw new AppError('engine-died', `The engine has died ${count} times in a short while and is not started again by itself. Last time: ${last.message}`, last)
    }
    this.#launch()
    this.#options.onRestart?.(last)
  }

  #hear(message: FromEngine): void {
    const call = this.#running
    if (!call || call.id !== message.id) return
    if (message.kind === 'event') {
      try {
        if (!call.failure) call.onEvent(message.event)
      } catch (error) {
        this.#cancel(call, error)
      }
      return
    }
    this.#running = null
    switch (message.kind) {
      case 'result':
        this.#memory = message.memory
        // Work that was finished before a cancellation reached it counts; a failed listener does not.
        if (call.failure && !isCancelled(call.failure)) call.reject(call.failure)
        else call.resolve(message.result as never)
        break
      case 'error':
        call.reject(call.failure ?? unpackError(message.error, call.name))
        break
      default:
        assertNever(message)
    }
    this.#next()
  }

  #cancel(pending: Pending, failure: unknown): void {
    if (pending === this.#running) {
      pending.failure ??= failure
      this.#process?.send({ kind: 'cancel', id: pending.id })
      return
    }
    const place = this.#waiting.indexOf(pending)
    if (place < 0) return // settled already
    this.#waiting.splice(place, 1)
    pending.reject(failure)
  }

  #bury(how: string): void {
    this.#process = null
    const during = this.#running ? ` during "${this.#running.name}"` : ''
    const death = new AppError('engine-died', `The engine process ${how}${during}. Nothing that was saved is lost: start the step again.`, this.#output.trim() || undefined)
    if (!this.#closed) this.#deaths.push({ at: performance.now(), error: death })
    for (const pending of [...(this.#running ? [this.#running] : []), ...this.#waiting.splice(0)]) pending.reject(this.#closed ? cancelled() : death)
    this.#running = null
  }
}

const isCancelled = (error: unknown): boolean => error instanceof AppError && error.code === 'cancelled'
