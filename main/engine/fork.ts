/** Starts the engine process and tells how it ended. */
import { startChild } from '../children/start.ts'
import type { FromEngine, ToEngine } from './protocol.ts'

export interface EngineProcess {
  readonly pid: number | undefined
  /** Messages to a process that is gone are dropped: `onEnd` reports it. */
  send(message: ToEngine): void
  kill(): void
}

export interface EngineListeners {
  onMessage(message: FromEngine): void
  /** What the process printed, stdout and stderr together. */
  onOutput(text: string): void
  /** Once, after the last message and output. `how` completes "the engine process …". */
  onEnd(how: string): void
}

/**
 * glibc keeps what was freed below a threshold that it raises up to 32 MB by itself: a closed session's arena would stay
 * with the process. Fixed at 1 MB, it goes back to the system. Other C libraries do not read this.
 */
const heapSettings = { MALLOC_MMAP_THRESHOLD_: String(2 ** 20) }

/** The child leaves when the channel to this process closes, so it never outlives it. */
export function forkEngine(entry: URL, env: Readonly<Record<string, string>>, listeners: EngineListeners): EngineProcess {
  const child = startChild({ program: 'engine', entry, env: { ...process.env, ...heapSettings, ...env }, execArgv: [], stdout: 'pipe' })
  let failure: Error | undefined
  child.on('message', (message) => listeners.onMessage(message as FromEngine))
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => listeners.onOutput(text))
  child.on('error', (error) => (failure ??= child.pid === undefined ? error : undefined))
  child.on('close', (code, signal) => listeners.onEnd(describeEnd(code, signal, failure)))
  return {
    get pid() {
      return child.pid // Electron knows it a moment later
    },
    send: (message) => void child.send(message, () => {}),
    kill: () => void child.kill('SIGKILL'),
  }
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null, failure: Error | undefined): string {
  if (signal === 'SIGKILL') return 'was killed (SIGKILL; the system does this when memory runs out)'
  if (signal) return `crashed (${signal})`
  if (failure) return `could not be started (${failure.message})`
  return `ended by itself (exit code ${code})`
}
