/** Which words of two texts the other one lacks. */
import { diffWords } from 'diff'

export interface Piece {
  readonly text: string
  /** Not in the other text. */
  readonly isOwn: boolean
}

const LONGEST = 250 // milliseconds; two long texts without a common word would take minutes

/** Each text in pieces, in order; null where comparing takes too long. */
export function wordDiff(a: string, b: string): { a: Piece[]; b: Piece[] } | null {
  const changes = diffWords(a, b, { timeout: LONGEST })
  if (!changes) return null
  return {
    a: changes.filter(({ added }) => !added).map(({ value, removed }) => ({ text: value, isOwn: removed })),
    b: changes.filter(({ removed }) => !removed).map(({ value, added }) => ({ text: value, isOwn: added })),
  }
}
