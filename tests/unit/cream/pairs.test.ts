import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { choosePair, distinctResponses, type RewardedResponse } from '../../../main/cream/pairs.ts'
import { tolerance } from './arbitraries.ts'

const response = (id: string, reward: number | null, more: Partial<RewardedResponse> = {}): RewardedResponse => ({
  id, text: `text of ${id}`, finishReason: 'eos', reward, ...more,
})
const strict = { tolerance: 0, chooseTruncated: false }
const ids = (responses: readonly RewardedResponse[], options = strict) => {
  const outcome = choosePair(responses, options)
  return outcome.kind === 'pair' ? [outcome.chosen.id, outcome.rejected.id, outcome.margin] : outcome.reason
}

describe('distinct responses', () => {
  it('count identical texts once, by id, an ended one standing for the rest', () => {
    const same = { text: 'same' }
    const sampled = [
      response('d', 0),
      response('c', 0, same),
      response('b', 0, { ...same, finishReason: 'length' }),
      response('a', 0, { text: 'Same' }),
    ]
    expect(distinctResponses(sampled).map(({ response: { id }, count }) => [id, count])).toEqual([['a', 1], ['c', 2], ['d', 1]])
  })
})

describe('a pair', () => {
  it('is the highest and the lowest reward', () => {
    expect(ids([response('a', 1), response('b', 3), response('c', -2)])).toEqual(['b', 'c', 5])
  })

  it('does not depend on the order of the responses; ties go by id', () => {
    const responses = [response('d', 3), response('b', 3), response('c', 0), response('a', 0)]
    expect(ids(responses)).toEqual(['b', 'c', 3])
    expect(ids(responses.toReversed())).toEqual(['b', 'c', 3])
  })

  it('prefers an ended response, and may be told not to', () => {
    const responses = [response('a', 3, { finishReason: 'length' }), response('b', 2), response('c', 1, { finishReason: 'length' })]
    expect(ids(responses)).toEqual(['b', 'c', 1])
    expect(ids(responses, { ...strict, chooseTruncated: true })).toEqual(['a', 'c', 2])
  })

  it('is skipped with its reason', () => {
    const truncated = { finishReason: 'length' as const }
    expect(ids([])).toBe('too-few-distinct')
    expect(ids([response('a', 1, { text: 'x' }), response('b', 2, { text: 'x' })])).toBe('too-few-distinct')
    expect(ids([response('a', 1), response('b', null)])).toBe('no-reward')
    expect(ids([response('a', 1), response('b', 1.5)], { ...strict, tolerance: 0.5 })).toBe('rewards-tied')
    expect(ids([response('a', 2, truncated), response('b', 1, truncated)])).toBe('chosen-truncated')
    expect(ids([response('a', 2, truncated), response('b', 1)])).toBe('chosen-truncated') // b is the worst itself
    expect(ids([response('a', 1, truncated), response('b', 1, truncated)])).toBe('rewards-tied')
  })

  it('leaves out responses without a reward', () => {
    expect(ids([response('a', 1), response('b', null), response('c', 0)])).toEqual(['a', 'c', 1])
  })

  it('refuses NaN', () => {
    expect(() => ids([response('a', NaN), response('b', 1)])).toThrow(expect.objectContaining({ code: 'method-stopped' }))
  })

  it('exists iff max − min > tolerance, and its margin always exceeds the tolerance', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 2, maxLength: 8 }), tolerance, (rewards, tol) => {
        const outcome = choosePair(rewards.map((reward, i) => response(`r${i}`, reward)), { tolerance: tol, chooseTruncated: true })
        expect(outcome.kind === 'pair').toBe(Math.max(...rewards) - Math.min(...rewards) > tol)
        if (outcome.kind !== 'pair') return
        expect(outcome.margin).toBeGreaterThan(tol)
        expect(outcome.margin).toBe(outcome.chosen.reward! - outcome.rejected.reward!)
        expect(Math.max(...rewards) - outcome.chosen.reward!).toBeLessThanOrEqual(tol)
      }),
    )
  })
})
