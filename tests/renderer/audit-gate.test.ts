import { describe, expect, it } from 'vitest'
import { choiceOf, firstWay, numberIn, wayAction } from '../../renderer/state/audit-gate.ts'

const none = { minConsistency: undefined, minMargin: undefined }

describe('ways through the gate', () => {
  it('begin with what the figures suggest', () => {
    expect(firstWay({ gate: { state: 'passed' } })).toBe('passed')
    expect(firstWay({ gate: { state: 'undecided', more: 40 } })).toBe('more')
    expect(firstWay({ gate: { state: 'undecided', more: null } })).toBe('keep-only')
    expect(firstWay({ gate: { state: 'failed' } })).toBe('keep-only')
  })

  it('decide nothing before a bound or a reason is given', () => {
    expect(choiceOf('more', none, 'because')).toBeNull()
    expect(choiceOf('keep-only', none, '')).toBeNull()
    expect(choiceOf('keep-only', { minConsistency: 0.7, minMargin: undefined }, '')).toEqual({ kind: 'keep-only', minConsistency: 0.7 })
    expect(choiceOf('keep-only', { minConsistency: undefined, minMargin: 0 }, '')).toEqual({ kind: 'keep-only', minMargin: 0 })
    expect(choiceOf('train-anyway', none, '  ')).toBeNull()
    expect(choiceOf('train-anyway', none, ' a trial ')).toEqual({ kind: 'train-anyway', reason: 'a trial' })
    expect(choiceOf('resample', none, '')).toEqual({ kind: 'resample' })
  })

  it('say on the button what they do', () => {
    expect(wayAction('more', 'M2', 1, null)).toBe('Audit 1 more pair')
    expect(wayAction('keep-only', 'M2', 0, 120)).toBe('Train M2 on 120 pairs')
    expect(wayAction('train-anyway', 'M2', 0, null)).toBe('Train M2 anyway')
  })

  it('take a number only as one', () => {
    expect([numberIn('0.7', 0, 1), numberIn('0', 0, 1), numberIn('', 0, 1), numberIn(null, 0, 1), numberIn('x', 0, 1), numberIn('1.2', 0, 1)]).toEqual([0.7, 0, undefined, undefined, undefined, undefined])
  })
})
