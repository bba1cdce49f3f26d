import { describe, expect, it } from 'vitest'
import { type Order, asShown, isOrderOf, move, putAt, standings, tieWithAbove } from '../../renderer/state/audit-order.ts'

const tied: Order = [[0], [1, 2], [3]]

describe('an order by hand', () => {
  it('begins as shown and knows its places', () => {
    expect(asShown(3)).toEqual([[0], [1], [2]])
    expect(standings(tied)).toEqual([{ response: 0, place: 1, tied: false }, { response: 1, place: 2, tied: false }, { response: 2, place: 2, tied: true }, { response: 3, place: 4, tied: false }])
  })

  it('moves one past its neighbours, equals as one', () => {
    expect(move(asShown(3), 2, -1)).toEqual([[0], [2], [1]])
    expect(move(tied, 3, -1)).toEqual([[0], [3], [1, 2]])
    expect(move(tied, 0, 1)).toEqual([[1, 2], [0], [3]])
    expect(move(tied, 0, -1)).toEqual(tied)
    expect(move(tied, 3, 1)).toEqual(tied)
  })

  it('takes one out of its equals before it moves on', () => {
    expect(move(tied, 2, -1)).toEqual([[0], [2], [1], [3]])
    expect(move(tied, 1, 1)).toEqual([[0], [2], [1], [3]])
  })

  it('puts one on a place', () => {
    expect(putAt(asShown(4), 3, 1)).toEqual([[3], [0], [1], [2]])
    expect(putAt(asShown(4), 0, 4)).toEqual([[1], [2], [3], [0]])
    expect(putAt(asShown(4), 0, 9)).toEqual([[1], [2], [3], [0]])
    expect(putAt(tied, 3, 3)).toEqual([[0], [3], [1, 2]])
    expect(putAt(tied, 1, 1)).toEqual([[1], [0], [2], [3]])
  })

  it('ties with the one above, and parts again at the same line', () => {
    const once = tieWithAbove(asShown(3), 1)
    expect(once).toEqual([[0, 1], [2]])
    const twice = tieWithAbove(once, 2)
    expect(twice).toEqual([[0, 1, 2]])
    expect(tieWithAbove(twice, 1)).toEqual([[0], [1, 2]])
    expect(tieWithAbove(asShown(3), 0)).toEqual(asShown(3))
  })

  it('is told from a draft that belongs to other responses', () => {
    expect(isOrderOf([[1], [0, 2]], 3)).toBe(true)
    expect(isOrderOf([[1], [0]], 3)).toBe(false)
    expect(isOrderOf([[1], [1, 0]], 3)).toBe(false)
    expect(isOrderOf([[1], [0, 2], []], 3)).toBe(false)
    expect(isOrderOf(null, 3)).toBe(false)
  })
})
