/**
 * `npm test`: the unit tests, then other programs that load what was exported, then the specs in a browser, and one last
 * line for all: "N passed, N failed". With arguments only the unit tests they name: `npm test -- tests/unit/cream`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const root = join(import.meta.dirname, '..')
const summary = /^(\d+) passed, (\d+) failed$/

/** Runs one part; its own last line is held back. A run that breaks, or says nothing, is one more failure. */
async function run(script: string, args: readonly string[]): Promise<{ passed: number; failed: number }> {
  const child = spawn(process.execPath, [join(root, script), ...args], { cwd: root, stdio: ['inherit', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  let last: RegExpExecArray | null = null
  for await (const line of createInterface(child.stdout)) {
    const found = summary.exec(line)
    if (found) last = found
    else console.log(line)
  }
  const [code] = (await ended) as [number | null]
  const [passed, failed] = last ? [Number(last[1]), Number(last[2])] : [0, 0]
  return { passed, failed: failed === 0 && (code !== 0 || !last) ? 1 : failed }
}

const args = process.argv.slice(2)
const parts = [await run('node_modules/vitest/vitest.mjs', ['run', '--reporter=default', '--reporter=./tests/reporter.ts', ...args])]
if (args.length === 0) for (const script of ['tests/clients/run.ts', 'tests/e2e/run.ts']) parts.push(await run(script, []))
const [passed, failed] = [parts.reduce((sum, part) => sum + part.passed, 0), parts.reduce((sum, part) => sum + part.failed, 0)]
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
