import { describe, expect, it } from 'vitest'
import type { CurvePoint } from '../../preload/contract/requests/figures.ts'
import { excessTitle, gradientTitle, lately, logpsTitle, rewardsTitle } from '../../renderer/steps/train/findings.ts'

const points = (metrics: Record<string, number>[]): CurvePoint[] => metrics.map((one, i) => ({ step: i + 1, metrics: one, committed: true }))

describe("what a training's charts say", () => {
  it('looks at the last fifth, at least three steps', () => {
    expect(lately(points([{ loss: 9 }, { loss: 1 }, { loss: 2 }, { loss: 3 }]), 'loss')).toBe(2)
    expect(lately(points([{ loss: 9 }]), 'grad_norm')).toBeNull()
  })
  it('names the loss above its floor and which way it went', () => {
    expect(excessTitle(points([{ loss: 0.693, loss_floor: 0.5 }, { loss: 0.6, loss_floor: 0.5 }, { loss: 0.6, loss_floor: 0.5 }, { loss: 0.6, loss_floor: 0.5 }]))).toBe('The loss is .100 above its floor (down from .193)')
    expect(excessTitle([])).toBe('Loss above its floor')
  })
  it('says whether the chosen lead', () => {
    expect(rewardsTitle(points([{ 'rewards/margins': 0.25 }]))).toContain('lead by a margin of +0.250')
    expect(rewardsTitle(points([{ 'rewards/margins': -0.1 }]))).toContain('do not lead yet (margin −0.100)')
  })
  it('says how far log-probabilities moved', () => {
    expect(logpsTitle(points([{ 'logps/chosen': -10, 'logps/rejected': -12 }, { 'logps/chosen': -11, 'logps/rejected': -15 }]))).toBe('Log-probabilities: chosen −0.50, rejected −1.50 nats since step 1')
  })
  it('says when the gradient is clipped', () => {
    expect(gradientTitle(points([{ grad_norm: 3 }]), 1)).toContain('clipped to 1')
    expect(gradientTitle(points([{ grad_norm: 0.5 }]), 1)).toBe('The gradient norm is 0.50')
  })
})
