import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TextModel } from '../../../main/text/model.ts'
import { openText } from '../../../main/text/model.ts'
import { byteLevelFolder, sentencePieceFolder } from './fixtures.ts'

const models: [string, TextModel][] = [
  ['byte-level', openText(byteLevelFolder())],
  ['byte fallback', openText(sentencePieceFolder())],
]

describe.each(models)('streaming with %s tokens', (_, model) => {
  it('never shows half a character', () => {
    const text = 'naïve 🧀 Käse 生活 ok'
    const decoder = model.createStreamDecoder()
    const pieces = model.encode(text, { special: false }).map((id) => decoder.push([id]))
    expect([...pieces, decoder.finish()].join('')).toBe(text)
    expect(pieces.some((piece) => piece.includes('\uFFFD'))).toBe(false)
    expect(pieces.filter((piece) => piece !== '').length).toBeGreaterThan(10)
  })

  it('gives the same text as decoding at once, in any grouping of tokens', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.infiniteStream(fc.integer({ min: 1, max: 4 })), (text, sizes) => {
      const ids = model.encode(text, { special: false })
      const decoder = model.createStreamDecoder()
      let out = ''
      for (let i = 0; i < ids.length;) {
        const size = sizes.next().value ?? 1
        out += decoder.push(ids.slice(i, i + size))
        i += size
      }
      expect(out + decoder.finish()).toBe(model.decode(ids, { skipSpecial: true }))
    }))
  })

  it('shows broken bytes at the latest when the sequence ends', () => {
    const half = model.encode('🧀', { special: false }).slice(0, -2)
    const decoder = model.createStreamDecoder()
    expect(decoder.push(half)).toBe('')
    expect(decoder.finish()).toContain('\uFFFD')
    expect(decoder.finish()).toBe('')
  })
})
