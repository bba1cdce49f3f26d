/** One part of `npm test`: a program that ends with what failed and "N passed, N failed". */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { isAboutFailure, tell } from './failures.ts'

export interface Outcome {
  readonly passed: number
  readonly failed: number
  /** The lines about its failures, to be told again at the very end. */
  readonly failures: readonly string[]
}

const summary = /^(\d+) passed, (\d+) failed$/

/**
 * Runs one part; its own last line is held back. A run that breaks, or says nothing, is one more failure.
 * @param write called with every line as it comes
 */
export async function runPart([script, ...args]: readonly [script: string, ...args: string[]], { cwd, write }: { cwd: string; write(line: string): void }): Promise<Outcome> {
  const child = spawn(process.execPath, [script, ...args], { cwd, stdio: ['inherit', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const failures: string[] = []
  let last: RegExpExecArray | null = null
  for await (const line of createInterface(child.stdout)) {
    const found = summary.exec(line)
    if (isAboutFailure(line)) failures.push(line)
    if (found) last = found
    else write(line)
  }
  const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null]
  const [passed, failed] = last ? [Number(last[1]), Number(last[2])] : [0, 0]
  if (failed > 0 || (code === 0 && last)) return { passed, failed, failures }
  const message = `ended with ${signal ?? `code ${code}`}${last ? '' : ' before it had counted'}; its own words are further up`
  return { passed, failed: 1, failures: [...failures, ...tell({ file: script, name: null, message })] }
}
