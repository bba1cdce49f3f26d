import { describe, expect, it } from 'vitest'
import { pagesToDrop } from '../../renderer/state/pages.ts'

describe('pages of a long list', () => {
  it('all stay while there is room', () => expect(pagesToDrop([0, 1, 2], [1, 1], 3)).toEqual([]))
  it('go farthest first, on whichever side', () => expect(pagesToDrop([0, 1, 5, 6, 9, 30], [5, 6], 4)).toEqual([30, 1]))
  it('never go while they are in sight, nor the first one, however few may stay', () => expect(pagesToDrop([7, 0, 3, 4], [3, 4], 0)).toEqual([7]))
})
