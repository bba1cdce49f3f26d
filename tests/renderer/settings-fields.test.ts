import { describe, expect, it } from 'vitest'
import { RunSettings } from '../../preload/contract/requests/run.ts'
import { fieldsOf, problemOf } from '../../renderer/steps/settings/fields.ts'

const settings = RunSettings.parse({ sampling: {}, sft: { learningRate: 1e-4 }, dpo: { learningRate: 1e-5 } })
const fields = fieldsOf(Object.keys(settings) as (keyof RunSettings)[])

describe('the form of the settings', () => {
  it.each(fields.filter(({ kind }) => kind === 'number').map((field) => [field.label, field] as const))('lets through of "%s" what the contract does, and nothing else', (_, field) => {
    const [low, high] = [field.above ?? field.min!, field.max ?? Infinity]
    const values = [low - 1, low, low + 0.5, low + 1, ...(high === Infinity ? [1e6] : [high, high + 1]), Number.NaN]
    for (const value of values) {
      const accepted = RunSettings.safeParse({ ...settings, [field.group]: field.write(settings, value) }).success
      expect([value, problemOf(field, value) === null]).toEqual([value, accepted])
    }
  })
  it.each(fields.filter(({ kind }) => kind === 'choice').map((field) => [field.label, field] as const))('offers of "%s" only what the contract takes, and what it is now', (_, field) => {
    expect(field.options!.map(({ value }) => value)).toContain(field.read(settings))
    for (const { value } of field.options!) expect(() => RunSettings.parse({ ...settings, [field.group]: field.write(settings, value) })).not.toThrow()
  })
})
