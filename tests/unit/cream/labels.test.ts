import { describe, expect, it } from 'vitest'
import { labelConsistencies, type LabelOptions } from '../../../main/cream/labels.ts'

const options: LabelOptions = { fixedConsistency: 0.9, clamp: false, whenNull: 'mean', acceptReversed: false }
const measured = new Map([['p', 1], ['q', null], ['r', 0.25]])
const reversed = new Map([['p', 0.5], ['q', null], ['r', 0.25]])
const labels = (method: Parameters<typeof labelConsistencies>[0], change: Partial<LabelOptions> = {}, list = measured) =>
  [...labelConsistencies(method, list, { ...options, ...change }).consistencies.values()]

describe('the C each pair trains with', () => {
  it('by method', () => {
    expect(labels('srlm')).toEqual([1, 1, 1])
    expect(labels('oracle')).toEqual([1, 1, 1])
    expect(labels('fixed-c')).toEqual([0.9, 0.9, 0.9])
    expect(labels('cream-avg')).toEqual([0.625, 0.625, 0.625])
    expect(labels('cream-dyn')).toEqual([1, 0.625, 0.25])
  })

  it('is keyed by prompt: a null C does not shift the others', () => {
    expect(labelConsistencies('cream-dyn', measured, { ...options, whenNull: 'skip' }).consistencies).toEqual(
      new Map([['p', 1], ['q', null], ['r', 0.25]]),
    )
  })

  it('may be clamped to [½, 1]: the label, not the terms of the mean', () => {
    expect(labels('cream-dyn', { clamp: true })).toEqual([1, 0.625, 0.5])
    expect(labels('cream-avg', { clamp: true })).toEqual([0.625, 0.625, 0.625])
    expect(labels('cream-avg', { clamp: true }, reversed)).toEqual([0.5, 0.5, 0.5])
    expect(labels('fixed-c', { clamp: true, fixedConsistency: 0.2 })).toEqual([0.5, 0.5, 0.5])
  })

  it('reports the shares below ½ and the nulls', () => {
    expect(labelConsistencies('cream-dyn', measured, options)).toMatchObject({
      meanConsistency: 0.625, nulls: 1, shareBelowHalf: 1 / 2, shareReversed: 1 / 3,
    })
    expect(labelConsistencies('cream-dyn', measured, { ...options, clamp: true })).toMatchObject({ shareBelowHalf: 1 / 2, shareReversed: 0 })
    expect(labelConsistencies('srlm', measured, options)).toMatchObject({ shareBelowHalf: 1 / 2, shareReversed: 0 })
  })

  it.each(['cream-avg', 'cream-dyn'] as const)('%s stops below ½ unless clamped or accepted', (method) => {
    const stop = expect.objectContaining({ code: 'method-stopped', message: expect.stringContaining('0.375') })
    expect(() => labels(method, {}, reversed)).toThrow(stop)
    expect(() => labels(method, { clamp: true }, reversed)).not.toThrow()
    expect(labels(method, { acceptReversed: true }, reversed)).toContain(0.375)
  })

  it('fixed-c stops by its own C; srlm and oracle need none', () => {
    expect(() => labels('fixed-c', { fixedConsistency: 0.4 })).toThrow(/below 0.5/)
    expect(labels('fixed-c', {}, reversed)).toEqual([0.9, 0.9, 0.9])
    expect(labels('srlm', {}, reversed)).toEqual([1, 1, 1])
    expect(labels('oracle', {}, new Map([['p', null]]))).toEqual([1])
  })

  it('exactly ½ is not below ½', () => {
    expect(labels('cream-avg', {}, new Map([['p', 0.5]]))).toEqual([0.5])
  })

  it.each(['cream-avg', 'cream-dyn'] as const)('%s stops when no prompt has a C', (method) => {
    expect(() => labels(method, { acceptReversed: true }, new Map([['p', null]]))).toThrow(/No prompt has a consistency/)
  })
})
