import { describe, expect, it } from 'vitest'
import {
  implicitReward,
  measuredTolerance,
  pooledRewardAccuracy,
  requireFinite,
  requireMovedPolicy,
  rewardAccuracy,
  rewardsOf,
} from '../../../main/cream/rewards.ts'

describe('implicit reward', () => {
  it('is policy minus base, in nats', () => {
    expect(implicitReward(-10, -12.5)).toBe(2.5)
    expect(implicitReward(-12.5, -10)).toBe(-2.5)
  })

  it('joins policy and base scores by id, whatever their order', () => {
    const policy = new Map([['b', { logps: -4, meanLogps: -1 }], ['a', { logps: -9, meanLogps: -3 }]])
    const base = new Map([['a', { logps: -10, meanLogps: -7 }], ['b', { logps: -2, meanLogps: -8 }], ['c', { logps: 0, meanLogps: 0 }]])
    expect(rewardsOf(policy, base)).toEqual(new Map([['b', -2], ['a', 1]]))
    expect(() => rewardsOf(base, policy)).toThrow(/Response c .* no score under the base model/)
  })

  it('stops when the policy is still its base', () => {
    expect(() => requireMovedPolicy([[0, 1e-6], [-1e-6]], 1e-5)).toThrow(expect.objectContaining({ code: 'method-stopped' }))
    expect(() => requireMovedPolicy([[0, 0], [0, -2e-5]], 1e-5)).not.toThrow()
  })
})

describe('reward accuracy', () => {
  it('is P(r of a correct > r of a wrong), ties ½', () => {
    expect(rewardAccuracy([2, 1, 0], [true, false, true])).toBe(0.5)
    expect(rewardAccuracy([3, 1, 0], [true, false, false])).toBe(1)
    expect(rewardAccuracy([3, 1, 0], [false, false, true])).toBe(0)
    expect(rewardAccuracy([1, 1], [true, false])).toBe(0.5)
    expect(rewardAccuracy([1.1, 1], [true, false], 0.2)).toBe(0.5)
  })

  it('is null when all answers are right or all are wrong', () => {
    expect(rewardAccuracy([2, 1], [true, true])).toBeNull()
    expect(rewardAccuracy([2, 1], [false, false])).toBeNull()
    expect(rewardAccuracy([], [])).toBeNull()
  })

  it('pools pairs within prompts and never across them', () => {
    const pooled = pooledRewardAccuracy([
      { rewards: [100, 90], correct: [true, false] }, // 1 win of 1
      { rewards: [1, 2, 2], correct: [true, false, true] }, // 0 wins, 1 tie of 2
      { rewards: [5, 6], correct: [true, true] }, // no pair
    ])
    expect(pooled).toEqual({ accuracy: 1.5 / 3, pairs: 3, ties: 1, prompts: 2 })
    expect(pooledRewardAccuracy([])).toEqual({ accuracy: null, pairs: 0, ties: 0, prompts: 0 })
  })
})

describe('re-score noise', () => {
  it('is the largest difference, in either direction', () => {
    expect(measuredTolerance([1, 2, 3], [1, 2.5, 2.75])).toBe(0.5)
    expect(measuredTolerance([1, 2.5], [1, 2])).toBe(0.5)
    expect(measuredTolerance([1, 2], [1, 2])).toBe(0)
  })

  it('is not 0 by default: nothing re-scored is an error', () => {
    expect(() => measuredTolerance([], [])).toThrow(/without a single re-scored response/)
    expect(() => measuredTolerance([1], [1, 2])).toThrow(/1 and 2 entries/)
  })

  it.each([NaN, Infinity, -Infinity])('refuses %d with its place', (bad) => {
    expect(() => requireFinite([0, bad], 'Rewards')).toThrow(/Rewards: value 2 of 2/)
    expect(() => measuredTolerance([bad], [1])).toThrow(expect.objectContaining({ code: 'method-stopped' }))
  })
})
