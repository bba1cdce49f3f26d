/** Ends a test run with one plain line, "N passed, N failed", for whoever reads the log. */
import type { Reporter } from 'vitest/node'

type Modules = Parameters<NonNullable<Reporter['onTestRunEnd']>>[0]
type Errors = Parameters<NonNullable<Reporter['onTestRunEnd']>>[1]

/** A file that could not be loaded and an error outside of any test are failures too. */
export function summarise(modules: Modules, errors: Errors): string {
  const tests = modules.flatMap((module) => [...module.children.allTests()])
  const count = (state: string): number => tests.filter((test) => test.result().state === state).length
  const outside = modules.reduce((sum, module) => sum + module.errors().length, 0) + errors.length
  return `${count('passed')} passed, ${count('failed') + outside} failed`
}

export default class LastLine implements Reporter {
  onTestRunEnd(modules: Modules, errors: Errors): void {
    console.log(summarise(modules, errors))
  }
}
