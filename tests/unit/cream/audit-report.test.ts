import { describe, expect, it } from 'vitest'
import { type Choice, decisionsOf, observe, type ShowingVerdict } from '../../../main/cream/agreement.ts'
import { type AuditPlan, planAudit } from '../../../main/cream/audit-plan.ts'
import { reportAudit } from '../../../main/cream/audit-report.ts'
import { proportionOf, wilson } from '../../../main/cream/proportion.ts'
import { reliabilityDiagram } from '../../../main/cream/reliability.ts'
import type { Side } from '../../../main/cream/showings.ts'
import { audited, pairLike, type Person, population, seeded, truthOf } from './audits.ts'

/**
 * Six of twelve pairs in two strata: p0–p3 of 4 (a census), q0–q1 of 8 (each stands for four; q0 from the control); p0 and
 * p1 come again. The chosen response is on the side named.
 */
const pairs = [
  pairLike('p0', { consistency: 0.2, chosenLength: 12 }),
  pairLike('p1', { consistency: 0.3, chosenLength: 12 }),
  pairLike('p2', { consistency: 0.1, chosenLength: 8 }),
  pairLike('p3', { consistency: null }),
  ...Array.from({ length: 8 }, (_, i) => pairLike(`q${i}`, { consistency: i === 1 ? 1 : 0.9, chosenLength: 8 })),
]
const shows = (pairId: string, chosenSide: Side, repeat = false) => ({ pairId, chosenSide, repeat })
const plan: AuditPlan = {
  population: 12,
  strataLimit: 2,
  pairs: [
    ...['p0', 'p1', 'p2', 'p3'].map((pairId) => ({ pairId, stratum: 0, control: pairId === 'p0', inclusion: 1 })),
    ...['q0', 'q1'].map((pairId) => ({ pairId, stratum: 1, control: pairId === 'q0', inclusion: 0.25 })),
  ],
  showings: [shows('p0', 'a'), shows('q0', 'b'), shows('p1', 'b'), shows('p2', 'a'), shows('p0', 'b', true), shows('p3', 'a'), shows('q1', 'b'), shows('p1', 'a', true)],
}
const says = (...choices: Choice[]): ShowingVerdict[] => choices.map((choice, showing) => ({ showing, choice, elapsedMs: 1000 }))
//                 p0   q0   p1   p2    p0'  p3     q1   p1'
const verdicts = says('b', 'b', 'b', 'tie', 'a', 'flag', 'a', 'b')

describe('audit report, by hand', () => {
  const report = reportAudit(plan, pairs, verdicts)

  it('counts outcomes of first showings', () => {
    expect(report).toMatchObject({ population: 12, planned: 6, outcomes: { agree: 2, disagree: 2, tie: 1, skip: 0, flag: 1 } })
  })

  it('weighs by 1/π: agree 1 (p1) + 4 (q0), disagree 1 (p0) + 4 (q1); ties and flags apart', () => {
    const unknown = 2 * 4 ** 2 * (1 - 0.25) // the census stratum adds no variance
    expect(report.agreement).toEqual({ rate: 0.5, n: 4, designEffect: (4 * 34) / 100, ...wilson(0.5, 100 / unknown) })
  })

  it('takes the control plainly: p0 disagrees, q0 agrees', () => {
    expect(report.control).toEqual(proportionOf([false, true]))
  })

  it('has κ of the displayed sides, weighted', () => {
    // judge a b b b, person b b b a with weights 1 4 1 4: p_o .5, p_e (1·4 + 9·6)/100
    expect(report.kappa).toBeCloseTo((0.5 - 0.58) / 0.42, 12)
  })

  it('has the share of the first side, 1 of 4', () => {
    expect(report.firstSide).toEqual(proportionOf([true, false, false, false]))
  })

  it('has longer-wins of person and judge', () => {
    // longer: p0 chosen, p1 chosen, q0 rejected, q1 rejected; the person took rejected, chosen, chosen, rejected
    expect(report.longerWins.person!.rate).toBeCloseTo((1 + 4) / 10, 12)
    expect(report.longerWins.judge!.rate).toBeCloseTo((1 + 1) / 10, 12)
  })

  it('compares the repeats by response, not by side', () => {
    // p0: rejected twice, on other sides; p1: chosen, then rejected
    expect(report.selfAgreement).toEqual(proportionOf([true, false]))
    expect(report.undecidedRepeats).toBe(0)
    const tied = reportAudit(plan, pairs, says('tie', 'b', 'b', 'tie', 'a', 'flag', 'a', 'a'))
    expect(tied).toMatchObject({ selfAgreement: { rate: 1, n: 1 }, undecidedRepeats: 1 })
  })

  it('draws C against agreement in the bins that hold a decision', () => {
    expect(report.reliability).toEqual([
      { from: 0.2, to: 0.4, meanConsistency: 0.25, agreement: expect.objectContaining({ rate: 0.5, n: 2, low: 0.5, high: 0.5 }) },
      { from: 0.8, to: 1, meanConsistency: 0.95, agreement: expect.objectContaining({ rate: 0.5, n: 2 }) },
    ])
  })

  it('counts verdicts under 500 ms, repeats too', () => {
    const elapsed = [499, 500, 3000, 0, 120, 900, 900, 900]
    expect(reportAudit(plan, pairs, verdicts.map((verdict, i) => ({ ...verdict, elapsedMs: elapsed[i]! }))).hasty).toBe(3)
  })

  it('takes reward accuracy over all prompts with an answer', () => {
    expect(report.rewardAccuracy).toBeNull()
    const gold = [{ rewards: [2, 1, 0], correct: [true, false, true] }, { rewards: [1, 0], correct: [true, false] }]
    expect(reportAudit(plan, pairs, verdicts, gold).rewardAccuracy).toEqual({ accuracy: 2 / 3, pairs: 3, ties: 0, prompts: 2 })
  })
})

describe('audit report', () => {
  it('has no figures before the first decision', () => {
    const nothing = { agreement: null, control: null, kappa: null, firstSide: null, longerWins: { person: null, judge: null }, selfAgreement: null, hasty: 0, reliability: [] }
    expect(reportAudit(plan, pairs, [])).toMatchObject(nothing)
    expect(reportAudit(plan, pairs, says('tie', 'skip', 'flag'))).toMatchObject({ ...nothing, outcomes: { agree: 0, disagree: 0, tie: 1, skip: 1, flag: 1 } })
  })

  it('leaves skips unknown: they shrink what was observed', () => {
    const half = decisionsOf(observe(plan, pairs, says('a', 'b', 'b', 'skip', 'skip', 'skip')))
    expect(half.map(({ observed }) => observed)).toEqual([1 * 3 / 6, 0.25 * 3 / 6, 1 * 3 / 6])
  })

  it('of a census gives the truth, without an interval', () => {
    const all = population(60, 2)
    const person: Person = new Map(all.map(({ id }, i) => [id, i % 7 === 0 ? 'tie' : i % 3 === 0 ? 'disagree' : 'agree']))
    const census = planAudit(all, { size: 60, random: seeded(5) })
    const { agreement, selfAgreement } = reportAudit(census, all, audited(census, person))
    expect(agreement!.rate).toBeCloseTo(truthOf(person), 12)
    expect(agreement!.high - agreement!.low).toBeCloseTo(0, 12)
    expect(selfAgreement!.rate).toBe(1)
  })

  it('finds a person who always takes the first side: bias 1, κ 0, self-agreement 0', () => {
    const all = population(200, 2)
    const fifty = planAudit(all, { size: 50, random: seeded(5) })
    const report = reportAudit(fifty, all, fifty.showings.map((_, showing) => ({ showing, choice: 'a', elapsedMs: 900 })))
    expect(report).toMatchObject({ firstSide: { rate: 1 }, kappa: expect.closeTo(0, 12), selfAgreement: { rate: 0, n: 5 } })
    expect(report.firstSide!.low).toBeGreaterThan(0.9)
    expect(report.agreement!.rate).toBeGreaterThan(0.35)
    expect(report.agreement!.rate).toBeLessThan(0.65)
  })

  it('refuses verdicts on other showings and two on one', () => {
    expect(() => reportAudit(plan, pairs, [{ showing: 8, choice: 'a', elapsedMs: 1 }])).toThrow(/showing 8/)
    expect(() => reportAudit(plan, pairs, [...says('a'), ...says('b')])).toThrow(/two verdicts/)
  })
})

describe('reliability diagram', () => {
  it('puts C = 1 into the last bin and an edge into the upper one', () => {
    const sure = pairs.map((pair, i) => ({ ...pair, consistency: [1, 0.6, 0.8, 0.4, 0, 0.2][i] ?? 0.5 }))
    const decisions = decisionsOf(observe(plan, sure, says('a', 'a', 'a', 'a', 'a', 'a', 'a')))
    const counts = (bins: number) => reliabilityDiagram(decisions, bins).map(({ from, agreement }) => [from, agreement.n])
    expect(counts(5)).toEqual([[0, 1], [0.2, 1], [0.4, 1], [0.6, 1], [0.8, 2]])
    expect(counts(1)).toEqual([[0, 6]])
  })
})
