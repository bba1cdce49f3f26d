/** How far two judges agree, in figures for people: C with its chance band, the histogram, ties, flips. */
import type { AgreementView } from '../../preload/contract/requests/rank.ts'
import { type FirstIterationRule, NullReason, type Statistic } from '../../preload/contract/domain.ts'
import { type Agreement, agreement, consistencyOf, meanConsistency } from '../cream/consistency.ts'
import { type ChanceBand, chanceBand, chanceOf } from '../cream/chance.ts'
import { isFlipped, ranking } from '../cream/rankings.ts'
import type { Database } from '../store/database.ts'
import { agreementCounts, setSums } from '../store/ranked-prompts.ts'
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

/** What the view of a ranking is made of, counted over prompts in memory or by the database. */
export interface AgreementTally {
  readonly prompts: number
  readonly responsePairs: number
  readonly currentTies: number
  readonly previousTies: number
  readonly flipped: number
  /** How many prompts have each value of the statistic, and how many have none for each reason. */
  readonly values: ReadonlyMap<number, number>
  readonly nulls: ReadonlyMap<NullReason, number>
  readonly meanConsistency: number | null
  readonly band: Omit<ChanceBand, 'prompts'> | null
}

export function tallyPrompts(rule: RankingRule, prompts: readonly MeasuredPrompt[]): AgreementTally {
  const total = (of: (prompt: MeasuredPrompt) => number): number => prompts.reduce((sum, prompt) => sum + of(prompt), 0)
  return {
    prompts: prompts.length,
    responsePairs: total(({ responses: { length } }) => (length * (length - 1)) / 2),
    currentTies: total(({ agreement: { tiesCurrent } }) => tiesCurrent),
    previousTies: total(({ agreement: { tiesPrevious } }) => tiesPrevious),
    flipped: prompts.filter(({ flipped }) => flipped).length,
    values: countEach(prompts.map(({ agreement: { value } }) => value)),
    nulls: countEach(prompts.map(({ agreement: { reason } }) => reason)),
    meanConsistency: meanConsistency(prompts.map(({ consistency }) => consistency)),
    band: chanceBand(prompts.map(({ current, previous }) => chanceOf(rule.statistic, current, previous, rule))),
  }
}

/** A stored set's, from its own row and from sums over its prompts: every figure is what the stage `rank` made. */
export function tallySet(db: Database, { id, meanConsistency: mean, chance: { meanTau, sdTau, meanC, sdOfMeanC } }: RankingSet): AgreementTally {
  const groups = agreementCounts(db, id)
  return {
    ...setSums(db, id),
    values: new Map(groups.flatMap(({ agreement: value, prompts }) => (value === null ? [] : [[value, prompts] as const]))),
    nulls: new Map(groups.flatMap(({ nullReason, prompts }) => (nullReason === null ? [] : [[nullReason, prompts] as const]))),
    meanConsistency: mean,
    band: meanTau === undefined || sdTau === undefined || meanC === undefined || sdOfMeanC === undefined ? null : { meanTau, sdTau, meanC, sdOfMeanC },
  }
}

function countEach<Key>(keys: readonly (Key | null)[]): Map<Key, number> {
  const counts = new Map<Key, number>()
  for (const key of keys) if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}

export function viewAgreement(set: Pick<RankingSet, 'currentModelId' | 'previousModelId'>, rule: RankingRule, tally: AgreementTally): AgreementView {
  const { prompts, responsePairs, currentTies, previousTies, flipped, values, nulls, band } = tally
  const countOf = (is: (value: number) => boolean): number => [...values].reduce((sum, [value, n]) => (is(value) ? sum + n : sum), 0)
  const known = countOf(() => true)
  return {
    statistic: rule.statistic,
    firstIterationRule: rule.firstIterationRule,
    current: { model: modelName(set.currentModelId), measure: rule.currentMeasure, tolerance: rule.tolCurrent, ties: currentTies },
    previous: { model: modelName(set.previousModelId), measure: rule.previousMeasure, tolerance: rule.tolPrevious, ties: previousTies },
    prompts, responsePairs, flipped,
    meanConsistency: tally.meanConsistency,
    chance: band && { mean: band.meanTau, sd: band.sdTau, meanC: band.meanC, sdOfMeanC: band.sdOfMeanC },
    belowHalf: known === 0 ? null : countOf((value) => consistencyOf(value) < 0.5) / known,
    nulls: NullReason.options.flatMap((reason) => (nulls.has(reason) ? [{ reason, prompts: nulls.get(reason)! }] : [])),
    histogram: histogramOf(values),
  }
}

/** Over [−1, 1]. A statistic on an edge goes up, except 1 itself; sums of floats next to an edge count as on it. */
function histogramOf(values: AgreementTally['values']): AgreementView['histogram'] {
  const edges = Array.from({ length: BINS + 1 }, (_, i) => (2 * i - BINS) / BINS)
  const counts = edges.slice(1).map(() => 0)
  for (const [value, n] of values) counts[Math.min(BINS - 1, Math.floor(((value + 1) / 2) * BINS + 1e-9))]! += n
  return { edges, counts }
}
