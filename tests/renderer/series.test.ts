import { describe, expect, it } from 'vitest'
import { rangeOf, smooth, thin } from '../../renderer/charts/series.ts'

describe('smooth', () => {
  it('leaves values alone at weight 0, and a constant at any weight', () => {
    expect(smooth([3, 1, 2], 0)).toEqual([3, 1, 2])
    for (const value of smooth([5, 5, 5, 5], 0.9)) expect(value).toBeCloseTo(5, 12)
  })
  it('weighs the past without a bias towards 0', () => {
    const [first, second] = smooth([2, 4], 0.5)
    expect(first).toBe(2)
    expect(second).toBeCloseTo((0.5 * 2 + 4) / 1.5, 12)
  })
})

describe('thin', () => {
  const xs = Array.from({ length: 10_000 }, (_, i) => i)
  it('keeps everything where there is room', () => expect(thin([1, 2, 3], [1, 2, 3], 10)).toEqual([0, 1, 2]))
  it('keeps the extremes of every column, in order', () => {
    const ys = xs.map((x) => (x === 5003 ? 99 : x === 77 ? -99 : Math.sin(x)))
    const kept = thin(xs, ys, 100)
    expect(kept.length).toBeLessThanOrEqual(400)
    expect(kept).toContain(5003)
    expect(kept).toContain(77)
    expect(kept).toEqual(kept.toSorted((a, b) => a - b))
    expect([kept[0], kept.at(-1)]).toEqual([0, 9999])
  })
})

describe('rangeOf', () => {
  it('is never empty and skips nothing', () => {
    expect(rangeOf([])).toEqual([0, 1])
    const [low, high] = rangeOf([2, 2])
    expect(low).toBeLessThan(2)
    expect(high).toBeGreaterThan(2)
    const [a, b] = rangeOf([-1, 4, Number.NaN])
    expect(a).toBeLessThan(-1)
    expect(b).toBeGreaterThan(4)
  })
})
