import { describe, expect, it } from 'vitest'
import { agreement } from '../../../main/cream/consistency.ts'
import { judgesOf, quantitiesOf } from '../../../main/cream/judges.ts'

const responses = [
  { id: 'a', policy: { logps: -10, meanLogps: -1 }, previous: { logps: -13, meanLogps: -1.3 }, base: { logps: -20, meanLogps: -2 } },
  { id: 'b', policy: { logps: -6, meanLogps: -3 }, previous: { logps: -5, meanLogps: -2.5 }, base: { logps: -8, meanLogps: -4 } },
]
const initial = responses.map((response) => ({ ...response, previous: response.base }))

describe('judges', () => {
  it.each(['mean-logps', 'reference-code'] as const)('from iteration 2 on both rank by log-ratios (%s)', (rule) => {
    expect(judgesOf(responses, 2, rule)).toEqual({
      current: { quantity: 'log-ratio', values: new Map([['a', 10], ['b', 2]]) },
      previous: { quantity: 'log-ratio', values: new Map([['a', 7], ['b', 3]]) },
      rewards: new Map([['a', 10], ['b', 2]]),
    })
  })

  it('in iteration 1 compare mean log-likelihoods under M1 and M0', () => {
    expect(judgesOf(initial, 1, 'mean-logps')).toEqual({
      current: { quantity: 'mean-logps', values: new Map([['a', -1], ['b', -3]]) },
      previous: { quantity: 'mean-logps', values: new Map([['a', -2], ['b', -4]]) },
      rewards: new Map([['a', 10], ['b', 2]]),
    })
  })

  it('by the reference code rank a log-ratio against a mean log-likelihood', () => {
    expect(judgesOf(initial, 1, 'reference-code')).toEqual({
      current: { quantity: 'log-ratio', values: new Map([['a', 10], ['b', 2]]) },
      previous: { quantity: 'mean-logps', values: new Map([['a', -2], ['b', -4]]) },
      rewards: new Map([['a', 10], ['b', 2]]),
    })
    expect(quantitiesOf(1, 'reference-code')).toEqual({ current: 'log-ratio', previous: 'mean-logps' })
  })

  it('that mixed rule is anti-correlated where M1 flattens M0, and mean-logps is not (METHOD §2c)', () => {
    // M1 = M0 pulled a tenth of the way to a common mean: J's log-ratio falls as M0's likelihood rises.
    const shrunk = [-9, -7, -5, -4].map((logps, id) => {
      const base = { logps, meanLogps: logps / 5 }
      const policy = { logps: logps * 0.9 - 0.6, meanLogps: (logps * 0.9 - 0.6) / 5 }
      return { id, policy, previous: base, base }
    })
    const tau = (rule: 'mean-logps' | 'reference-code') => {
      const { current, previous } = judgesOf(shrunk, 1, rule)
      return agreement('tau-b', [...current.values.values()], [...previous.values.values()]).value
    }
    expect(tau('reference-code')).toBe(-1)
    expect(tau('mean-logps')).toBe(1)
  })
})
