/** One judge's ranking of one prompt's responses. Higher reward is better; rank 1 is best. */

export type ResponseId = string | number

/** Two rewards tie iff |a − b| ≤ tolerance. Not transitive for a tolerance above 0, so ties are always asked for pairwise. */
export function isTied(a: number, b: number, tolerance: number): boolean {
  return Math.abs(a - b) <= tolerance
}

/** +1 when `a` beats `b`, −1 when it loses, 0 when they tie. */
export function compareRewards(a: number, b: number, tolerance: number): -1 | 0 | 1 {
  return isTied(a, b, tolerance) ? 0 : a > b ? 1 : -1
}

/**
 * Average ranks: rank of i = 1 + #{j better by more than the tolerance} + ½ #{j ≠ i tied with i}.
 * With tolerance 0 these are the usual average ranks. With a tolerance there are no tie groups to average over; this form
 * needs none, still sums to n(n+1)/2 (each pair hands out exactly one place), never ranks a higher reward below a lower
 * one, and is constant only when every pair ties. [3, 1, 3, 0] → [1.5, 3, 1.5, 4].
 */
export function averageRanks(rewards: readonly number[], tolerance = 0): number[] {
  return rewards.map((own) =>
    rewards.reduce((rank, other) => rank + (1 - compareRewards(own, other, tolerance)) / 2, 0.5),
  )
}

/** Pairs whose rewards tie, of n(n−1)/2. */
export function countTies(rewards: readonly number[], tolerance = 0): number {
  let ties = 0
  rewards.forEach((a, i) => rewards.slice(i + 1).forEach((b) => (ties += isTied(a, b, tolerance) ? 1 : 0)))
  return ties
}

export interface Place<Id extends ResponseId> {
  readonly id: Id
  readonly reward: number
  /** Average rank, 1 = best. */
  readonly rank: number
}

export interface Ranking<Id extends ResponseId> {
  /** Best first; equal ranks by id, so the order never depends on the order of the input. */
  readonly places: readonly Place<Id>[]
  readonly tolerance: number
}

/** Ranks one prompt's responses: {a: 1, b: 3, c: 2} → b, c, a. */
export function ranking<Id extends ResponseId>(rewards: ReadonlyMap<Id, number>, tolerance = 0): Ranking<Id> {
  const ids = [...rewards.keys()]
  const values = [...rewards.values()]
  const ranks = averageRanks(values, tolerance)
  const places = ids.map((id, i) => ({ id, reward: values[i]!, rank: ranks[i]! }))
  return { places: places.sort((a, b) => a.rank - b.rank || compareIds(a.id, b.id)), tolerance }
}

export function compareIds(a: ResponseId, b: ResponseId): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The first of the order: the highest reward, tied ones by id. */
export function bestOf<Id extends ResponseId>({ places }: Ranking<Id>): Id | undefined {
  return places[0]?.id
}

/** The last of the order. */
export function worstOf<Id extends ResponseId>({ places }: Ranking<Id>): Id | undefined {
  return places.at(-1)?.id
}

/** Rank under the previous judge − rank under the current one, by id: positive = the current judge likes it better. */
export function rankDifferences<Id extends ResponseId>(current: Ranking<Id>, previous: Ranking<Id>): Map<Id, number> {
  const before = new Map(previous.places.map(({ id, rank }) => [id, rank]))
  return new Map(current.places.flatMap(({ id, rank }) => (before.has(id) ? [[id, before.get(id)! - rank] as const] : [])))
}

/**
 * Would the previous judge have trained the current judge's best–worst pair the other way round? True when it puts the
 * current worst above the current best by more than its own tolerance. Not symmetric: the pair is the current judge's.
 */
export function isFlipped<Id extends ResponseId>(current: Ranking<Id>, previous: Ranking<Id>): boolean {
  const best = previous.places.find(({ id }) => id === bestOf(current))
  const worst = previous.places.find(({ id }) => id === worstOf(current))
  return best !== undefined && worst !== undefined && compareRewards(worst.reward, best.reward, previous.tolerance) > 0
}
