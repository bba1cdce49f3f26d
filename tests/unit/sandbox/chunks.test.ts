import fc from 'fast-check'
import { expect, it } from 'vitest'
import { chunksOf } from '../../../main/sandbox/chunks.ts'

it('keeps every item once, in order, within both bounds', () => {
  fc.assert(fc.property(fc.array(fc.nat(15)), (sizes) => {
    const chunks = [...chunksOf(sizes, (size) => size, { items: 4, size: 10 })]
    expect(chunks.flat()).toEqual(sizes)
    for (const chunk of chunks) {
      expect(chunk.length).toBeGreaterThan(0)
      expect(chunk.length).toBeLessThanOrEqual(4)
      if (chunk.length > 1) expect(chunk.reduce((a, b) => a + b)).toBeLessThanOrEqual(10)
    }
  }))
})
