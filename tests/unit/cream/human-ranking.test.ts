import { describe, expect, it } from 'vitest'
import { humanTaus, reportTrust, studentT95 } from '../../../main/cream/human-ranking.ts'

const judge = (values: Record<string, number>, tolerance = 0) => ({ values: new Map(Object.entries(values)), tolerance })
const current = judge({ a: 5, b: 4, c: 3, d: 2, e: 1 })
const previous = judge({ e: 5, d: 4, c: 3, b: 2, a: 1 })

describe("a person's order", () => {
  it('has τ-b with each judge, by response id', () => {
    expect(humanTaus({ order: [['a'], ['b'], ['c'], ['d'], ['e']], current, previous })).toEqual({ current: 1, previous: -1 })
    expect(humanTaus({ order: [['b'], ['a'], ['c'], ['d'], ['e']], current, previous })).toEqual({ current: 0.8, previous: -0.8 })
  })

  it('may hold equals; the judge ties within its own tolerance', () => {
    // six pairs are told apart by the person, all concordant: 6 / √(6 · 10)
    expect(humanTaus({ order: [['a', 'b'], ['c', 'd', 'e']], current, previous }).current).toBeCloseTo(6 / Math.sqrt(60), 12)
    expect(humanTaus({ order: [['a'], ['b']], current: judge({ a: 1, b: 0 }, 0.5), previous: judge({ a: 1, b: 0 }, 1) })).toEqual({ current: 1, previous: null })
    expect(humanTaus({ order: [['a', 'b', 'c', 'd', 'e']], current, previous })).toEqual({ current: null, previous: null })
  })

  it.each([[[['a'], ['b']]], [[['a'], ['b'], ['c'], ['d'], ['x']]], [[['a'], ['a'], ['c'], ['d'], ['e']]]])('refuses %j, which is not the five', (order) => {
    expect(() => humanTaus({ order, current, previous })).toThrow(/judge ranked 5/)
  })
})

describe('which judge people trust', () => {
  const taus = (nearCurrent: number, nearPrevious: number, alike = 0, none = 0) => [
    ...new Array(nearCurrent).fill({ current: 0.8, previous: 0.2 }),
    ...new Array(nearPrevious).fill({ current: 0, previous: 0.4 }),
    ...new Array(alike).fill({ current: 0.6, previous: 0.6 }),
    ...new Array(none).fill({ current: null, previous: 1 }),
  ]

  it('takes means over prompts that have both τ, and a sign test over those that differ', () => {
    const report = reportTrust(taus(9, 1, 2, 5))
    expect(report).toMatchObject({ prompts: 12, alike: 2, nearerToCurrent: { rate: 0.9, n: 10 }, trusted: 'current' })
    expect(report.current!.mean).toBeCloseTo((9 * 0.8 + 2 * 0.6) / 12, 12)
    expect(report.previous!.mean).toBeCloseTo((9 * 0.2 + 0.4 + 2 * 0.6) / 12, 12)
  })

  it('gives each mean its t interval, as SciPy does, and none below three prompts', () => {
    const spread = [0.2, 0.4, 0.9].map((current) => ({ current, previous: -1 }))
    const { current, previous } = reportTrust(spread)
    expect(current).toEqual({ mean: expect.closeTo(0.5, 12), low: expect.closeTo(-0.3899, 1), high: 1, n: 3 }) // ± 0.8957 by t.ppf(.975, 2) = 4.303
    expect(previous).toEqual({ mean: -1, low: -1, high: -1, n: 3 })
    expect(reportTrust(spread.slice(0, 2)).current).toMatchObject({ low: null, high: null, n: 2 })
    for (const [degrees, quantile] of [[2, 4.303], [5, 2.571], [10, 2.228], [30, 2.042]] as const) expect(Math.abs(studentT95(degrees) / quantile - 1)).toBeLessThan(0.01)
  })

  it.each([[9, 1, 'current'], [1, 9, 'previous'], [6, 4, 'undecided'], [0, 0, 'undecided']] as const)('%i nearer to the current, %i to the previous: %s', (c, p, trusted) => {
    expect(reportTrust(taus(c, p)).trusted).toBe(trusted)
  })

  it('says nothing of nothing', () => {
    expect(reportTrust([])).toEqual({ current: null, previous: null, prompts: 0, alike: 0, nearerToCurrent: null, trusted: 'undecided' })
  })
})
