/**
 * 2 000 simulated audits a case: does the weighted interval hold the population's agreement as often as it says?
 * At least 93 % everywhere; at most 97 % where the strata tell nothing (where they do, the interval is generous).
 */
import { describe, expect, it } from 'vitest'
import { decisionsOf, observe, weightedAgreement } from '../../../main/cream/agreement.ts'
import { extendAudit, planAudit } from '../../../main/cream/audit-plan.ts'
import type { AuditPair } from '../../../main/cream/strata.ts'
import { audited, type Person, population, sequence, truthOf } from './audits.ts'

const audits = 2000

/** P(the person agrees | the pair). */
type Truth = (pair: AuditPair) => number
const flat = (rate: number): Truth => () => rate
const ofC = ({ consistency }: AuditPair): number => consistency ?? 0.5

interface Design {
  readonly pairs: number
  readonly size: number
  readonly controlShare?: number
  /** P(tie), over all pairs alike. */
  readonly ties?: number
  /** The session is left after this share of the plan. */
  readonly judged?: number
  /** "Audit about k more", once the plan is judged. */
  readonly more?: number
}

describe('coverage of the weighted interval', () => {
  const uninformative: [string, Truth, Design][] = [
    ['60 %, 50 of 150', flat(0.6), { pairs: 150, size: 50 }],
    ['75 %, 20 of 200', flat(0.75), { pairs: 200, size: 20 }],
    ['75 %, strata only', flat(0.75), { pairs: 150, size: 50, controlShare: 0 }],
    ['90 %, a fifth tied', flat(0.9), { pairs: 150, size: 50, ties: 0.2 }],
    ['90 %, left half-way', flat(0.9), { pairs: 200, size: 60, judged: 0.5 }],
    ['96 %, 80 of 100', flat(0.96), { pairs: 100, size: 80 }],
    ['85 %, extended', flat(0.85), { pairs: 150, size: 20, more: 30 }],
  ]
  it.each(uninformative)('strata that tell nothing: %s', (_, truth, design) => {
    const { covered, bias } = simulate(truth, design)
    expect(covered).toBeGreaterThanOrEqual(0.93)
    expect(covered).toBeLessThanOrEqual(0.97)
    expect(Math.abs(bias)).toBeLessThan(0.01)
  })

  const informative: [string, Truth, Design][] = [
    ['C is right', ofC, { pairs: 150, size: 50 }],
    ['C is upside down', (pair) => 1 - 0.9 * ofC(pair), { pairs: 150, size: 50 }],
    ['sure and wrong, most audited', (pair) => (ofC(pair) >= 0.9 ? 0.7 : 1), { pairs: 100, size: 80 }],
    ['flipped pairs are wrong', ({ flipped }) => (flipped ? 0.1 : 0.95), { pairs: 200, size: 30, judged: 0.7, ties: 0.1 }],
    ['longer is better, extended', ({ chosenLength, rejectedLength }) => (chosenLength > rejectedLength ? 0.9 : 0.4), { pairs: 150, size: 20, more: 30 }],
  ]
  it.each(informative)('strata that tell much: %s', (_, truth, design) => {
    const { covered, bias } = simulate(truth, design)
    expect(covered).toBeGreaterThanOrEqual(0.93)
    expect(Math.abs(bias)).toBeLessThan(0.01)
  })
})

function simulate(truth: Truth, { pairs: n, size, controlShare = 0.3, ties = 0, judged = 1, more }: Design): { covered: number; bias: number } {
  const pairs = population(n, 7)
  let covered = 0
  let bias = 0
  for (let audit = 0; audit < audits; audit++) {
    const random = sequence(audit)
    const person: Person = new Map(pairs.map((pair) => [pair.id, random() < ties ? 'tie' : random() < truth(pair) ? 'agree' : 'disagree']))
    const options = { controlShare, repeatShare: 0, random }
    const first = planAudit(pairs, { ...options, size })
    const plan = more === undefined ? first : extendAudit(first, pairs, { ...options, size: more })
    const verdicts = audited(plan, person, Math.round(judged * plan.showings.length))
    const { rate, low, high } = weightedAgreement(decisionsOf(observe(plan, pairs, verdicts)))!
    const actual = truthOf(person)
    if (low <= actual && actual <= high) covered++
    bias += (rate - actual) / audits
  }
  return { covered: covered / audits, bias }
}
