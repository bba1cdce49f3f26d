import { describe, expect, it } from 'vitest'
import { type Behaviour, behaviourAfter, behaviourOf, drawLengths, longest, meanSteps, meanTokens, survivalAt } from '../../../main/pipeline/estimate/behaviour.ts'

const half: Behaviour = { survival: [1], hazard: 0.5, ended: 1, distinct: 1, variety: 1 }

describe('how a model answers', () => {
  it('is read from what ended and what was cut', () => {
    const seen = behaviourOf([{ tokens: 1, ended: true }, { tokens: 2, ended: true }, { tokens: 2, ended: false }, { tokens: 2, ended: false }], { distinct: 0.5, variety: 0.75 })
    // One of four ends at 1; of the three at risk at 2 one ends: 3/4, then 3/4 · 2/3. Two ends in 7 tokens.
    expect(seen.survival).toEqual([1, 0.75, 0.5])
    expect(seen.hazard).toBeCloseTo(2 / 7)
    expect(seen).toMatchObject({ ended: 0.5, distinct: 0.5, variety: 0.75 })
    expect(survivalAt(seen, 3, 10)).toBeCloseTo(0.5 * (5 / 7))
    expect(survivalAt(seen, 10, 10)).toBe(0)
  })

  it('never counts on a token that ends nothing yet to go on for ever', () => {
    expect(behaviourOf([{ tokens: 10, ended: false }], { distinct: 1, variety: 1 }).hazard).toBeCloseTo(0.05)
  })

  it('has the mean of a geometric distribution, and of the longest of many', () => {
    expect(meanTokens(half, 60)).toBeCloseTo(2, 6)
    expect(meanTokens(longest, 48)).toBe(48)
    expect(meanSteps(half, 1, 60)).toBeCloseTo(2, 6)
    expect(meanSteps(half, 2, 60)).toBeCloseTo(8 / 3, 6) // E max of two: 2/p − 1/(1 − (1−p)²)
  })

  it('draws lengths with that mean, the same each time', () => {
    const drawn = drawLengths(half, 4000, 60, 7)
    expect(drawn).toEqual(drawLengths(half, 4000, 60, 7))
    expect(Math.min(...drawn)).toBe(1)
    expect(drawn.reduce((sum, length) => sum + length, 0) / 4000).toBeCloseTo(2, 1)
    expect(drawLengths(longest, 3, 48, 1)).toEqual([48, 48, 48])
  })

  it('is learned from the examples by a model that hardly ever ends, and kept by one that does', () => {
    const seen = { distinct: 0.5, variety: 0.75 }
    const endless = behaviourOf([{ tokens: 48, ended: false }, { tokens: 20, ended: true }, { tokens: 48, ended: false }], seen)
    expect(meanTokens(behaviourAfter(endless, [{ completionTokens: 4 }, { completionTokens: 6 }]), 48)).toBeCloseTo(5, 9)
    expect(behaviourAfter(endless, [{ completionTokens: 4 }])).toMatchObject({ ...seen, ended: 1 })
    expect(behaviourAfter(endless, [])).toBe(endless)
    expect(behaviourAfter(half, [{ completionTokens: 4 }])).toBe(half)
  })
})
