import { describe, expect, it } from 'vitest'
import type { ModelFigures } from '../../preload/contract/requests/figures.ts'
import { accuracyOf, accuracyRows, accuracyTitle, consistencyRows, consistencyTitle } from '../../renderer/steps/evaluate/figures.ts'

const model = (name: string, greedy: number, judged: ModelFigures['judged'] = null): ModelFigures => ({
  model: name, judged, isTrained: true,
  tasks: {
    sums: { greedy: { accuracy: greedy, correct: greedy * 100, items: 100, low: greedy - 0.1, high: greedy + 0.1 } },
    all: { greedy: { accuracy: greedy, correct: greedy * 100, items: 100, low: greedy - 0.1, high: greedy + 0.1 }, sampled: { accuracy: 0.5, standardError: 0.1, items: 100, samples: 5 } },
  },
})

describe("the evaluation's figures", () => {
  it('put all questions first, then tasks by name', () => expect(accuracyRows([model('M0', 0.4)], 'greedy').map(({ label }) => label)).toEqual(['all questions', 'sums']))
  it('give sampled accuracy an interval of 1.96 standard errors', () => {
    const found = accuracyOf(model('M0', 0.4), 'all', 'sampled')!
    expect(found.low).toBeCloseTo(0.304, 12)
    expect(found.high).toBeCloseTo(0.696, 12)
    expect(accuracyOf(model('M0', 0.4), 'sums', 'sampled')).toBeNull()
  })
  it('say where the last model stands', () => {
    expect(accuracyTitle([model('M0', 0.4), model('M1', 0.55)], 'greedy')).toBe('M1 answers 55.0 % right, +15.0 points against M0')
    expect(accuracyTitle([], 'greedy')).toBe('Accuracy on held-out questions')
  })
  it('draw consistency with the band of chance, only where a judge has one', () => {
    const judged = { consistency: 0.8, chance: { mean: 0.5, sd: 0.01 }, belowHalf: 0, rewardAccuracy: null }
    const rows = consistencyRows([model('M0', 0.4), model('M1', 0.5, judged)])
    expect(rows).toHaveLength(1)
    expect(rows[0]).toMatchObject({ label: 'C of M1', dots: [{ value: 0.8 }] })
    expect(rows[0]!.chance!.low).toBeCloseTo(0.4804, 12)
  })
  it('say how the last judge that was compared stands to chance', () => {
    const judged = (consistency: number) => ({ consistency, chance: { mean: 0.5, sd: 0.01 }, belowHalf: 0, rewardAccuracy: null })
    const titleOf = (consistency: number): string => consistencyTitle([model('M0', 0.4), model('M1', 0.5, judged(0.9)), model('M2', 0.5, judged(consistency)), model('M3', 0.5)])
    expect(titleOf(0.8)).toBe('M2 and the judge before it rank more alike than by chance: C is .80 (chance .50)')
    expect(titleOf(0.51)).toContain('no more alike than by chance')
    expect(titleOf(0.3)).toContain('less alike than by chance')
    expect(consistencyTitle([model('M0', 0.4)])).toBe('Consistency of the judges')
  })
})
