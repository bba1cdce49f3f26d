/** Ctrl-C: once stops at the next safe point, twice ends the process. */
import type { Terminal } from './terminal.ts'

/** npm passes a signal on that the terminal has already sent to every process: both are one key press. */
const SAME_PRESS = 500 // milliseconds

export interface Interruption {
  readonly signal: AbortSignal
  /** Gives the signals back to the system. */
  release(): void
}

export function stopOnInterrupt(terminal: Terminal): Interruption {
  const controller = new AbortController()
  let first = -Infinity
  const hear = (): void => {
    const now = performance.now()
    if (!controller.signal.aborted) {
      first = now
      controller.abort()
      terminal.note('Stopping at the next safe point; press Ctrl-C again to end at once.')
    } else if (now - first > SAME_PRESS) process.exit(130)
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, hear)
  return {
    signal: controller.signal,
    release() {
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, hear)
    },
  }
}
