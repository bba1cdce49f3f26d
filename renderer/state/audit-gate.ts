/** The ways through the gate after a spot-check. */
import { assertNever } from '../../preload/contract/errors.ts'
import type { AuditReport } from '../../preload/contract/requests/audit-report.ts'
import type { GateChoice } from '../../preload/contract/requests/gate.ts'
import { counted } from './words.ts'

export const gateWays = ['passed', 'more', 'keep-only', 'resample', 'train-anyway'] as const
export type GateWay = (typeof gateWays)[number]

/** The way that the figures suggest. */
export function firstWay(report: Pick<AuditReport, 'gate'> | undefined): GateWay {
  if (report?.gate.state === 'passed') return 'passed'
  return report?.gate.state === 'undecided' && report.gate.more !== null ? 'more' : 'keep-only'
}

/** Null where something is missing: a bound, a reason; 'more' decides nothing. */
export function choiceOf(way: GateWay, { minConsistency, minMargin }: { readonly minConsistency: number | undefined; readonly minMargin: number | undefined }, reason: string): GateChoice | null {
  switch (way) {
    case 'passed':
    case 'resample': return { kind: way }
    case 'keep-only':
      if (minConsistency === undefined && minMargin === undefined) return null
      return { kind: way, ...(minConsistency !== undefined && { minConsistency }), ...(minMargin !== undefined && { minMargin }) }
    case 'train-anyway': return reason.trim() === '' ? null : { kind: way, reason: reason.trim() }
    case 'more': return null
    default: return assertNever(way)
  }
}

/** The words on the button that takes a way. */
export function wayAction(way: GateWay, made: string, more: number, pairsLeft: number | null): string {
  switch (way) {
    case 'passed': return `Train ${made}`
    case 'more': return `Audit ${counted(more, 'more pair')}`
    case 'keep-only': return pairsLeft === null ? `Train ${made} on these pairs` : `Train ${made} on ${counted(pairsLeft, 'pair')}`
    case 'resample': return 'Decide: sample new responses'
    case 'train-anyway': return `Train ${made} anyway`
    default: return assertNever(way)
  }
}

/** A number as it was typed or kept in the address; undefined when there is none in [low, high]. */
export function numberIn(text: string | null, low: number, high: number): number | undefined {
  const value = text === null || text.trim() === '' ? NaN : Number(text)
  return value >= low && value <= high ? value : undefined
}
