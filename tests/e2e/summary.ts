/** Ends with what failed and the line that `npm test` reads: "N passed, N failed". A test that passes only when repeated has failed. */
import { relative } from 'node:path'
import type { Reporter, Suite, TestCase, TestError } from '@playwright/test/reporter'
import { type Failure, end } from '../failures.ts'
import { root } from './electron.ts'

export default class Summary implements Reporter {
  #suite: Suite | undefined
  readonly #errors: Failure[] = []

  onBegin(_: unknown, suite: Suite): void {
    this.#suite = suite
  }

  /** Outside of any test: a spec that cannot be loaded. */
  onError(error: TestError): void {
    this.#errors.push({ file: error.location ? relative(root, error.location.file) : null, name: null, message: messageOf(error) })
  }

  async onExit(): Promise<void> {
    const tests = this.#suite?.allTests() ?? []
    const failed = tests.filter((test) => ['unexpected', 'flaky'].includes(test.outcome())).map(failureOf)
    console.log(end(tests.filter((test) => test.outcome() === 'expected').length, [...failed, ...this.#errors]))
  }
}

/** By the first attempt that did not pass. */
function failureOf(test: TestCase): Failure {
  const errors = test.results.find(({ errors }) => errors.length > 0)?.errors ?? []
  return { file: `${relative(root, test.location.file)}:${test.location.line}`, name: test.title, message: errors.map(messageOf).join('\n') || `ended as ${test.results.at(-1)?.status}` }
}

const messageOf = ({ message, value }: TestError): string => message ?? value ?? ''
