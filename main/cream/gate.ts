/** May training start? The interval of the agreement against the person's line: three answers, never two (PRODUCT, step 6). */
import { AppError } from '../../preload/contract/errors.ts'
import { type Decision, weightedAgreement } from './agreement.ts'
import type { AuditReport } from './audit-report.ts'
import { type Proportion, z95 } from './proportion.ts'
import type { AuditPair } from './strata.ts'

export const defaultLine = 0.6

export type Gate =
  | { readonly state: 'passed' | 'failed' }
  /** Further pairs to audit until the interval leaves the line, if the rates so far hold; null where nothing is left. */
  | { readonly state: 'undecided'; readonly more: number | null }

/**
 * Passed: interval's lower bound ≥ line. Failed: upper bound < line. Otherwise, also without a single decision, undecided.
 * Each further look after "audit more" is one more chance to pass by luck (2.5 % a look at most, at a rate on the line).
 */
export function gateOf({ agreement, outcomes, population }: Pick<AuditReport, 'agreement' | 'outcomes' | 'population'>, line = defaultLine): Gate {
  requireLine(line)
  if (agreement !== null && agreement.low >= line) return { state: 'passed' }
  if (agreement !== null && agreement.high < line) return { state: 'failed' }
  const judged = outcomes.agree + outcomes.disagree + outcomes.tie + outcomes.flag
  const left = population - judged
  if (left <= 0) return { state: 'undecided', more: null }
  if (agreement === null) return { state: 'undecided', more: Math.min(left, pairsNeeded(1, line)!) }
  const decidedShare = agreement.n / judged
  const needed = pairsNeeded(agreement.rate, line, { population: population * decidedShare, designEffect: agreement.designEffect })!
  return { state: 'undecided', more: Math.min(left, Math.max(1, Math.ceil((needed - agreement.n) / decidedShare))) }
}

export interface Audited {
  /** Pairs that would be decided if all were audited; ∞ by default. */
  readonly population?: number
  readonly designEffect?: number
}

/**
 * Decided pairs until the interval leaves the line, should the rate stay as it is: (rate − line)² n_eff ≥ z² line (1 − line),
 * the score test that Wilson's interval inverts. (1, .75) → 12, so ten pairs can never clear 75 %. Null when the rate is the
 * line itself, in an endless population; at most `population`.
 */
export function pairsNeeded(rate: number, line: number, { population = Infinity, designEffect = 1 }: Audited = {}): number | null {
  requireLine(line)
  const effective = (z95 ** 2 * line * (1 - line)) / (rate - line) ** 2
  const needed = 1 / (1 / (designEffect * effective) + 1 / population) // n_eff = n / (designEffect (1 − n/population))
  return Number.isFinite(needed) ? Math.ceil(needed) : null
}

function requireLine(line: number): void {
  if (!(line > 0 && line < 1)) throw new AppError('bad-arguments', `The gate's line is ${line}; give a share between 0 and 1, such as 0.6.`)
}

export interface Kept {
  /** Pairs left. */
  readonly pairs: number
  /** Agreement among them, from the audited ones; null when none of them was decided. */
  readonly agreement: Proportion | null
}

/** One of the gate's choices in preview: train only the pairs that `keep` keeps (C ≥ c, margin ≥ m). */
export function previewKept(pairs: readonly AuditPair[], decisions: readonly Decision[], keep: (pair: AuditPair) => boolean): Kept {
  return { pairs: pairs.filter(keep).length, agreement: weightedAgreement(decisions.filter(({ pair }) => keep(pair))) }
}
