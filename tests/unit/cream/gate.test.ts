import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decisionsOf, observe } from '../../../main/cream/agreement.ts'
import { planAudit } from '../../../main/cream/audit-plan.ts'
import { reportAudit } from '../../../main/cream/audit-report.ts'
import { gateOf, pairsNeeded, previewKept } from '../../../main/cream/gate.ts'
import { proportionOf, wilson } from '../../../main/cream/proportion.ts'
import { audited, type Person, population, seeded } from './audits.ts'

const after = (agree: number, disagree: number, { tie = 0, skip = 0, flag = 0, population: size = 1e7 } = {}) => ({
  agreement: proportionOf([...new Array(agree).fill(true), ...new Array(disagree).fill(false)]),
  outcomes: { agree, disagree, tie, skip, flag },
  population: size,
})

describe('gate', () => {
  it('passes, fails or stays undecided by the interval, at 60 % by default', () => {
    expect(gateOf(after(40, 10))).toEqual({ state: 'passed' }) // .670–.888
    expect(gateOf(after(20, 30))).toEqual({ state: 'failed' }) // .276–.538
    expect(gateOf(after(35, 15))).toMatchObject({ state: 'undecided' }) // .562–.809
    expect(gateOf(after(40, 10), 0.7)).toMatchObject({ state: 'undecided' })
    expect(gateOf(after(40, 10), 0.9)).toEqual({ state: 'failed' })
  })

  it('passes on the line itself and does not fail there', () => {
    const { low, high } = wilson(0.8, 50)
    expect(gateOf(after(40, 10), low)).toEqual({ state: 'passed' })
    expect(gateOf(after(40, 10), high)).toMatchObject({ state: 'undecided' })
  })

  it('says how many more: 35 of 50 needs 93 in all to clear 60 %', () => {
    expect(pairsNeeded(0.7, 0.6)).toBe(93)
    expect(gateOf(after(35, 15))).toEqual({ state: 'undecided', more: 43 })
    expect(gateOf(after(65, 28))).toEqual({ state: 'undecided', more: expect.any(Number) }) // 69.9 %
    expect(gateOf(after(66, 28))).toEqual({ state: 'passed' })
  })

  it('asks for more where ties and flags used pairs up, and never for more than there are', () => {
    expect(gateOf(after(35, 15, { tie: 40, flag: 10 }))).toEqual({ state: 'undecided', more: 86 })
    expect(gateOf(after(35, 15, { skip: 50 }))).toEqual({ state: 'undecided', more: 43 })
    expect(gateOf(after(30, 20, { population: 70 }))).toEqual({ state: 'undecided', more: 20 })
    expect(gateOf(after(30, 20, { population: 50 }))).toEqual({ state: 'undecided', more: null })
  })

  it('without a decision asks for what a flawless judge would need', () => {
    expect(gateOf(after(0, 0))).toEqual({ state: 'undecided', more: pairsNeeded(1, 0.6) })
    expect(gateOf(after(0, 0, { population: 3 }))).toEqual({ state: 'undecided', more: 3 })
  })

  it.each([0, 1, -0.5, NaN])('refuses a line of %f', (line) => {
    expect(() => gateOf(after(1, 1), line)).toThrow(/between 0 and 1/)
    expect(() => pairsNeeded(0.8, line)).toThrow(/between 0 and 1/)
  })
})

describe('pairs needed', () => {
  it('ten pairs can never clear 75 %, twelve can', () => {
    expect(gateOf(after(10, 0), 0.75)).toMatchObject({ state: 'undecided' })
    expect(pairsNeeded(1, 0.75)).toBe(12)
    expect(gateOf(after(12, 0), 0.75)).toEqual({ state: 'passed' })
    expect(gateOf(after(11, 0), 0.75)).toMatchObject({ state: 'undecided', more: 1 })
  })

  it("is where Wilson's interval leaves the line, on either side", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 5, max: 95 }), (ratePercent, linePercent) => {
        const [rate, line] = [ratePercent / 100, linePercent / 100]
        const needed = pairsNeeded(rate, line)
        if (rate === line) {
          expect(needed).toBeNull()
          return
        }
        const clears = (n: number) => (rate > line ? wilson(rate, n).low >= line - 1e-9 : wilson(rate, n).high <= line + 1e-9)
        expect(clears(needed!)).toBe(true)
        if (needed! > 1) expect(clears(needed! - 1 - 1e-6)).toBe(false)
      }),
    )
  })

  it('grows with the design effect and is at most the population', () => {
    expect(pairsNeeded(0.7, 0.6, { designEffect: 2 })).toBe(185)
    expect(pairsNeeded(0.7, 0.6, { population: 93 })).toBe(47)
    expect(pairsNeeded(0.6, 0.6, { population: 93 })).toBe(93)
  })
})

describe('keeping only some pairs', () => {
  it('previews the pairs left and their agreement', () => {
    const pairs = population(200, 4)
    const firm = ({ consistency }: { consistency: number | null }): boolean => (consistency ?? 0) >= 0.8
    const person: Person = new Map(pairs.map((pair) => [pair.id, firm(pair) ? 'agree' : 'disagree']))
    const plan = planAudit(pairs, { size: 60, random: seeded(1) })
    const verdicts = audited(plan, person)
    const decisions = decisionsOf(observe(plan, pairs, verdicts))
    expect(previewKept(pairs, decisions, firm)).toMatchObject({ pairs: pairs.filter(firm).length, agreement: { rate: 1 } })
    expect(previewKept(pairs, decisions, ({ margin }) => margin > 100)).toEqual({ pairs: 0, agreement: null })
    expect(previewKept(pairs, decisions, () => true)).toEqual({ pairs: 200, agreement: reportAudit(plan, pairs, verdicts).agreement })
  })
})
