/** What the bias panel's figures say in words (METHOD §8): a judge may reward length, place or repetition instead of quality. */
import type { BiasView, Share } from '../../../preload/contract/requests/bias.ts'
import { counted, interval, percent, share } from '../../state/words.ts'

/** "62.0 % (55–69 %), n = 91" */
export const shareWords = (found: Share | null): string => (found === null ? 'nothing to count' : `${interval(found, 1)}, n = ${found.n}`)

/** Which side of a half the whole interval lies on. */
export const sideOfHalf = (found: Share | null): 'above' | 'below' | 'around' | null => (found === null ? null : found.low > 0.5 ? 'above' : found.high < 0.5 ? 'below' : 'around')

export function lengthTitle({ length: { longerChosen } }: BiasView): string {
  switch (sideOfHalf(longerChosen)) {
    case null: return 'Chosen and rejected sides are equally long in every pair'
    case 'above': return `The longer side is chosen in ${percent(longerChosen!.rate)} of the pairs`
    case 'below': return `The shorter side is chosen in ${percent(1 - longerChosen!.rate)} of the pairs`
    case 'around': return `Length does not decide: the longer side is chosen in ${percent(longerChosen!.rate)} of the pairs`
  }
}

/** Below this chance probability a spread over places is called uneven. */
const UNEVEN = 0.01

export function positionTitle({ position: { pValue } }: BiasView): string {
  if (pValue === null) return 'Every chosen response was sampled at the same place'
  const p = pValue < 0.001 ? 'p < .001' : `p = ${share(pValue, 3)}`
  return pValue < UNEVEN ? `Chosen responses are spread unevenly over the places of sampling (${p})` : `The place of sampling does not decide (${p})`
}

export function repetitionTitle({ repetition: { repeated } }: BiasView): string {
  const { chosen, rejected } = repeated
  if (chosen === null && rejected === null) return 'The responses are too short to repeat four tokens'
  if (chosen === null || rejected === null || Math.abs(chosen - rejected) < 0.005) return `Chosen responses repeat themselves no more than rejected ones (${percent(chosen ?? rejected)} of 4-grams)`
  return `Chosen responses repeat ${chosen > rejected ? 'more' : 'less'} than rejected ones: ${percent(chosen)} against ${percent(rejected)} of 4-grams`
}

export interface BaselineRow {
  readonly question: string
  readonly found: Share | null
}

/** "Pick the longer" beside the judges. */
export function baselineRows({ longerBaseline: { withCurrent, withPrevious, withGold, currentWithGold } }: BiasView, current: string, previous: string): BaselineRow[] {
  return [
    { question: `agrees with ${current}`, found: withCurrent },
    { question: `agrees with ${previous}`, found: withPrevious },
    { question: 'picks the right one of a right and a wrong answer', found: withGold },
    { question: `for comparison: ${current} picks the right one`, found: currentWithGold },
  ]
}

/** Whether the judge adds anything to "pick the longer". */
export function baselineSentence({ longerBaseline: { withGold, currentWithGold, withCurrent } }: BiasView): string {
  if (withGold && currentWithGold) {
    const lead = currentWithGold.rate - withGold.rate
    if (currentWithGold.low > withGold.high) return `The judge tells right from wrong better than length does, by ${percent(lead)} of the pairs.`
    if (currentWithGold.high < withGold.low) return `Picking the longer response would be right more often than the judge, by ${percent(-lead)} of the pairs: spot-check before training.`
    return 'The judge tells right from wrong no better than picking the longer response does: spot-check before training.'
  }
  if (withCurrent === null) return 'No two responses of a prompt differ in length.'
  return `There are no gold answers; over ${counted(withCurrent.n, 'prompt')} the judge sides with the longer response in ${percent(withCurrent.rate)} of the comparisons.`
}
