/**
 * `npm test`: the unit tests, then other programs that load what was exported, then the specs in a browser; at the end
 * everything that failed once more, and one last line for all: "N passed, N failed". With arguments only the unit tests they
 * name: `npm test -- tests/unit/cream`.
 */
import { join } from 'node:path'
import { installWhereMissing } from './install.ts'
import { type Part, runParts } from './part.ts'

const args = process.argv.slice(2)
const units: Part = [process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=./tests/reporter.ts', ...args]
const others: Part[] = args.length === 0 ? [[process.execPath, 'tests/clients/run.ts'], [process.execPath, 'tests/e2e/run.ts']] : []
installWhereMissing('e2e') // SwiftShader, which the unit tests of WebGPU compute with
await runParts([units, ...others], join(import.meta.dirname, '..'))
