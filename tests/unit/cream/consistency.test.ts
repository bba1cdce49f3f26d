import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  agreement,
  consistencyOf,
  kendallTauA,
  kendallTauB,
  meanConsistency,
  spearman,
  topOrder,
} from '../../../main/cream/consistency.ts'
import { Statistic } from '../../../preload/contract/domain.ts'
import { tolerance, twoJudges } from './arbitraries.ts'

const statistics = Statistic.options

describe('worked examples', () => {
  it('J = [1..5] against one swap of neighbours: 9 − 1 of 10 pairs', () => {
    expect(kendallTauA([1, 2, 3, 4, 5], [2, 1, 3, 4, 5])).toBe(0.8)
    expect(kendallTauB([1, 2, 3, 4, 5], [2, 1, 3, 4, 5])).toBe(0.8)
    expect(spearman([1, 2, 3, 4, 5], [2, 1, 3, 4, 5])).toBeCloseTo(0.9, 15)
    expect(topOrder([1, 2, 3, 4, 5], [2, 1, 3, 4, 5])).toBe(-1)
    expect(topOrder([1, 2, 3, 4, 5], [1, 3, 2, 4, 5])).toBe(1)
    expect(consistencyOf(0.8)).toBe(0.9)
  })

  it('with ties: tau-b divides by the pairs told apart, tau-a by all', () => {
    // pairs (1,2) tied in J, (2,3) tied in K, (1,3) concordant
    expect(kendallTauB([1, 1, 2], [1, 2, 2])).toBe(0.5)
    expect(kendallTauA([1, 1, 2], [1, 2, 2])).toBe(1 / 3)
    expect(agreement('tau-b', [1, 1, 2, 2], [1, 2, 2, 3])).toMatchObject({ tiesCurrent: 2, tiesPrevious: 1 })
  })

  it('ties are pairwise: 0 ~ 1 and 1 ~ 2 within 1, but 2 beats 0', () => {
    const chain = agreement('tau-b', [0, 1, 2], [0, 10, 20], { tolCurrent: 1, tolPrevious: 1 })
    expect(chain).toEqual({ value: 1 / Math.sqrt(1 * 3), reason: null, tiesCurrent: 2, tiesPrevious: 0 })
    expect(spearman([0, 1, 2], [0, 10, 20], { tolCurrent: 1, tolPrevious: 1 })).toBeCloseTo(1, 15)
  })

  it('each tolerance belongs to its own judge', () => {
    const current = [0, 1, 2]
    const previous = [0, 0.001, 0.002]
    expect(agreement('tau-b', current, previous, { tolCurrent: 0.5, tolPrevious: 0 }).value).toBe(1)
    expect(agreement('tau-b', current, previous, { tolCurrent: 0, tolPrevious: 0.5 })).toEqual({
      value: null, reason: 'previous-constant', tiesCurrent: 0, tiesPrevious: 3,
    })
  })

  it('topOrder: tied bests agree when they share a response', () => {
    expect(topOrder([3, 3, 1], [2, 3, 1])).toBe(1)
    expect(topOrder([3, 3, 1], [2, 1, 3])).toBe(-1)
    expect(topOrder([3, 2, 1, 1], [3, 2, 0, 1])).toBe(1)
    expect(topOrder([0, 1, 2], [2, 1, 0], { tolCurrent: 1, tolPrevious: 1 })).toBe(-1) // not rescued by the middle
  })

  it.each(statistics)('%s: no value for fewer than two responses or a judge that ties them all', (statistic) => {
    expect(agreement(statistic, [], [])).toMatchObject({ value: null, reason: 'too-few-distinct' })
    expect(agreement(statistic, [1], [2])).toMatchObject({ value: null, reason: 'too-few-distinct' })
    expect(agreement(statistic, [1, 1], [1, 2])).toEqual({ value: null, reason: 'current-constant', tiesCurrent: 1, tiesPrevious: 0 })
    expect(agreement(statistic, [1, 2], [1, 1])).toEqual({ value: null, reason: 'previous-constant', tiesCurrent: 0, tiesPrevious: 1 })
  })

  it.each(statistics)('%s refuses NaN, ∞ and lists of different lengths', (statistic) => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      expect(() => agreement(statistic, [0, bad], [0, 1])).toThrow(/The current judge's rewards: value 2 of 2/)
      expect(() => agreement(statistic, [0, 1], [bad, 1])).toThrow(/The previous judge's rewards: value 1 of 2/)
    }
    expect(() => agreement(statistic, [0, 1], [0, 1, 2])).toThrow(/2 and 3 entries/)
  })

  it('mean consistency leaves null prompts out', () => {
    expect(meanConsistency([1, null, 0.5])).toBe(0.75)
    expect(meanConsistency([null])).toBeNull()
    expect(meanConsistency([])).toBeNull()
  })
})

describe('properties', () => {
  const negated = (values: readonly number[]) => values.map((value) => -value)

  it.each(statistics)('%s lies in [−1, 1] and swapping J and K changes nothing but the labels', (statistic) => {
    fc.assert(
      fc.property(twoJudges, tolerance, tolerance, ({ current, previous }, tolCurrent, tolPrevious) => {
        const there = agreement(statistic, current, previous, { tolCurrent, tolPrevious })
        const back = agreement(statistic, previous, current, { tolCurrent: tolPrevious, tolPrevious: tolCurrent })
        expect(back.value).toBe(there.value)
        expect([back.tiesCurrent, back.tiesPrevious]).toEqual([there.tiesPrevious, there.tiesCurrent])
        if (there.value !== null) expect(Math.abs(there.value)).toBeLessThanOrEqual(1 + 1e-12)
      }),
    )
  })

  it.each(['tau-b', 'tau-a', 'spearman'] as const)('%s is antisymmetric: reversing one judge negates it', (statistic) => {
    fc.assert(
      fc.property(twoJudges, tolerance, ({ current, previous }, tol) => {
        const tolerances = { tolCurrent: tol, tolPrevious: tol }
        const { value } = agreement(statistic, current, previous, tolerances)
        const reversed = agreement(statistic, current, negated(previous), tolerances).value
        if (value === null) expect(reversed).toBeNull()
        else expect(reversed).toBeCloseTo(-value, 12)
      }),
    )
  })

  it.each(statistics)('%s is invariant under monotone transforms and under the order of the responses', (statistic) => {
    fc.assert(
      fc.property(twoJudges, ({ current, previous }) => {
        const { value } = agreement(statistic, current, previous)
        const levels = [...new Set(current)].sort((a, b) => a - b)
        const transformed = current.map((reward) => levels.indexOf(reward) ** 3)
        expect(agreement(statistic, transformed, previous).value).toBe(value)
        const mirrored = agreement(statistic, current.toReversed(), previous.toReversed()).value
        if (value === null) expect(mirrored).toBeNull()
        else expect(mirrored).toBeCloseTo(value, 12)
      }),
    )
  })

  it.each(statistics)('%s of a judge with itself is 1 (tau-a: the share of pairs told apart)', (statistic) => {
    fc.assert(
      fc.property(twoJudges, tolerance, ({ current }, tol) => {
        const { value, tiesCurrent } = agreement(statistic, current, current, { tolCurrent: tol, tolPrevious: tol })
        if (value === null) return
        const pairs = (current.length * (current.length - 1)) / 2
        expect(value).toBeCloseTo(statistic === 'tau-a' ? 1 - tiesCurrent / pairs : 1, 12)
      }),
    )
  })
})

interface Correlation {
  x: number[]
  y: number[]
  tauB: number | null
  spearman?: number | null
}

describe('SciPy', () => {
  const { cases } = JSON.parse(readFileSync(new URL('../../golden/tau.json', import.meta.url), 'utf8')) as { cases: Correlation[] }

  it(`gives the same tau-b and rho for ${cases.length} lists`, () => {
    expect(cases.length).toBeGreaterThan(100)
    cases.forEach((golden) => expectSameAs(golden))
  })

  const shared = new URL('../../../../shared/assets/golden/kendalltau.scipy.json', import.meta.url)
  it.skipIf(!existsSync(shared))('gives the same tau-b for the shared vectors (skipped without ../shared)', () => {
    const vectors = JSON.parse(readFileSync(shared, 'utf8')) as { x: number[]; y: number[]; tau_b: number | null }[]
    expect(vectors.length).toBeGreaterThan(50)
    vectors.forEach(({ x, y, tau_b: tauB }) => expectSameAs({ x, y, tauB }))
  })
})

/** SciPy's nan (a constant list) is JSON null, and our null. */
function expectSameAs({ x, y, tauB, spearman: rho }: Correlation): void {
  const both = [['tau-b', tauB], ['spearman', rho]] as const
  for (const [statistic, golden] of both) {
    if (golden === undefined) continue
    const { value } = agreement(statistic, x, y)
    if (golden === null) expect(value).toBeNull()
    else expect(Math.abs(value! - golden), `${statistic} of ${JSON.stringify({ x, y })}`).toBeLessThanOrEqual(1e-12)
  }
}
