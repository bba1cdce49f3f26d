import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chanceBand, chanceOf, tauChanceSd } from '../../../main/cream/chance.ts'
import { agreement } from '../../../main/cream/consistency.ts'
import { Statistic } from '../../../preload/contract/domain.ts'
import { permutations, tolerance } from './arbitraries.ts'

const upTo6 = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 2, maxLength: 6 })
const sameLengthJudges = upTo6.chain((current) =>
  fc.record({ current: fc.constant(current), previous: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: current.length, maxLength: current.length }) }),
)

describe('chance of one prompt', () => {
  it.each(Statistic.options)('%s: mean and variance equal those over all permutations, for any pairwise ties', (statistic) => {
    fc.assert(
      fc.property(sameLengthJudges, tolerance, tolerance, ({ current, previous }, tolCurrent, tolPrevious) => {
        const tolerances = { tolCurrent, tolPrevious }
        const chance = chanceOf(statistic, current, previous, tolerances)
        if (agreement(statistic, current, previous, tolerances).value === null) {
          expect(chance).toBeNull()
          return
        }
        const values = permutations(previous).map((dealt) => agreement(statistic, current, dealt, tolerances).value!)
        const mean = values.reduce((a, b) => a + b) / values.length
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
        expect(chance!.mean).toBeCloseTo(mean, 12)
        expect(chance!.variance).toBeCloseTo(variance, 12)
      }),
      { numRuns: 60 },
    )
  })

  it('equals the tie-group formula of the textbooks where ties are transitive', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 5 })), { minLength: 8, maxLength: 20 }), (rows) => {
        const current = rows.map(([x]) => x)
        const previous = rows.map(([, y]) => y)
        const chance = chanceOf('tau-a', current, previous)
        if (chance) expect(chance.variance * (rows.length * (rows.length - 1) / 2) ** 2).toBeCloseTo(tieGroupVariance(current, previous), 8)
      }),
    )
  })

  it('without ties is √(2(2N+5)/(9N(N−1))): .638, .491, .408', () => {
    const published = [[3, 0.638], [4, 0.491], [5, 0.408]] as const
    for (const [n, sd] of published) {
      const rewards = Array.from({ length: n }, (_, i) => i)
      expect(tauChanceSd(n)).toBeCloseTo(sd, 3)
      expect(Math.sqrt(chanceOf('tau-b', rewards, rewards)!.variance)).toBeCloseTo(tauChanceSd(n), 14)
      expect(Math.sqrt(chanceOf('tau-a', rewards, rewards)!.variance)).toBeCloseTo(tauChanceSd(n), 14)
    }
  })

  it.each(Statistic.options)('%s of two distinct responses is ±1: mean 0, sd 1', (statistic) => {
    expect(chanceOf(statistic, [1, 2], [5, 3])).toEqual({ mean: 0, variance: 1 })
  })

  it('of topOrder without ties agrees once in N(N−1)', () => {
    const { mean, variance } = chanceOf('toporder', [1, 2, 3, 4, 5], [3, 1, 5, 2, 4])!
    expect((mean + 1) / 2).toBeCloseTo(1 / 20, 14)
    expect(variance).toBeCloseTo(4 * (1 / 20) * (19 / 20), 14)
  })
})

describe('chance band', () => {
  it('averages the prompts and narrows with their number', () => {
    const one = { mean: 0, variance: 0.16 }
    expect(chanceBand([one, null, one, one, one])).toEqual({ prompts: 4, meanTau: 0, sdTau: 0.4, meanC: 0.5, sdOfMeanC: 0.1 })
    expect(chanceBand([{ mean: -1, variance: 0 }, { mean: 0, variance: 1 }])).toMatchObject({ meanTau: -0.5, meanC: 0.25, sdTau: Math.SQRT1_2, sdOfMeanC: 0.25 })
    expect(chanceBand([null])).toBeNull()
  })
})

/** Var S given tie groups of sizes t and u (Kendall 1955; scipy.stats.kendalltau, method 'asymptotic'). */
function tieGroupVariance(x: readonly number[], y: readonly number[]): number {
  const n = x.length
  const sum = (values: readonly number[], f: (t: number) => number) =>
    [...Map.groupBy(values, (value) => value).values()].reduce((total, { length }) => total + f(length), 0)
  const v = (t: number) => t * (t - 1) * (2 * t + 5)
  const pairs = (t: number) => t * (t - 1)
  const triples = (t: number) => t * (t - 1) * (t - 2)
  return (
    (v(n) - sum(x, v) - sum(y, v)) / 18 +
    (sum(x, triples) * sum(y, triples)) / (9 * triples(n)) +
    (sum(x, pairs) * sum(y, pairs)) / (2 * pairs(n))
  )
}
