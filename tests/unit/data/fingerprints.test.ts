import { expect, it } from 'vitest'
import { Fingerprints, promptText } from '../../../main/data/fingerprints.ts'

it('remember the first row of each text while they grow', () => {
  const seen = new Fingerprints()
  const rows = Array.from({ length: 20_000 }, (_, i) => i + 1)
  expect(rows.filter((row) => seen.add(`text ${row}`, row) !== undefined)).toEqual([])
  expect(rows.filter((row) => seen.rowOf(`text ${row}`) !== row)).toEqual([])
  expect(rows.filter((row) => seen.add(`text ${row}`, row + 1) !== row)).toEqual([])
  expect([seen.rowOf('text 0'), seen.rowOf('')]).toEqual([undefined, undefined])
})

it('of a conversation are those of its texts', () => {
  expect(promptText([{ role: 'user', content: ' Why? ' }])).toBe(promptText('Why?\n'))
})
