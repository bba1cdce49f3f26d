/** How far two judges agree, in figures for people: C with its chance band, the histogram, ties, flips. */
import type { AgreementView } from '../../preload/contract/requests/rank.ts'
import type { FirstIterationRule, Statistic } from '../../preload/contract/domain.ts'
import { type Agreement, agreement, consistencyOf, meanConsistency } from '../cream/consistency.ts'
import { chanceBand, chanceOf } from '../cream/chance.ts'
import { isFlipped, ranking } from '../cream/rankings.ts'
import type { Measure, RankingSet } from '../store/rankings.ts'
import { modelName } from './context.ts'
import type { JudgedPrompt } from './judged.ts'

/** A way of ranking: a stored set's own, or another one to try. */
export interface RankingRule {
  readonly statistic: Statistic
  readonly firstIterationRule: FirstIterationRule | null
  readonly currentMeasure: Measure
  readonly previousMeasure: Measure
  readonly tolCurrent: number
  readonly tolPrevious: number
  /** For r_θt, which makes the pairs. */
  readonly tolReward: number
}

export const ruleOf = ({ statistic, firstIterationRule, currentMeasure, previousMeasure, currentTolerance, previousTolerance, rewardTolerance }: RankingSet): RankingRule => ({
  statistic, firstIterationRule, currentMeasure, previousMeasure, tolCurrent: currentTolerance, tolPrevious: previousTolerance, tolReward: rewardTolerance,
})

export interface MeasuredPrompt extends JudgedPrompt {
  readonly agreement: Agreement
  /** C_j, before any clamp. */
  readonly consistency: number | null
  readonly flipped: boolean
}

export function measurePrompt(prompt: JudgedPrompt, rule: RankingRule): MeasuredPrompt {
  const result = agreement(rule.statistic, prompt.current, prompt.previous, rule)
  const rankBy = (values: readonly number[], tolerance: number) => ranking(new Map(prompt.responses.map(({ id }, i) => [id, values[i]!])), tolerance)
  return {
    ...prompt,
    agreement: result,
    consistency: result.value === null ? null : consistencyOf(result.value),
    flipped: isFlipped(rankBy(prompt.current, rule.tolCurrent), rankBy(prompt.previous, rule.tolPrevious)),
  }
}

const BINS = 20 // of width 0.1 over [−1, 1]: tau of 5 responses steps by 0.2

export function viewAgreement(set: Pick<RankingSet, 'currentModelId' | 'previousModelId'>, rule: RankingRule, prompts: readonly MeasuredPrompt[]): AgreementView {
  const known = prompts.flatMap(({ consistency }) => (consistency === null ? [] : [consistency]))
  const band = chanceBand(prompts.map(({ current, previous }) => chanceOf(rule.statistic, current, previous, rule)))
  const total = (of: (prompt: MeasuredPrompt) => number): number => prompts.reduce((sum, prompt) => sum + of(prompt), 0)
  return {
    statistic: rule.statistic,
    firstIterationRule: rule.firstIterationRule,
    current: { model: modelName(set.currentModelId), measure: rule.currentMeasure, tolerance: rule.tolCurrent, ties: total(({ agreement: { tiesCurrent } }) => tiesCurrent) },
    previous: { model: modelName(set.previousModelId), measure: rule.previousMeasure, tolerance: rule.tolPrevious, ties: total(({ agreement: { tiesPrevious } }) => tiesPrevious) },
    prompts: prompts.length,
    responsePairs: total(({ responses: { length } }) => (length * (length - 1)) / 2),
    meanConsistency: meanConsistency(known),
    chance: band && { mean: band.meanTau, sd: band.sdTau, meanC: band.meanC, sdOfMeanC: band.sdOfMeanC },
    belowHalf: known.length === 0 ? null : known.filter((c) => c < 0.5).length / known.length,
    nulls: [...Map.groupBy(prompts.filter(({ agreement: { reason } }) => reason !== null), ({ agreement: { reason } }) => reason!)].map(([reason, { length }]) => ({ reason, prompts: length })),
    flipped: prompts.filter(({ flipped }) => flipped).length,
    histogram: histogramOf(prompts.flatMap(({ agreement: { value } }) => (value === null ? [] : [value]))),
  }
}

/** Over [−1, 1]. A statistic on an edge goes up, except 1 itself; sums of floats next to an edge count as on it. */
function histogramOf(values: readonly number[]): AgreementView['histogram'] {
  const edges = Array.from({ length: BINS + 1 }, (_, i) => (2 * i - BINS) / BINS)
  const counts = edges.slice(1).map(() => 0)
  for (const value of values) counts[Math.min(BINS - 1, Math.floor(((value + 1) / 2) * BINS + 1e-9))]!++
  return { edges, counts }
}
