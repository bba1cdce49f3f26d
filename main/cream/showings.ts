/** In which order and on which sides an audit shows its pairs, hidden repeats included. */
import { type Random, shuffled } from './shuffle.ts'

/** Side a is shown first (left), side b second (right). */
export type Side = 'a' | 'b'

/** One screen of the session. Only the two responses on their sides may leave main before it is judged. */
export interface Showing {
  readonly pairId: string
  /** Where the judge's chosen response stands. */
  readonly chosenSide: Side
  /** The pair's second showing, sides swapped. */
  readonly repeat: boolean
}

export interface ShowingOptions {
  /** Hidden repeats per pair; they come on top. */
  readonly repeatShare: number
  /** Other pairs shown between a pair and its repeat, at least. */
  readonly repeatGap: number
}

/** Separate streams of random numbers. */
const streams = { order: 1, sides: 2, repeated: 3, place: 4 }

/**
 * Every pair once, in random order, so that the part judged when a person stops early is a random part. The judge's choice
 * stands on each side equally often (± 1). Repeats are round(share · pairs), as far as the gap leaves room for.
 */
export function arrangeShowings(pairIds: readonly string[], { repeatShare, repeatGap }: ShowingOptions, random: Random, ...key: readonly number[]): Showing[] {
  const n = pairIds.length
  const sides = shuffled(pairIds.map((_, i): Side => (i % 2 === 0 ? 'a' : 'b')), random, ...key, streams.sides)
  const firsts = shuffled(pairIds, random, ...key, streams.order).map((pairId, i): Showing => ({ pairId, chosenSide: sides[i]!, repeat: false }))
  const repeatable = firsts.map((_, i) => i).slice(0, Math.max(0, n - repeatGap))
  const repeated = shuffled(repeatable, random, ...key, streams.repeated).slice(0, Math.round(repeatShare * n))
  /** By the first showing that a repeat comes right before; n = after the last. */
  const before = Map.groupBy(repeated, (i) => {
    const earliest = i + repeatGap + 1
    return earliest + Math.floor(random(...key, streams.place, i) * (n + 1 - earliest))
  })
  const repeatsBefore = (i: number) => (before.get(i) ?? []).map((first): Showing => ({ ...swapped(firsts[first]!), repeat: true }))
  return [...firsts.flatMap((showing, i) => [...repeatsBefore(i), showing]), ...repeatsBefore(n)]
}

function swapped(showing: Showing): Showing {
  return { ...showing, chosenSide: otherSide(showing.chosenSide) }
}

export function otherSide(side: Side): Side {
  return side === 'a' ? 'b' : 'a'
}
