/** The parts of `npm test`: programs that each end with what failed and "N passed, N failed". */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { isAboutFailure, tell } from './failures.ts'

/** A program with its arguments. */
export type Part = readonly [program: string, ...args: string[]]

export interface Outcome {
  readonly passed: number
  readonly failed: number
  /** The lines about its failures, to be told at the very end. */
  readonly failures: readonly string[]
}

const summary = /^(\d+) passed, (\d+) failed$/

/**
 * Runs one part; its failures and its last line are held back. A run that breaks, or says nothing, is one more failure.
 * @param write called with every other line as it comes
 */
export async function runPart([program, ...args]: Part, { cwd, write }: { cwd: string; write(line: string): void }): Promise<Outcome> {
  const child = spawn(program, args, { cwd, stdio: ['inherit', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const failures: string[] = []
  let last: RegExpExecArray | null = null
  for await (const line of createInterface(child.stdout)) {
    const found = summary.exec(line)
    if (isAboutFailure(line)) failures.push(line)
    else if (found) last = found
    else write(line)
  }
  const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null]
  const [passed, failed] = last ? [Number(last[1]), Number(last[2])] : [0, 0]
  if (failed > 0 || (code === 0 && last)) return { passed, failed, failures }
  const message = `ended with ${signal ?? `code ${code}`}${last ? '' : ' before it had counted'}; its own words are further up`
  return { passed, failed: 1, failures: [...failures, ...tell({ file: [program, ...args].join(' '), name: null, message })] }
}

/** Runs one after the other, each with the machine to itself; ends as each of them does, for all. */
export async function runParts(parts: readonly Part[], cwd: string): Promise<void> {
  const outcomes: Outcome[] = []
  for (const part of parts) outcomes.push(await runPart(part, { cwd, write: (line) => console.log(line) }))
  const sum = (of: 'passed' | 'failed'): number => outcomes.reduce((total, outcome) => total + outcome[of], 0)
  for (const line of outcomes.flatMap(({ failures }) => failures)) console.log(line)
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`)
  process.exitCode = sum('failed') === 0 ? 0 : 1
}
