/** Keeps one child, gives it one request at a time, and kills it when a request shows no sign of life. */
import { AppError } from '../../preload/contract/errors.ts'
import type { Child } from '../children/start.ts'
import type { CallName, Calls, Reach, Reply, Request, RowsRead } from './protocol.ts'

export interface Limits {
  /** Longest silence of a request, in milliseconds. */
  call: number
  /** Longest start of the child itself. */
  start: number
}

export interface CallOptions {
  /** What it does, to go on "… while it was": "tokenising prompts 1–64 of 900". */
  doing: string
  onRows?: (rows: RowsRead) => void
  onReach?: ((reach: Reach) => void) | undefined
  /** Aborted, the call ends at once and the child with it: it may be deep in a file. */
  signal?: AbortSignal | undefined
}

/** A live child during one turn. */
export interface Line {
  /** Models this child has open; a fresh child has none. */
  opened: Set<number>
  ask<C extends CallName>(call: C, args: Calls[C]['args'], options: CallOptions): Promise<Calls[C]['result']>
}

export interface Supervisor {
  /** Runs a turn when all earlier ones are over, on the living child or a fresh one. */
  turn<T>(work: (line: Line) => Promise<T>): Promise<T>
  /** The same, but only where a child lives: what died with it needs no care. */
  turnIfLiving(work: (line: Line) => Promise<void>): Promise<void>
  pid(): number | undefined
  /** Rejects what is waiting or running, and is fulfilled when the child is gone. */
  close(): Promise<void>
}

/** Longest wait for a child that was asked to leave. */
const farewell = 1000
/** A timer that fires late (this process was busy) fires before the answers that already wait are read: look again then. */
const secondLook = 100

export function supervise(start: () => Child, limits: Limits): Supervisor {
  let child: { process: Child; line: Line } | null = null
  let last: Promise<unknown> = Promise.resolve()
  let closed = false
  const refuseClosed = (): void => {
    if (closed) throw new AppError('cancelled', 'The sandbox was closed before this call was answered.')
  }

  async function living(): Promise<Line> {
    if (child === null) {
      const process = start()
      const forget = (): void => { if (child?.process === process) child = null }
      process.once('exit', forget).once('error', forget)
      const kill = (): void => {
        forget() // an answer may still come before its end does: whoever is next must not meet a dying child
        process.kill('SIGKILL')
      }
      const one: Supervised = { process, kill, errors: tailOf(process), closed: () => closed }
      child = { process, line: { opened: new Set(), ask: asker(one, limits.call) } }
      await exchange(one, { doing: 'starting', limit: limits.start }, (reply): reply is Reply => 'ready' in reply)
    }
    return child.line
  }

  function queue<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(() => {
      refuseClosed()
      return work()
    })
    last = result.catch(() => undefined)
    return result
  }

  return {
    turn: (work) => queue(async () => {
      const line = await living()
      refuseClosed()
      return work(line)
    }),
    turnIfLiving: (work) => queue(async () => child === null ? undefined : work(child.line)),
    pid: () => child?.process.pid,
    async close() {
      closed = true
      if (child === null) return
      const { process } = child
      const gone = new Promise<void>((resolve) => void process.once('exit', () => resolve()))
      const timer = setTimeout(() => process.kill('SIGKILL'), farewell)
      if (process.connected) process.disconnect()
      await gone
      clearTimeout(timer)
    },
  }
}

type Answer = Extract<Reply, { result: unknown } | { error: unknown }>

interface Supervised {
  readonly process: Child
  readonly kill: () => void
  /** The last of what it wrote to stderr. */
  readonly errors: () => string
  /** Is it being ended with Creamery? */
  readonly closed: () => boolean
}

function asker(one: Supervised, limit: number): Line['ask'] {
  let id = 0
  return (call, args, options) => {
    const request = { id: ++id, call, args } as Request
    const answer = exchange(one, { doing: options.doing, limit }, (reply): reply is Answer => {
      if (!('id' in reply) || reply.id !== request.id) return false
      if ('rows' in reply) options.onRows?.(reply.rows)
      if ('reach' in reply && reply.reach) options.onReach?.(reply.reach)
      return 'result' in reply || 'error' in reply
    })
    one.process.send(request, () => undefined) // a failed send shows as the child's exit
    options.signal?.addEventListener('abort', one.kill, { once: true })
    return answer.then(
      (reply) => {
        if ('error' in reply) throw new AppError(reply.error.code, reply.error.sentence)
        return reply.result as Calls[typeof call]['result']
      },
      (error: unknown) => { throw options.signal?.aborted ? stoppedError(options.doing) : error },
    ).finally(() => options.signal?.removeEventListener('abort', one.kill))
  }
}

/** Waits for the reply that `isLast` accepts. Every message is a sign of life; silence beyond the limit, or death, rejects. */
function exchange<Last extends Reply>(
  { process, kill, errors, closed }: Supervised, { doing, limit }: { doing: string; limit: number }, isLast: (reply: Reply) => reply is Last,
): Promise<Last> {
  return new Promise((resolve, reject) => {
    let late = false
    let timer = setTimeout(expire, limit)
    function expire(): void {
      if (late) kill() // the exit below rejects
      else timer = setTimeout(expire, secondLook)
      late = true
    }
    const onMessage = (reply: Reply): void => {
      clearTimeout(timer)
      late = false
      timer = setTimeout(expire, limit)
      if (isLast(reply)) settle(() => resolve(reply))
    }
    const onExit = (code: number | null): void => settle(() => reject(closed() ? closedError() : death(doing, late, limit, code, errors())))
    const onError = (cause: Error): void => settle(() => reject(new AppError('sandbox-died', `The sandbox could not be started (${cause.message}). Check that memory and processes are free, and try again.`, cause)))
    function settle(finish: () => void): void {
      clearTimeout(timer)
      process.off('message', onMessage).off('exit', onExit).off('error', onError)
      finish()
    }
    process.on('message', onMessage).on('exit', onExit).on('error', onError)
  })
}

const closedError = (): AppError => new AppError('cancelled', 'The sandbox was closed before this call was answered.')

export const stoppedError = (doing: string): AppError => new AppError('cancelled', `It was stopped while it was ${doing}; nothing of it is left.`)

function death(doing: string, late: boolean, limit: number, code: number | null, errors: string): AppError {
  const cause = errors === '' ? undefined : new Error(errors)
  if (late) {
    return new AppError('sandbox-died', `The sandbox gave no sign of life for ${limit / 1000} s while it was ${doing}, and was stopped. The imported file makes it work without end (a tokenizer's pattern or a chat template can): use another copy of it.`, cause)
  }
  const why = /out of memory|Allocation failed/.test(errors) ? 'ran out of memory' : `ended (${code === null ? 'killed' : `exit code ${code}`})`
  return new AppError('sandbox-died', `The sandbox ${why} while it was ${doing}. Try again; if it happens again, use a smaller or another file.`, cause)
}

/** The last of what the child wrote to stderr, for the cause of its death. */
function tailOf(process: Child): () => string {
  let tail = ''
  process.stderr?.setEncoding('utf8').on('data', (text: string) => { tail = (tail + text).slice(-4000) })
  return () => tail
}
