import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cohenKappa, type SidePair } from '../../../main/cream/kappa.ts'
import { proportionOf, weightedProportion, wilson } from '../../../main/cream/proportion.ts'

describe('Wilson', () => {
  it.each([
    [8, 10, 0.4902, 0.9433],
    [0, 10, 0, 0.2775],
    [10, 10, 0.7225, 1],
    [81, 263, 0.2553, 0.3662], // Newcombe 1998, table I
  ])('%i of %i: %f to %f', (successes, n, low, high) => {
    const interval = wilson(successes / n, n)
    expect(interval.low).toBeCloseTo(low, 4)
    expect(interval.high).toBeCloseTo(high, 4)
  })

  it('of everything there is, is the point', () => {
    expect(wilson(0.7, Infinity)).toEqual({ low: 0.7, high: 0.7 })
  })
})

describe('weighted proportion', () => {
  const one = (success: boolean, weight: number, observed = 0) => ({ success, weight, observed })

  it('with equal weights is the plain one', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }), fc.double({ min: 1, max: 50, noNaN: true }), (successes, weight) => {
        const weighted = weightedProportion(successes.map((success) => one(success, weight)))!
        const plain = proportionOf(successes)!
        for (const key of ['rate', 'low', 'high', 'designEffect'] as const) expect(weighted[key]).toBeCloseTo(plain[key], 9)
        expect(weighted.n).toBe(plain.n)
      }),
    )
  })

  it('counts each observation for the pairs it stands for', () => {
    // one of 90 agrees, three of 10 disagree: 90 / 100, on 100² / (90² + 3 (10/3)²) pairs
    const { rate, low, high, designEffect } = weightedProportion([one(true, 90), ...[1, 2, 3].map(() => one(false, 10 / 3))])!
    expect(rate).toBeCloseTo(0.9, 12)
    const effective = 100 ** 2 / (90 ** 2 + 3 * (10 / 3) ** 2)
    expect(designEffect).toBeCloseTo(4 / effective, 12)
    expect({ low, high }).toEqual({ low: expect.closeTo(wilson(0.9, effective).low, 12), high: expect.closeTo(wilson(0.9, effective).high, 12) })
  })

  it('leaves nothing open in a census, and half the variance when half is known', () => {
    expect(weightedProportion([one(true, 1, 1), one(false, 1, 1)])).toMatchObject({ rate: 0.5, low: 0.5, high: 0.5 })
    expect(weightedProportion([one(true, 2, 0.5), one(false, 2, 0.5)])!.low).toBeCloseTo(wilson(0.5, 4).low, 12)
  })

  it('is exactly 0 or 1 where all agree, and null without observations', () => {
    const weights = [0.1, 0.7, 1 / 3, 3]
    expect(weightedProportion(weights.map((weight) => one(true, weight)))).toMatchObject({ rate: 1, high: 1 })
    expect(weightedProportion(weights.map((weight) => one(false, weight)))).toMatchObject({ rate: 0, low: 0 })
    expect(weightedProportion([])).toBeNull()
    expect(proportionOf([])).toBeNull()
  })
})

describe("Cohen's kappa", () => {
  const table = (aa: number, ab: number, ba: number, bb: number): SidePair[] =>
    ([['a', 'a', aa], ['a', 'b', ab], ['b', 'a', ba], ['b', 'b', bb]] as const).flatMap(([judge, person, n]) => Array.from({ length: n }, () => ({ judge, person, weight: 1 })))

  it.each([
    [20, 5, 10, 15, 0.4], // Wikipedia's example
    [45, 15, 25, 15, 0.1304],
    [25, 35, 5, 35, 0.2593], // the same p_o as before, other margins
    [10, 0, 0, 10, 1],
    [0, 10, 10, 0, -1],
    [5, 5, 5, 5, 0],
    [0, 10, 0, 10, 0], // a person who always chooses the second side
  ])('%i aa, %i ab, %i ba, %i bb: %f', (aa, ab, ba, bb, kappa) => {
    expect(cohenKappa(table(aa, ab, ba, bb))).toBeCloseTo(kappa, 4)
  })

  it('counts weights as choices', () => {
    const weighted = ([['a', 'a', 20], ['a', 'b', 5], ['b', 'a', 10], ['b', 'b', 15]] as const).map(([judge, person, weight]) => ({ judge, person, weight }))
    expect(cohenKappa(weighted)).toBeCloseTo(0.4, 12)
  })

  it('does not exist where both only ever chose one side, or nothing was chosen', () => {
    expect(cohenKappa(table(7, 0, 0, 0))).toBeNull()
    expect(cohenKappa([])).toBeNull()
  })
})
