import { describe, expect, it } from 'vitest'
import { type AuditPlan, extendAudit, planAudit } from '../../../main/cream/audit-plan.ts'
import { arrangeShowings } from '../../../main/cream/showings.ts'
import { allocate, stratify } from '../../../main/cream/strata.ts'
import { pairLike, population, seeded, sequence } from './audits.ts'

const pairs = population(300, 1)
const plan = planAudit(pairs, { size: 50, random: seeded(42) })
const idsOf = ({ pairs: planned }: AuditPlan): string[] => planned.map(({ pairId }) => pairId)

describe('audit plan', () => {
  it('is a function of pairs and seed, whatever the order of the pairs', () => {
    expect(planAudit(pairs.toReversed(), { size: 50, random: seeded(42) })).toEqual(plan)
    expect(idsOf(planAudit(pairs, { size: 50, random: seeded(43) }))).not.toEqual(idsOf(plan))
  })

  it('draws as many different pairs as asked, 30 % of them as the control, at least one in every stratum', () => {
    expect(new Set(idsOf(plan)).size).toBe(50)
    expect(plan.pairs.filter(({ control }) => control)).toHaveLength(15)
    expect(new Set(plan.pairs.map(({ stratum }) => stratum)).size).toBe(plan.strataLimit)
    expect(plan.strataLimit).toBe(17)
  })

  it('keeps π = n_h / N_h of the union: the weights of a stratum add up to its population', () => {
    const strata = stratify(pairs.toSorted((a, b) => (a.id < b.id ? -1 : 1)), plan.strataLimit)
    for (const [h, members] of Map.groupBy(plan.pairs, ({ stratum }) => stratum)) {
      expect(members.reduce((sum, { inclusion }) => sum + 1 / inclusion, 0)).toBeCloseTo(strata[h]!.length, 9)
      expect(members.every(({ pairId }) => strata[h]!.some(({ id }) => id === pairId))).toBe(true)
    }
  })

  it.each([
    ['planned', (random: () => number) => planAudit(few, { size: 10, random })],
    ['extended', (random: () => number) => extendAudit(planAudit(few, { size: 6, random }), few, { size: 5, random })],
  ])('%s: E[1{drawn} / π] = 1 for every pair, and the control takes each equally often', (_, draw) => {
    const rounds = 4000
    const weights = new Map(few.map(({ id }) => [id, 0]))
    const controls = new Map(few.map(({ id }) => [id, 0]))
    let control = 0
    for (let round = 0; round < rounds; round++) {
      for (const { pairId, inclusion, control: inControl } of draw(sequence(round)).pairs) {
        weights.set(pairId, weights.get(pairId)! + 1 / inclusion / rounds)
        if (inControl) {
          controls.set(pairId, controls.get(pairId)! + 1)
          control++
        }
      }
    }
    for (const [id, weight] of weights) {
      expect(Math.abs(weight - 1), id).toBeLessThan(0.12) // sd ≤ √(3/4000) = .027, 24 pairs
      expect(Math.abs(controls.get(id)! / (control / few.length) - 1), id).toBeLessThan(0.12)
    }
  })

  it('of all pairs is a census', () => {
    const census = planAudit(few, { size: 100, random: seeded(1) })
    expect(idsOf(census).toSorted()).toEqual(few.map(({ id }) => id).toSorted())
    expect(census.pairs.every(({ inclusion }) => inclusion === 1)).toBe(true)
  })

  it('with a control alone is a simple random sample', () => {
    expect(planAudit(pairs, { size: 30, controlShare: 1, random: seeded(1) }).pairs).toEqual(
      Array.from({ length: 30 }, () => ({ pairId: expect.any(String), stratum: 0, control: true, inclusion: 0.1 })),
    )
  })

  it('extends without losing a pair, a showing or a stratum', () => {
    const longer = extendAudit(plan, pairs, { size: 20, random: seeded(42) })
    expect(new Set(idsOf(longer)).size).toBe(70)
    expect(idsOf(longer)).toEqual(expect.arrayContaining(idsOf(plan)))
    expect(longer.showings.slice(0, plan.showings.length)).toEqual(plan.showings)
    expect(longer.showings).toHaveLength(55 + 22)
    const stratumOf = new Map(longer.pairs.map(({ pairId, stratum }) => [pairId, stratum]))
    expect(plan.pairs.every(({ pairId, stratum }) => stratumOf.get(pairId) === stratum)).toBe(true)
    expect(longer.pairs.filter(({ control }) => control)).toHaveLength(15 + 6)
    expect(() => extendAudit(plan, few, { size: 1, random: seeded(1) })).toThrow(/planned for/)
  })

  it('refuses what cannot be planned', () => {
    expect(() => planAudit([], { size: 10, random: seeded(1) })).toThrow(/no pair to audit/)
    expect(() => planAudit(pairs, { size: 0, random: seeded(1) })).toThrow(/audit of 0 pairs/)
    expect(() => planAudit(pairs, { size: 10, controlShare: 1.5, random: seeded(1) })).toThrow(/random control is 1.5/)
    expect(() => planAudit(pairs, { size: 10, repeatShare: NaN, random: seeded(1) })).toThrow(/hidden repeats is NaN/)
    expect(() => planAudit(pairs, { size: 10, repeatGap: -1, random: seeded(1) })).toThrow(/-1 pairs later/)
    expect(() => planAudit([few[0]!, few[0]!], { size: 1, random: seeded(1) })).toThrow(/same id/)
  })
})

const few = population(24, 3)

describe('strata', () => {
  it('are the cells of C × flipped × margin × length where there is room', () => {
    const one = pairLike('one', { consistency: 0.9 })
    const others = [
      pairLike('low C', { consistency: 0.49 }), pairLike('middling C', { consistency: 0.5 }), pairLike('no C', { consistency: null }),
      pairLike('flipped', { consistency: 0.9, flipped: true }), pairLike('longer', { consistency: 0.9, chosenLength: 13 }), pairLike('shorter', { consistency: 0.9, chosenLength: 7 }),
    ]
    const like = pairLike('like', { consistency: 0.75, chosenLength: 12 })
    const strata = stratify([one, ...others, like], 20).map((stratum) => stratum.map(({ id }) => id))
    expect(strata).toHaveLength(7)
    expect(strata).toContainEqual(['one', 'like'])
  })

  it('split the margins in thirds', () => {
    const strata = stratify([1, 2, 3, 4, 5, 6].map((margin) => pairLike(`m${margin}`, { margin })), 20)
    expect(strata.map((stratum) => stratum.map(({ id }) => id))).toEqual([['m1', 'm2'], ['m3', 'm4'], ['m5', 'm6']])
  })

  it('give up length first and C last when there are too many', () => {
    const cell = (name: string, n: number, traits: object) => Array.from({ length: n }, (_, i) => pairLike(`${name}${i}`, traits))
    const all = [...cell('low', 3, { consistency: 0.2 }), ...cell('lowLong', 2, { consistency: 0.2, chosenLength: 30 }), ...cell('high', 2, { chosenLength: 5 }), ...cell('highLong', 4, { chosenLength: 30 })]
    const names = (limit: number) => stratify(all, limit).map((stratum) => [...new Set(stratum.map(({ id }) => id.slice(0, -1)))])
    expect(names(4)).toHaveLength(4)
    expect(names(3)).toEqual([['low', 'lowLong'], ['high'], ['highLong']])
    expect(names(2)).toEqual([['low', 'lowLong'], ['high', 'highLong']])
    expect(names(1)).toEqual([['low', 'lowLong', 'high', 'highLong']])
  })

  it('share a size in proportion, within their populations, on top of what they must take', () => {
    const strata = (...list: [population: number, atLeast: number][]) => list.map(([size, atLeast]) => ({ population: size, atLeast }))
    expect(allocate(strata([60, 1], [30, 1], [10, 1]), 20)).toEqual([12, 6, 2])
    expect(allocate(strata([98, 1], [1, 1], [1, 1]), 10)).toEqual([8, 1, 1])
    expect(allocate(strata([50, 1], [50, 9]), 12)).toEqual([3, 9])
    expect(allocate(strata([3, 1], [2, 1]), 5)).toEqual([3, 2])
  })
})

describe('showings', () => {
  const { showings } = plan
  const firsts = showings.filter(({ repeat }) => !repeat)
  const repeats = showings.filter(({ repeat }) => repeat)

  it('show each pair once and a tenth of them again, sides swapped, at least five other pairs later', () => {
    expect(firsts.map(({ pairId }) => pairId).toSorted()).toEqual(idsOf(plan).toSorted())
    expect(repeats).toHaveLength(5)
    for (const again of repeats) {
      const first = firsts.find(({ pairId }) => pairId === again.pairId)!
      expect(again.chosenSide).not.toBe(first.chosenSide)
      const between = showings.slice(showings.indexOf(first) + 1, showings.indexOf(again)).filter(({ repeat }) => !repeat)
      expect(between.length).toBeGreaterThanOrEqual(5)
    }
  })

  it("put the judge's choice on either side equally often, in no order that tells it", () => {
    expect(firsts.filter(({ chosenSide }) => chosenSide === 'a')).toHaveLength(25)
    const runs = firsts.filter(({ chosenSide }, i) => chosenSide !== firsts[i - 1]?.chosenSide).length
    expect(runs).toBeGreaterThan(15)
    expect(runs).toBeLessThan(36)
  })

  it('do not show strata or control in blocks', () => {
    const control = new Set(plan.pairs.filter((pair) => pair.control).map(({ pairId }) => pairId))
    const inFirstHalf = firsts.slice(0, 25).filter(({ pairId }) => control.has(pairId)).length
    expect(inFirstHalf).toBeGreaterThan(2)
    expect(inFirstHalf).toBeLessThan(13)
  })

  it('keep the gap rather than the share of repeats where there is no room for both', () => {
    const ids = Array.from({ length: 8 }, (_, i) => `p${i}`)
    expect(arrangeShowings(ids, { repeatShare: 1, repeatGap: 5 }, seeded(1)).filter(({ repeat }) => repeat)).toHaveLength(3)
    expect(arrangeShowings(ids, { repeatShare: 1, repeatGap: 8 }, seeded(1))).toHaveLength(8)
    expect(arrangeShowings(ids, { repeatShare: 0, repeatGap: 0 }, seeded(1))).toHaveLength(8)
  })
})
