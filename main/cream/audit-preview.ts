/** Before a spot-check starts: what it will look at, which line it can clear, and how many pairs an answer will take. */
import { type AuditPlan, strataOf } from './audit-plan.ts'
import { pairsNeeded } from './gate.ts'
import { wilson } from './proportion.ts'
import type { AuditPair, Stratum } from './strata.ts'

export interface AuditPreview {
  readonly population: number
  readonly planned: number
  readonly repeats: number
  readonly control: number
  readonly strata: readonly StratumView[]
  /** The highest line that `planned` pairs pass when every verdict agrees. */
  readonly clearable: number
  /** Pairs that pass `line` if every verdict agrees. */
  readonly fewest: number
  /** Pairs until the interval leaves the line at `rate`, all of them on the line; null without a rate. */
  readonly needed: number | null
}

export interface StratumView {
  readonly pairs: number
  readonly planned: number
  /** Of the pairs that have a C; null where none has. */
  readonly consistency: { readonly from: number; readonly to: number } | null
  /** Shares of its pairs. */
  readonly flipped: number
  readonly longerChosen: number
  readonly meanMargin: number
}

export function previewAudit(plan: AuditPlan, pairs: readonly AuditPair[], line: number, rate: number | null): AuditPreview {
  const { population, showings } = plan
  const planned = plan.pairs.length
  return {
    population, planned,
    repeats: showings.filter(({ repeat }) => repeat).length,
    control: plan.pairs.filter(({ control }) => control).length,
    strata: strataOf(plan, pairs).map((stratum, h) => viewStratum(stratum, plan.pairs.filter((pair) => pair.stratum === h).length)),
    clearable: clearableLine(planned, population),
    fewest: pairsNeeded(1, line, { population })!,
    needed: rate === null ? null : pairsNeeded(rate, line, { population }),
  }
}

/** The lower bound of unanimous agreement: 10 of many → .722; of a census 1. */
export function clearableLine(planned: number, population: number): number {
  return wilson(1, planned / (1 - planned / population)).low
}

function viewStratum(stratum: Stratum, planned: number): StratumView {
  const share = (isSo: (pair: AuditPair) => boolean): number => stratum.filter(isSo).length / stratum.length
  const known = stratum.flatMap(({ consistency }) => (consistency === null ? [] : [consistency]))
  return {
    pairs: stratum.length,
    planned,
    consistency: known.length === 0 ? null : { from: Math.min(...known), to: Math.max(...known) },
    flipped: share(({ flipped }) => flipped),
    longerChosen: share(({ chosenLength, rejectedLength }) => chosenLength > rejectedLength),
    meanMargin: stratum.reduce((sum, { margin }) => sum + margin, 0) / stratum.length,
  }
}
