/** The engine's side of the protocol: runs one call at a time, passes events on, hears cancellations between batches. */
import { constants, setPriority } from 'node:os'
import { AppError, assertNever } from '../../preload/contract/errors.ts'
import { type CallMap, type FromEngine, type MemoryReport, packError, type ToEngine } from './protocol.ts'

export interface CallContext<Event> {
  emit(event: Event): void
  /**
   * Aborted when the caller cancels: call `signal.throwIfAborted()` between batches. The message is heard whenever the
   * event loop turns, which every `await session.run(…)` does once.
   */
  readonly signal: AbortSignal
}

export type Handlers<Calls extends CallMap<Calls>> = {
  readonly [Name in keyof Calls]: (params: Calls[Name]['params'], context: CallContext<Calls[Name]['event']>) => Promise<Calls[Name]['result']> | Calls[Name]['result']
}

export const reportMemory = (): MemoryReport => ({ rss: process.memoryUsage.rss(), peakRss: process.resourceUsage().maxRSS * 1024 })

/** Answers the parent process until it says `shutdown` or goes away. */
export function serve<Calls extends CallMap<Calls>>(handlers: Handlers<Calls>): void {
  if (!process.send) throw new Error('the engine runs only as a child of Creamery: it has no channel to answer on')
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL) // before any thread pool starts: threads inherit it
  const send = (message: FromEngine): void => void process.send!(message)
  const running = new Map<number, AbortController>()

  async function answer(id: number, name: string, params: unknown): Promise<void> {
    const controller = new AbortController()
    running.set(id, controller)
    try {
      if (!Object.hasOwn(handlers, name)) throw new Error('there is no such call')
      const handler = handlers[name as keyof Calls]
      const result = await handler(params as never, { emit: (event) => send({ kind: 'event', id, event }), signal: controller.signal })
      send({ kind: 'result', id, result, memory: reportMemory() })
    } catch (error) {
      send({ kind: 'error', id, error: packError(error) })
    } finally {
      running.delete(id)
    }
  }

  process.on('message', (message: ToEngine) => {
    switch (message.kind) {
      case 'call': return void answer(message.id, message.name, message.params)
      case 'cancel': return running.get(message.id)?.abort(new AppError('cancelled', 'Stopped on request.'))
      case 'shutdown': return process.disconnect()
      default: return assertNever(message)
    }
  })
  process.on('disconnect', () => process.exit(0))
  process.on('SIGINT', () => {}) // Ctrl-C goes to the whole group; main decides, so that a step in work is not lost
}
