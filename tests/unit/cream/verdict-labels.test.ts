import { describe, expect, it } from 'vitest'
import type { Choice } from '../../../main/cream/agreement.ts'
import { applyVerdicts, type PersonVerdict } from '../../../main/cream/verdict-labels.ts'

const options = { fixedConsistency: 0.7, clamp: false, whenNull: 'mean', acceptReversed: false } as const
const ids = ['kept', 'swapped', 'tied', 'flagged', 'skipped', 'untouched']
const pairs = ids.map((id) => ({ id, chosenId: `${id}+`, rejectedId: `${id}-`, margin: id === 'untouched' ? 0.5 : 2 }))
const measured = new Map<string, number | null>([['kept', 1], ['swapped', 0.9], ['tied', 1], ['flagged', 1], ['skipped', 0.6], ['untouched', 0.7], ['no pair', 0.8]])
const judge = { method: 'cream-avg', measured, options } as const

/** Shown with the chosen response on side a, or on side b. */
const says = (id: string, choice: Choice, side: 'a' | 'b' = 'a'): PersonVerdict => ({
  pairId: id, responseAId: side === 'a' ? `${id}+` : `${id}-`, responseBId: side === 'a' ? `${id}-` : `${id}+`, choice,
})
const verdicts = [says('kept', 'b', 'b'), says('swapped', 'a', 'b'), says('tied', 'tie'), says('flagged', 'flag'), says('skipped', 'skip')]

describe('what verdicts do to labels', () => {
  const result = applyVerdicts(pairs, verdicts, judge)
  const labelOf = (id: string) => result.labels.find((label) => label.id === id)

  it('agree keeps, disagree swaps, both at C = 1 − ε_h', () => {
    expect(labelOf('kept')).toEqual({ id: 'kept', chosenId: 'kept+', rejectedId: 'kept-', consistency: 0.95, source: 'person' })
    expect(labelOf('swapped')).toEqual({ id: 'swapped', chosenId: 'swapped-', rejectedId: 'swapped+', consistency: 0.95, source: 'person' })
  })

  it('tie and flag drop, skip changes nothing; the mean C comes from the judge’s rows', () => {
    expect(result.labels.map(({ id }) => id)).toEqual(['kept', 'swapped', 'skipped', 'untouched'])
    expect(result.meanConsistency).toBeCloseTo((0.6 + 0.7 + 0.8) / 3, 12)
    for (const id of ['skipped', 'untouched']) expect(labelOf(id)).toEqual({ id, chosenId: `${id}+`, rejectedId: `${id}-`, consistency: expect.closeTo(0.7, 12), source: 'judge' })
  })

  it('counts what each verdict changes', () => {
    expect(result.counts).toEqual({ kept: 1, swapped: 1, 'dropped-tie': 1, 'dropped-flag': 1, filtered: 0, skipped: 1, 'not-audited': 1 })
    expect([...result.effects.values()]).toEqual(['kept', 'swapped', 'dropped-tie', 'dropped-flag', 'skipped', 'not-audited'])
  })

  it('under dyn leaves every other pair its own C', () => {
    const { labels } = applyVerdicts(pairs, verdicts, { ...judge, method: 'cream-dyn' }, { humanError: 0.1 })
    expect(labels.map(({ consistency }) => consistency)).toEqual([0.9, 0.9, 0.6, 0.7])
  })

  it('only measured, they change nothing', () => {
    const without = applyVerdicts(pairs, [], judge)
    expect(applyVerdicts(pairs, verdicts, judge, { measureOnly: true })).toEqual(without)
    expect(without.labels).toHaveLength(6)
    expect(without.counts).toMatchObject({ 'not-audited': 6, kept: 0 })
    expect(without.meanConsistency).toBeCloseTo(6 / 7, 12)
  })

  it('belong to two responses: a branch that chose the other way round reads them its own way, another pair not at all', () => {
    const reversed = [{ id: 'kept', chosenId: 'kept-', rejectedId: 'kept+', margin: 1 }]
    expect(applyVerdicts(reversed, verdicts, judge).effects.get('kept')).toBe('swapped')
    const other = [{ id: 'kept', chosenId: 'kept+', rejectedId: 'kept?', margin: 1 }]
    expect(applyVerdicts(other, verdicts, judge).effects.get('kept')).toBe('not-audited')
  })

  it.each([
    [['a', 'b'], 'swapped'],
    [['b', 'a'], 'kept'],
    [['a', 'b', 'b', 'a'], 'kept'],
    [['a', 'skip'], 'kept'], // a skip says nothing
    [['a', 'tie'], 'dropped-tie'],
    [['flag', 'b'], 'swapped'],
    [['a', 'a', 'flag'], 'dropped-flag'],
    [['skip', 'skip'], 'skipped'],
  ] as const)('of several on one pair the newest wins: %j → %s', (choices, effect) => {
    expect(applyVerdicts(pairs, choices.map((choice) => says('kept', choice)), judge).effects.get('kept')).toBe(effect)
  })

  it('bounds filter the judge’s rows, never a person’s, and the mean C is that of the rows left', () => {
    const byC = applyVerdicts(pairs, verdicts, judge, { keep: { minConsistency: 0.7 } })
    expect(byC.effects.get('skipped')).toBe('filtered') // C .6
    expect(byC.labels.map(({ id }) => id)).toEqual(['kept', 'swapped', 'untouched'])
    expect(byC.meanConsistency).toBeCloseTo((0.7 + 0.8) / 2, 12)
    const byMargin = applyVerdicts(pairs, verdicts, judge, { keep: { minMargin: 1 } })
    expect(byMargin.effects.get('untouched')).toBe('filtered')
    expect(byMargin.meanConsistency).toBeCloseTo((0.6 + 0.8) / 2, 12)
    expect(applyVerdicts(pairs, verdicts, judge, { keep: { minConsistency: 0.7, minMargin: 1 } }).counts).toMatchObject({ filtered: 2, kept: 1, swapped: 1 })
    expect(applyVerdicts(pairs, verdicts, judge, { measureOnly: true, keep: { minConsistency: 0.7 } }).counts).toMatchObject({ filtered: 1, 'not-audited': 5 })
  })

  it('stop training when the rows left to the judge are below ½, and need no judge when none are', () => {
    const low = new Map([...measured].map(([id, c]) => [id, id === 'kept' ? c : 0.4]))
    expect(() => applyVerdicts(pairs, verdicts, { ...judge, measured: low })).toThrow(/below 0.5/)
    const all = pairs.map(({ id }) => says(id, 'a'))
    expect(applyVerdicts(pairs, all, { ...judge, measured: low })).toMatchObject({ meanConsistency: null, counts: { kept: 6 } })
  })

  it.each([-0.1, 0.5, NaN])('refuse an error of %f', (humanError) => {
    expect(() => applyVerdicts(pairs, verdicts, judge, { humanError })).toThrow(/below 0.5/)
  })
})
