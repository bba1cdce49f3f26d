/** Geometry of bump and slope charts: a place for every response under every judge, and which lines cross. */

/** Null = the judge did not rank it. From 1 = best; ties share the mean of their places. */
export type Rank = number | null

/** One response between two judges that stand side by side; `crosses` = the order with some other response turns round here. */
export interface Segment {
  readonly from: number
  readonly crosses: boolean
}

/**
 * Slots from 0 = top, one a response, so that no two share a place. Ties keep the order of the judge before (for the
 * first one: after), so that a tie alone never draws a crossing.
 * @param columns one list of ranks a judge, aligned with the responses
 * @returns aligned with `columns`; null where a response is not ranked
 */
export function slotsOf(columns: readonly (readonly Rank[])[]): (number | null)[][] {
  const slots: (number | null)[][] = []
  columns.forEach((ranks, judge) => {
    const beside = judge > 0 ? slots[judge - 1]! : (columns[1] ?? [])
    const order = ranks.flatMap((rank, i) => (rank === null ? [] : [i])).sort((a, b) => ranks[a]! - ranks[b]! || (beside[a] ?? Infinity) - (beside[b] ?? Infinity) || a - b)
    const places: (number | null)[] = ranks.map(() => null)
    order.forEach((response, slot) => (places[response] = slot))
    slots.push(places)
  })
  return slots
}

/** Pairs of responses that two judges put in opposite orders; a tie of either judge is no opposition. */
export function countSwaps(left: readonly Rank[], right: readonly Rank[]): { swaps: number; pairs: number } {
  let [swaps, pairs] = [0, 0]
  for (let i = 0; i < left.length; i++) {
    for (let j = 0; j < i; j++) {
      const order = orderOf(left, right, i, j)
      if (order === null) continue
      pairs++
      if (order < 0) swaps++
    }
  }
  return { swaps, pairs }
}

/** For one response: where each of its segments begins, and whether it crosses. A judge without a rank breaks the line. */
export function segmentsOf(columns: readonly (readonly Rank[])[], response: number): Segment[] {
  return columns.slice(1).flatMap((right, from) => {
    const left = columns[from]!
    if (left[response] == null || right[response] == null) return []
    return [{ from, crosses: left.some((_, other) => (orderOf(left, right, response, other) ?? 0) < 0) }]
  })
}

/** > 0 = both judges order the two alike, < 0 = oppositely, 0 = one of them ties; null = one of them did not rank both. */
function orderOf(left: readonly Rank[], right: readonly Rank[], i: number, j: number): number | null {
  const [a, b, c, d] = [left[i], left[j], right[i], right[j]]
  return a == null || b == null || c == null || d == null ? null : Math.sign(a - b) * Math.sign(c - d)
}

/** '1', or '2–3' for a tie of these places: rank 2.5 shared by `sharing` responses. */
export function rankWords(rank: number, sharing: number): string {
  const half = (sharing - 1) / 2
  return sharing > 1 ? `${rank - half}–${rank + half}` : String(rank)
}

/** 'A' … 'Z', 'AA' …: names of responses that do not tell their order of sampling. */
export function letterOf(index: number): string {
  return index < 26 ? String.fromCharCode(65 + index) : letterOf(Math.floor(index / 26) - 1) + letterOf(index % 26)
}
