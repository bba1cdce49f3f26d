/** Starts the child, with a heap of its own size. */
import { extname } from 'node:path'
import { type Child, startChild } from '../children/start.ts'

/** Heap of the child; a tokenizer of 256 000 tokens needs a quarter of it. The worker ends itself when heap and all else pass 900 MB. */
const heapMegabytes = 768

export function startSandboxChild(): Child {
  const { NODE_OPTIONS: _, ...env } = process.env
  return startChild({ program: 'sandbox', entry: new URL(`./worker${extname(import.meta.url)}`, import.meta.url), env, execArgv: [`--max-old-space-size=${heapMegabytes}`], stdout: 'ignore' })
}
