/** What Rank's figures say in words. */
import type { AgreementView, LabelView, RankPreview, RankedPrompt } from '../../../preload/contract/requests/rank.ts'
import { nullTerms, skipTerms, statisticTerms } from '../../state/terms.ts'
import { counted, percent, share, whole } from '../../state/words.ts'

/** ".50 ± .02", of the mean C. */
export const chanceOfC = ({ chance }: AgreementView): string => (chance === null ? '–' : `${share(chance.meanC)} ± ${share(chance.sdOfMeanC)}`)

export function rankTitle(view: AgreementView): string {
  const judges = `${view.previous.model} and ${view.current.model}`
  if (view.meanConsistency === null) return `${judges} cannot be compared: no prompt has an order under both`
  return `Consistency of ${judges} is ${share(view.meanConsistency)} (chance ${chanceOfC(view)})`
}

/** How C stands to chance, and what follows for the labels. */
export function consistencyMeaning({ meanConsistency, chance }: AgreementView): { tone: 'good' | 'warn' | 'bad' | 'plain'; sentence: string } {
  if (meanConsistency === null || chance === null) return { tone: 'plain', sentence: 'No prompt has two distinct responses that both judges tell apart.' }
  const distance = meanConsistency - chance.meanC
  if (meanConsistency < 0.5 && distance < -2 * chance.sdOfMeanC) return { tone: 'bad', sentence: 'The judges are opposed: labels softened by this C would train the reversed preference.' }
  if (Math.abs(distance) <= 2 * chance.sdOfMeanC) return { tone: 'warn', sentence: 'No more than two unrelated judges would reach: the labels carry next to nothing.' }
  return { tone: 'good', sentence: 'More than chance: the closer to 1, the less the labels are softened. Agreement is not accuracy.' }
}

export function histogramTitle(view: AgreementView): string {
  const { label } = statisticTerms[view.statistic]
  const measured = view.histogram.counts.reduce((sum, one) => sum + one, 0)
  if (measured === 0 || view.meanConsistency === null) return `${label}: no prompt has one`
  return `${label} is ${share(2 * view.meanConsistency - 1)} on average over ${counted(measured, 'prompt')}`
}

/** "48 prompts' pairs change: 2 gained, 46 the same pair with another C." */
export function changesSentence({ changes: { prompts, gained, lost, otherSides, otherLabel } }: RankPreview): string {
  if (prompts === 0) return 'No pair changes.'
  const parts = [
    gained && `${whole(gained)} gained`, lost && `${whole(lost)} lost`,
    otherSides && `${whole(otherSides)} with another chosen or rejected response`, otherLabel && `${whole(otherLabel)} with the same sides and another C`,
  ].filter((part) => part !== 0)
  return `${prompts === 1 ? "1 prompt's pair changes" : `${whole(prompts)} prompts' pairs change`}: ${parts.join(', ')}.`
}

/** What becomes of the prompts with C < .5, given how the pairs are labelled. */
export function belowHalfMeaning({ belowHalf }: AgreementView, { reversed, pairs }: LabelView): string {
  if (belowHalf === null) return 'not measured'
  if (belowHalf === 0) return 'no prompt would train the reversed preference'
  if (pairs === null || reversed === null) return 'these would train the reversed preference'
  return reversed === 0 ? 'would train the reversed preference; these labels prevent it' : `${percent(reversed)} of the pairs train the reversed preference`
}

/** Rows of "why some prompts have no pair, or no C". */
export const leftOut = ({ nulls }: AgreementView, { skips }: LabelView): { readonly what: string; readonly reason: string; readonly hint: string; readonly prompts: number; readonly outcome: string | null }[] => [
  ...skips.map(({ reason, prompts }) => ({ what: 'no pair', reason: skipTerms[reason].label, hint: skipTerms[reason].hint, prompts, outcome: reason })),
  ...nulls.map(({ reason, prompts }) => ({ what: 'no C', reason: nullTerms[reason].label, hint: nullTerms[reason].hint, prompts, outcome: null })),
]

/** '7.3e-7', '0', '0.05': tolerances are tiny or chosen by a person. */
export const toleranceWords = (value: number): string => (value === 0 ? '0' : value < 1e-3 ? value.toExponential(1).replace('-', '−') : String(Number(value.toPrecision(3))))

/** What became of a prompt, in a word or two. */
export function outcomeWords({ skipReason, label, nullReason }: RankedPrompt): string {
  if (skipReason !== null) return skipTerms[skipReason].label
  if (label !== null) return 'pair'
  return nullReason === null ? '–' : nullTerms[nullReason].label
}
