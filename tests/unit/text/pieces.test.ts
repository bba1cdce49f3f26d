import { expect, it } from 'vitest'
import { piecesOf } from '../../../main/text/pieces.ts'

/** A token a byte, as byte-level tokenizers may have it. */
const decode = (ids: readonly number[]): string => new TextDecoder().decode(Uint8Array.from(ids))

it('gives every token its text; of those that share a character the last one has it', () => {
  const pieces = piecesOf(decode, [...new TextEncoder().encode('aé€b')])
  expect(pieces).toEqual(['a', '', 'é', '', '', '€', 'b'])
})

it('shows what a cut leaves of a character', () => {
  const cut = [...new TextEncoder().encode('a€')].slice(0, -1)
  const pieces = piecesOf(decode, cut)
  expect(pieces).toHaveLength(3)
  expect(pieces.join('')).toBe(decode(cut))
  expect(piecesOf(decode, [])).toEqual([])
})
