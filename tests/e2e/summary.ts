/** Ends with the line that `npm test` reads: "N passed, N failed". A test that passes only when repeated has failed. */
import type { Reporter, Suite } from '@playwright/test/reporter'

export default class Summary implements Reporter {
  #suite: Suite | undefined
  #errors = 0

  onBegin(_: unknown, suite: Suite): void {
    this.#suite = suite
  }

  /** Outside of any test: a spec that cannot be loaded. */
  onError(): void {
    this.#errors++
  }

  async onExit(): Promise<void> {
    const outcomes = (this.#suite?.allTests() ?? []).map((test) => test.outcome())
    const passed = outcomes.filter((outcome) => outcome === 'expected').length
    const failed = outcomes.filter((outcome) => outcome === 'unexpected' || outcome === 'flaky').length
    console.log(`${passed} passed, ${failed + this.#errors} failed`)
  }
}
