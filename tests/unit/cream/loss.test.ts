import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  binaryEntropy,
  consistencyLoss,
  consistencyLossGradient,
  dpoLogit,
  dpoReward,
  lossAtStepZero,
  optimumLogit,
  sigmoid,
  softplus,
} from '../../../main/cream/loss.ts'

const logit = fc.double({ min: -30, max: 30, noNaN: true })
const consistency = fc.double({ min: 0, max: 1, noNaN: true })
const inner = fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true })

describe('the identities of METHOD §3', () => {
  it('z is β times the policy–reference log-ratio of chosen minus rejected', () => {
    const chosen = { logps: -10, refLogps: -12 }
    const rejected = { logps: -9, refLogps: -8 }
    expect(dpoReward(0.5, chosen)).toBe(1)
    expect(dpoReward(0.5, rejected)).toBe(-0.5)
    expect(dpoLogit(0.5, chosen, rejected)).toBe(1.5)
    expect(dpoLogit(0.5, rejected, chosen)).toBe(-1.5)
  })

  it('L = softplus(−z) + (1 − C)·z, and swapping chosen and rejected swaps C and 1 − C', () => {
    fc.assert(
      fc.property(logit, consistency, (z, c) => {
        expect(consistencyLoss(z, c)).toBeCloseTo(softplus(-z) + (1 - c) * z, 10)
        expect(consistencyLoss(-z, c)).toBeCloseTo(consistencyLoss(z, 1 - c), 10)
      }),
    )
  })

  it('dL/dz = σ(z) − C, by central differences', () => {
    fc.assert(
      fc.property(fc.double({ min: -8, max: 8, noNaN: true }), consistency, (z, c) => {
        const h = 1e-5
        const slope = (consistencyLoss(z + h, c) - consistencyLoss(z - h, c)) / (2 * h)
        expect(consistencyLossGradient(z, c)).toBeCloseTo(slope, 8)
      }),
    )
  })

  it('the minimum is at logit(C), its floor is H(C)', () => {
    fc.assert(
      fc.property(inner, logit, (c, z) => {
        const best = optimumLogit(c)
        expect(consistencyLossGradient(best, c)).toBeCloseTo(0, 10)
        expect(consistencyLoss(best, c)).toBeCloseTo(binaryEntropy(c), 10)
        expect(consistencyLoss(z, c)).toBeGreaterThanOrEqual(binaryEntropy(c) - 1e-12)
      }),
    )
    expect(binaryEntropy(0.73)).toBeCloseTo(0.583, 3)
    expect([binaryEntropy(0), binaryEntropy(0.5), binaryEntropy(1)]).toEqual([0, Math.LN2, 0])
    expect([optimumLogit(0), optimumLogit(0.5), optimumLogit(1)]).toEqual([-Infinity, 0, Infinity])
  })

  it('at step 0 the loss is ln 2 for every C', () => {
    fc.assert(fc.property(consistency, (c) => void expect(consistencyLoss(0, c)).toBeCloseTo(lossAtStepZero, 15)))
    expect(lossAtStepZero).toBeCloseTo(0.6931, 4)
  })

  it('C = 1 is plain DPO, C = ½ starts without a gradient, C < ½ pulls the other way', () => {
    fc.assert(fc.property(logit, (z) => void expect(consistencyLoss(z, 1)).toBe(softplus(-z))))
    expect(consistencyLossGradient(0, 0.5)).toBe(0)
    expect(consistencyLossGradient(0, 0.9)).toBeLessThan(0) // descent raises z: chosen over rejected
    expect(consistencyLossGradient(0, 0.2)).toBeGreaterThan(0)
  })

  it('stays finite where naive formulas overflow', () => {
    expect([softplus(800), softplus(-800), sigmoid(-800), sigmoid(800)]).toEqual([800, 0, 0, 1])
    expect(softplus(-40)).toBeCloseTo(Math.exp(-40), 30)
    expect(consistencyLoss(-800, 0.75)).toBe(600)
    expect(consistencyLoss(800, 0.75)).toBe(200)
  })
})

interface TrlCase {
  c: number
  loss: number
  'rewards/margins': number
}

describe('goldens', () => {
  const trl = JSON.parse(readFileSync(new URL('../../golden/dpo.json', import.meta.url), 'utf8')) as { cases: TrlCase[] }

  it('equals the loss of TRL with label smoothing 1 − C', () => {
    expect(trl.cases.length).toBeGreaterThan(4)
    for (const { c, loss, 'rewards/margins': z } of trl.cases) expect(consistencyLoss(z, c)).toBeCloseTo(loss, 6)
  })

  const shared = new URL('../../../../shared/assets/golden/dpo-losses.json', import.meta.url)
  it.skipIf(!existsSync(shared))('equals the published formulas in float64 (skipped without ../shared)', () => {
    const { cases } = JSON.parse(readFileSync(shared, 'utf8')) as { cases: Record<string, number>[] }
    expect(cases.length).toBeGreaterThan(5)
    for (const golden of cases) {
      const chosen = { logps: golden['policy_chosen_logp']!, refLogps: golden['ref_chosen_logp']! }
      const rejected = { logps: golden['policy_rejected_logp']!, refLogps: golden['ref_rejected_logp']! }
      const beta = golden['beta']!
      const c = 1 - golden['label_smoothing']!
      const z = dpoLogit(beta, chosen, rejected)
      expect(consistencyLoss(z, c)).toBeCloseTo(golden['sigmoid']!, 10)
      expect(dpoReward(beta, chosen)).toBeCloseTo(golden['chosen_reward']!, 10)
      expect(dpoReward(beta, rejected)).toBeCloseTo(golden['rejected_reward']!, 10)
      expect(beta * consistencyLossGradient(z, c)).toBeCloseTo(golden['dloss_dpolicy_chosen']!, 10)
    }
  })
})
