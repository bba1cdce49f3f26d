/** Cohen's kappa of two raters who choose between the displayed sides (Cohen 1960). */
import type { Side } from './showings.ts'

/** One choice of each rater about the same screen; `weight` counts it as so many. */
export interface SidePair {
  readonly judge: Side
  readonly person: Side
  readonly weight: number
}

/**
 * κ = (p_o − p_e) / (1 − p_e), p_e from each rater's own share of sides. 20 aa, 5 ab, 10 ba, 15 bb → .4.
 * Null where κ does not exist: without choices, and when both raters only ever chose one and the same side (p_e = 1).
 */
export function cohenKappa(choices: readonly SidePair[]): number | null {
  const weightOf = (counts: (choice: SidePair) => boolean) => choices.reduce((sum, choice) => sum + (counts(choice) ? choice.weight : 0), 0)
  const total = weightOf(() => true)
  const sidesOf = (rater: 'judge' | 'person') => ({ a: weightOf((choice) => choice[rater] === 'a'), b: weightOf((choice) => choice[rater] === 'b') })
  const [judge, person] = [sidesOf('judge'), sidesOf('person')]
  const byChance = (judge.a * person.a + judge.b * person.b) / total ** 2
  const missedByChance = (judge.a * person.b + judge.b * person.a) / total ** 2 // 1 − p_e without cancellation
  if (total === 0 || missedByChance === 0) return null
  return (weightOf(({ judge: one, person: other }) => one === other) / total - byChance) / missedByChance
}
