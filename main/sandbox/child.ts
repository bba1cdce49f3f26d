/** Starts the child. The one place that knows how: `child_process.fork` here, Electron's utilityProcess where there is one. */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Heap of the child; a tokenizer of 256 000 tokens needs a fifth of it. */
const heapMegabytes = 1024

export function startChild(): ChildProcess {
  const { NODE_OPTIONS: _, ...env } = process.env
  return fork(fileURLToPath(new URL(`./worker${extname(import.meta.url)}`, import.meta.url)), [], {
    // Not the parent's flags: under a test runner or a debugger these would load into the child too.
    execArgv: [`--max-old-space-size=${heapMegabytes}`],
    env,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
}
