/**
 * `npm test`: the unit tests, then other programs that load what was exported, then the specs in a browser; at the end
 * everything that failed once more, and one last line for all: "N passed, N failed". With arguments only the unit tests they
 * name: `npm test -- tests/unit/cream`.
 */
import { join } from 'node:path'
import { type Outcome, runPart } from './part.ts'

const cwd = join(import.meta.dirname, '..')
const args = process.argv.slice(2)
const units = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=./tests/reporter.ts', ...args] as const
const others = args.length === 0 ? ([['tests/clients/run.ts'], ['tests/e2e/run.ts']] as const) : []

const outcomes: Outcome[] = []
for (const part of [units, ...others]) outcomes.push(await runPart(part, { cwd, write: (line) => console.log(line) }))

const sum = (of: 'passed' | 'failed'): number => outcomes.reduce((total, outcome) => total + outcome[of], 0)
for (const line of outcomes.flatMap(({ failures }) => failures)) console.log(line)
console.log(`${sum('passed')} passed, ${sum('failed')} failed`)
process.exitCode = sum('failed') === 0 ? 0 : 1
