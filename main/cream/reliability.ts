/** Is C what it claims to be, the chance that the label is right? Mean C against people's agreement, bin by bin. */
import { type Decision, weightedAgreement } from './agreement.ts'
import type { Proportion } from './proportion.ts'

export interface ReliabilityBin {
  /** C in [from, to), the last bin with its upper edge. */
  readonly from: number
  readonly to: number
  /** Of the decided pairs in the bin, weighted like the agreement. */
  readonly meanConsistency: number
  readonly agreement: Proportion
}

/** Bins of equal width that hold a decided pair, lowest first; pairs without a C are in none. */
export function reliabilityDiagram(decisions: readonly Decision[], bins = 5): ReliabilityBin[] {
  const measured = decisions.flatMap((decision) => (decision.pair.consistency === null ? [] : [{ ...decision, consistency: decision.pair.consistency }]))
  const byBin = Map.groupBy(measured, ({ consistency }) => Math.min(bins - 1, Math.floor(consistency * bins)))
  return [...byBin]
    .sort(([a], [b]) => a - b)
    .map(([bin, members]) => {
      const weight = members.reduce((sum, one) => sum + one.weight, 0)
      const meanConsistency = members.reduce((sum, one) => sum + one.weight * one.consistency, 0) / weight
      return { from: bin / bins, to: (bin + 1) / bins, meanConsistency, agreement: weightedAgreement(members)! }
    })
}
