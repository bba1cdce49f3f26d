/** Ends a run of vitest with what failed and one plain line, "N passed, N failed", for whoever reads the log. */
import { relative } from 'node:path'
import type { Reporter } from 'vitest/node'
import { type Failure, end } from './failures.ts'

type Modules = Parameters<NonNullable<Reporter['onTestRunEnd']>>[0]
type Errors = Parameters<NonNullable<Reporter['onTestRunEnd']>>[1]

/** A file that could not be loaded, a group whose preparation failed and an error outside of any test are failures too. */
function failuresOf(modules: Modules, errors: Errors): Failure[] {
  const inside = modules.flatMap((module) => {
    const file = module.relativeModuleId
    const groups = [module, ...module.children.allSuites()].flatMap((group) =>
      group.errors().map((error) => ({ file, name: group.type === 'module' ? null : group.fullName, message: messageOf(error) })))
    const tests = [...module.children.allTests('failed')].map((test) => ({ file, name: test.fullName, message: test.result().errors?.map(messageOf).join('\n') ?? '' }))
    return [...groups, ...tests]
  })
  return [...inside, ...errors.map((error) => ({ file: null, name: null, message: messageOf(error) }))]
}

/** Where, then what: of a long message only the beginning is told. */
function messageOf({ name = 'Error', message, stack, stacks }: Errors[number]): string {
  const at = stacks?.[0]
  return at ? `${relative('', at.file)}:${at.line}: ${name}: ${message}` : (stack ?? `${name}: ${message}`)
}

export default class LastLine implements Reporter {
  onTestRunEnd(modules: Modules, errors: Errors): void {
    const passed = modules.reduce((sum, module) => sum + [...module.children.allTests('passed')].length, 0)
    console.log(end(passed, failuresOf(modules, errors)))
  }
}
