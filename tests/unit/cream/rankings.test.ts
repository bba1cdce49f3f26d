import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { averageRanks, bestOf, isFlipped, rankDifferences, ranking, worstOf } from '../../../main/cream/rankings.ts'
import { tolerance, twoJudges } from './arbitraries.ts'

const rewards = (values: Record<string, number>) => new Map(Object.entries(values))
const order = (values: Record<string, number>, tol = 0) => ranking(rewards(values), tol).places.map(({ id }) => id)

describe('average ranks', () => {
  it('rank the highest reward 1 and share ties', () => {
    expect(averageRanks([3, 1, 3, 0])).toEqual([1.5, 3, 1.5, 4])
    expect(averageRanks([7])).toEqual([1])
    expect(averageRanks([2, 2, 2])).toEqual([2, 2, 2])
  })

  it('need no tie groups: 0 ~ 1 ~ 2 within 1, yet 2 beats 0', () => {
    expect(averageRanks([0, 1, 2], 1)).toEqual([2.5, 2, 1.5])
  })

  it('sum to n(n+1)/2 and never invert two rewards, for any tolerance', () => {
    fc.assert(
      fc.property(twoJudges, tolerance, ({ current }, tol) => {
        const ranks = averageRanks(current, tol)
        expect(ranks.reduce((a, b) => a + b)).toBe((current.length * (current.length + 1)) / 2)
        current.forEach((a, i) => current.forEach((b, j) => a > b && expect(ranks[i]!).toBeLessThanOrEqual(ranks[j]!)))
      }),
    )
  })
})

describe('ranking', () => {
  it('is best first', () => {
    expect(order({ a: 1, b: 3, c: 2 })).toEqual(['b', 'c', 'a'])
    expect(bestOf(ranking(rewards({ a: 1, b: 3, c: 2 })))).toBe('b')
    expect(worstOf(ranking(rewards({ a: 1, b: 3, c: 2 })))).toBe('a')
  })

  it('orders ties by id, not by position', () => {
    expect(order({ c: 1, a: 1, b: 2 })).toEqual(['b', 'a', 'c'])
    expect(order({ c: 1.1, a: 1, b: 2 }, 0.2)).toEqual(['b', 'a', 'c'])
    expect(ranking(new Map([[10, 0], [9, 0]])).places.map(({ id }) => id)).toEqual([9, 10])
  })

  it('has no best when there is nothing', () => {
    expect(bestOf(ranking(new Map<string, number>()))).toBeUndefined()
  })
})

describe('two rankings', () => {
  it('differ by rank: positive where the current judge likes a response better', () => {
    const current = ranking(rewards({ a: 3, b: 2, c: 1 }))
    const previous = ranking(rewards({ a: 1, b: 2, c: 3 }))
    expect(rankDifferences(current, previous)).toEqual(new Map([['a', 2], ['b', 0], ['c', -2]]))
    expect(rankDifferences(previous, current)).toEqual(new Map([['c', 2], ['b', 0], ['a', -2]]))
  })

  it('are flipped when the previous judge would train the current pair the other way round', () => {
    const current = ranking(rewards({ a: 3, b: 2, c: 1 }))
    expect(isFlipped(current, ranking(rewards({ a: 1, b: 9, c: 2 })))).toBe(true)
    expect(isFlipped(current, ranking(rewards({ a: 2, b: 9, c: 1 })))).toBe(false)
    expect(isFlipped(current, ranking(rewards({ a: 1, b: 9, c: 1 })))).toBe(false) // a tie flips nothing
    expect(isFlipped(current, ranking(rewards({ a: 1, b: 9, c: 1.1 }), 0.2))).toBe(false)
  })

  it('are judged by the current pair: swapping the judges may change the answer', () => {
    const current = ranking(rewards({ a: 3, b: 2, c: 1 }))
    const previous = ranking(rewards({ a: 1, b: 3, c: 2 }))
    expect(isFlipped(current, previous)).toBe(true) // a over c, previous: c over a
    const other = ranking(rewards({ a: 2, b: 1, c: 3 }))
    expect(isFlipped(ranking(rewards({ a: 2, b: 3, c: 1 })), other)).toBe(true) // b over c, other: c over b
    expect(isFlipped(other, ranking(rewards({ a: 2, b: 1.5, c: 1.8 })))).toBe(false) // c over b, and so it stays
  })
})
