/** The way that a person is about to take at the gate; kept in the address, the reason on this computer, until it is decided. */
import type { AuditReport } from '../../preload/contract/requests/audit-report.ts'
import type { GateChoice } from '../../preload/contract/requests/gate.ts'
import { type GateWay, choiceOf, firstWay, gateWays, numberIn } from './audit-gate.ts'
import { Preference } from './preferences.svelte.ts'
import { place } from './route.svelte.ts'

const SETTLE = 150 // milliseconds that a bound has to stand before its effect is asked for

export class GateDraft {
  readonly #report: () => AuditReport | undefined
  readonly #reason: Preference<string>
  #bounds = $state.raw({ minConsistency: numberIn(place.query.get('c'), 0, 1), minMargin: numberIn(place.query.get('margin'), 0, Infinity) })
  #settled = $state.raw(this.#bounds)
  #timer: ReturnType<typeof setTimeout> | undefined

  /** `name` tells projects and iterations apart. */
  constructor(name: string, report: () => AuditReport | undefined) {
    this.#report = report
    this.#reason = new Preference(`gate-reason-${name}`, '', (value): value is string => typeof value === 'string')
  }

  get way(): GateWay {
    const kept = place.query.get('way')
    return gateWays.find((way) => way === kept && (way !== 'passed' || this.#report()?.gate.state === 'passed')) ?? firstWay(this.#report())
  }

  set way(way: GateWay) {
    place.keep({ way })
  }

  /** Pairs to audit more. */
  get more(): number {
    const { gate } = this.#report() ?? {}
    return numberIn(place.query.get('more'), 0, 1000) ?? Math.min(1000, gate?.state === 'undecided' && gate.more !== null ? gate.more : 20)
  }

  set more(pairs: number) {
    place.keep({ more: String(pairs) })
  }

  get bounds(): { readonly minConsistency: number | undefined; readonly minMargin: number | undefined } {
    return this.#bounds
  }

  set bounds(bounds) {
    this.#bounds = bounds
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#settled = bounds
      place.keep({ c: bounds.minConsistency?.toString() ?? null, margin: bounds.minMargin?.toString() ?? null })
    }, SETTLE)
  }

  get reason(): string {
    return this.#reason.value
  }

  set reason(reason: string) {
    this.#reason.value = reason
  }

  get measureOnly(): boolean {
    return place.query.get('measure') === '1'
  }

  set measureOnly(isOnly: boolean) {
    place.keep({ measure: isOnly ? '1' : null })
  }

  /** What would be decided; null while it is none (audit more, no bound or reason yet). */
  get choice(): GateChoice | null {
    return choiceOf(this.way, this.#bounds, this.reason)
  }

  /** What the effect is shown of: a verdict's own where nothing can be decided yet. */
  get previewed(): GateChoice {
    return (this.way === 'keep-only' ? choiceOf('keep-only', this.#settled, '') : null) ?? { kind: 'passed' }
  }

  /** Decided: nothing of the draft stays. */
  clear(): void {
    this.reason = ''
    place.keep({ way: null, more: null, c: null, margin: null, measure: null })
  }
}
