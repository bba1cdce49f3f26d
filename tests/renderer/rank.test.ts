import { describe, expect, it } from 'vitest'
import type { BiasView } from '../../preload/contract/requests/bias.ts'
import type { AgreementView, LabelView, RankPreview } from '../../preload/contract/requests/rank.ts'
import { baselineSentence, lengthTitle, positionTitle, repetitionTitle, shareWords } from '../../renderer/steps/rank/bias.ts'
import { type Stored, keepChoice, noChoice, readChoice } from '../../renderer/steps/rank/choice.ts'
import { readListing } from '../../renderer/steps/rank/filter.ts'
import { belowHalfMeaning, changesSentence, consistencyMeaning, histogramTitle, leftOut, rankTitle, toleranceWords } from '../../renderer/steps/rank/findings.ts'

const judge = (model: string): AgreementView['current'] => ({ model, measure: 'log-ratio', tolerance: 0, ties: 0 })
const agreement = (changes: Partial<AgreementView> = {}): AgreementView => ({
  statistic: 'tau-b', firstIterationRule: null, current: judge('M2'), previous: judge('M1'), prompts: 100, responsePairs: 1000, meanConsistency: 0.73,
  chance: { mean: 0, sd: 0.41, meanC: 0.5, sdOfMeanC: 0.02 }, belowHalf: 0.1, nulls: [{ reason: 'too-few-distinct', prompts: 3 }], flipped: 4,
  histogram: { edges: [-1, 0, 1], counts: [20, 77] }, ...changes,
})
const labels = (changes: Partial<LabelView> = {}): LabelView => ({ method: 'cream-dyn', pairs: 97, skips: [{ reason: 'rewards-tied', prompts: 2 }], meanLabel: 0.8, reversed: 0, longerChosen: 0.5, ...changes })
const stored: Stored = { statistic: 'tau-b', firstIterationRule: 'mean-logps', method: 'cream-dyn', fixedConsistency: 0.9, clamp: true, whenNull: 'mean' }

describe('a choice in the address', () => {
  it('comes back as it was kept, and what is as stored leaves no trace', () => {
    const kept = keepChoice({ statistic: 'spearman', method: 'cream-dyn', clamp: false, tieTolerance: 0, whenNull: 'skip' }, stored)
    expect(kept).toEqual({ statistic: 'spearman', labels: null, clamp: 'no', tolerance: '0', null: 'skip' })
    const query = new URLSearchParams(Object.entries(kept).filter((entry): entry is [string, string] => entry[1] !== null))
    expect(readChoice(query)).toEqual({ statistic: 'spearman', clamp: false, tieTolerance: 0, whenNull: 'skip' })
    expect(keepChoice({ tieTolerance: 'stored' }, stored)).toEqual({ tolerance: null })
  })
  it('ignores what an address may not say', () => {
    expect(readChoice(new URLSearchParams('statistic=best&labels=oracle&tolerance=-1&fixed=2&rule=&clamp=1&null=x'))).toEqual({})
    expect(Object.keys(noChoice)).toHaveLength(7)
  })
})

describe('the listing in the address', () => {
  it('reads filter and order', () => {
    expect(readListing(new URLSearchParams('task=sum&outcome=rewards-tied&c=low&flipped=yes&by=margin&desc=yes&search=12')))
      .toEqual({ filter: { task: 'sum', outcome: 'rewards-tied', maxConsistency: 0.4999, flipped: true, search: '12' }, order: { by: 'margin', descending: true } })
    expect(readListing(new URLSearchParams('outcome=x&c=toString&by=__proto__'))).toEqual({ filter: {}, order: { by: 'position', descending: false } })
  })
})

describe("what Rank's figures say", () => {
  it('states C beside chance', () => {
    expect(rankTitle(agreement())).toBe('Consistency of M1 and M2 is .73 (chance .50 ± .02)')
    expect(rankTitle(agreement({ meanConsistency: null }))).toContain('cannot be compared')
    expect(histogramTitle(agreement())).toBe('Kendall τ-b is .46 on average over 97 prompts')
  })
  it('tells agreement from chance and from opposition', () => {
    expect(consistencyMeaning(agreement()).tone).toBe('good')
    expect(consistencyMeaning(agreement({ meanConsistency: 0.53 })).tone).toBe('warn')
    expect(consistencyMeaning(agreement({ meanConsistency: 0.3 })).tone).toBe('bad')
    // TopOrder's chance is far below .5: less than half is then no opposition.
    expect(consistencyMeaning(agreement({ meanConsistency: 0.3, chance: { mean: -0.9, sd: 0.4, meanC: 0.05, sdOfMeanC: 0.02 } })).tone).toBe('good')
  })
  it('says what would train the reversed preference', () => {
    expect(belowHalfMeaning(agreement(), labels())).toContain('these labels prevent it')
    expect(belowHalfMeaning(agreement(), labels({ reversed: 0.08 }))).toContain('8.0 % of the pairs train')
  })
  it('counts what a preview changes', () => {
    const preview = (changes: RankPreview['changes']): RankPreview => ({ agreement: agreement(), labels: labels(), stopped: null, changes })
    expect(changesSentence(preview({ prompts: 0, gained: 0, lost: 0, otherSides: 0, otherLabel: 0 }))).toBe('No pair changes.')
    expect(changesSentence(preview({ prompts: 48, gained: 2, lost: 0, otherSides: 0, otherLabel: 46 }))).toBe("48 prompts' pairs change: 2 gained, 46 with the same sides and another C.")
  })
  it('names every reason', () => {
    expect(leftOut(agreement(), labels()).map(({ what, reason, prompts }) => [what, reason, prompts])).toEqual([['no pair', 'rewards tied', 2], ['no C', 'one answer only', 3]])
    expect([toleranceWords(0), toleranceWords(7.33e-7), toleranceWords(0.05)]).toEqual(['0', '7.3e−7', '0.05'])
  })
})

describe('what the bias panel says', () => {
  const half = { rate: 0.55, low: 0.45, high: 0.65, n: 90 }
  const bias: BiasView = {
    iterationId: 'i', pairs: 100, length: { longerChosen: half, meanChosen: 1, meanRejected: 1, rewardCorrelation: 0, previousCorrelation: 0, histogram: { edges: [], chosen: [], rejected: [] } },
    position: { chosen: [], rejected: [], distinct: [], pValue: 0.4 },
    repetition: { distinctN: { all: [], chosen: [], rejected: [] }, repeated: { all: 0.1, chosen: 0.2, rejected: 0.1 } },
    longerBaseline: { withCurrent: half, withPrevious: half, withGold: half, currentWithGold: { rate: 0.8, low: 0.7, high: 0.9, n: 90 } },
  }
  it('lets only an interval that leaves a half out speak of a bias', () => {
    expect(lengthTitle(bias)).toContain('does not decide')
    expect(lengthTitle({ ...bias, length: { ...bias.length, longerChosen: { rate: 0.62, low: 0.55, high: 0.69, n: 90 } } })).toBe('The longer side is chosen in 62.0 % of the pairs')
    expect(lengthTitle({ ...bias, length: { ...bias.length, longerChosen: { rate: 0.2, low: 0.1, high: 0.3, n: 90 } } })).toBe('The shorter side is chosen in 80.0 % of the pairs')
    expect(positionTitle(bias)).toContain('does not decide (p = .400)')
    expect(positionTitle({ ...bias, position: { ...bias.position, pValue: 1e-12 } })).toContain('p < .001')
    expect(repetitionTitle(bias)).toContain('repeat more')
    expect(shareWords(half)).toBe('55.0 % (45–65 %), n = 90')
  })
  it('compares the judge with "pick the longer"', () => {
    expect(baselineSentence(bias)).toContain('better than length does, by 25.0 %')
    expect(baselineSentence({ ...bias, longerBaseline: { ...bias.longerBaseline, currentWithGold: half } })).toContain('no better than')
    expect(baselineSentence({ ...bias, longerBaseline: { ...bias.longerBaseline, withGold: null } })).toContain('no gold answers')
  })
})
