import { describe, expect, it } from 'vitest'
import { countSwaps, letterOf, rankWords, segmentsOf, slotsOf } from '../../renderer/charts/ranks.ts'

describe('the geometry of bump and slope charts', () => {
  it('gives every response a place of its own, ties in the order of the judge beside', () => {
    expect(slotsOf([[1, 2, 3], [3, 2, 1]])).toEqual([[0, 1, 2], [2, 1, 0]])
    // The first judge ties all three: they stand in the second judge's order, so that no line crosses.
    expect(slotsOf([[2, 2, 2], [3, 1, 2]])).toEqual([[2, 0, 1], [2, 0, 1]])
    expect(slotsOf([[3, 1, 2], [1.5, 3, 1.5]])).toEqual([[2, 0, 1], [1, 2, 0]])
  })
  it('leaves out what a judge did not rank', () => {
    expect(slotsOf([[2, null, 1], [null, 1, 2]])).toEqual([[1, null, 0], [null, 0, 1]])
    expect(segmentsOf([[2, null, 1], [null, 1, 2]], 0)).toEqual([])
  })
  it('marks the segments in which the order with another response turns round', () => {
    const columns = [[1, 2, 3], [2, 1, 3], [2, 1, 3]]
    expect(segmentsOf(columns, 0)).toEqual([{ from: 0, crosses: true }, { from: 1, crosses: false }])
    expect(segmentsOf(columns, 2)).toEqual([{ from: 0, crosses: false }, { from: 1, crosses: false }])
  })
  it('counts opposite orders, ties aside', () => {
    expect(countSwaps([1, 2, 3], [3, 2, 1])).toEqual({ swaps: 3, pairs: 3 })
    expect(countSwaps([1, 2.5, 2.5], [1, 2, 3])).toEqual({ swaps: 0, pairs: 3 })
    expect(countSwaps([1, null], [1, 2])).toEqual({ swaps: 0, pairs: 0 })
  })
  it('draws a crossing exactly where the order turns round, and none for a tie', () => {
    for (const [left, right] of [[[1, 2, 3, 4], [2, 1, 4, 3]], [[1.5, 1.5, 3], [3, 2, 1]], [[2, 2, 2], [3, 1, 2]]] as const) {
      const [a, b] = slotsOf([left, right]) as [number[], number[]]
      expect(countSwaps(a, b).swaps).toBe(countSwaps(left, right).swaps)
    }
  })
  it('names ranks and responses', () => {
    expect([rankWords(1, 1), rankWords(2.5, 2), rankWords(2, 3)]).toEqual(['1', '2–3', '1–3'])
    expect([letterOf(0), letterOf(25), letterOf(26), letterOf(63)]).toEqual(['A', 'Z', 'AA', 'BL'])
  })
})
