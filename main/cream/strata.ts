/** Strata of the spot-check: cells of C × flipped × margin × length ratio, merged until an audit can afford one pair in each. */

/** A judged pair, as far as its place in the audit depends on it. */
export interface AuditPair {
  /** The prompt's id: a ranking set has one pair a prompt. */
  readonly id: string
  /** The prompt's measured C, before any mean or clamp; null when it has none. */
  readonly consistency: number | null
  /** Reward of chosen − reward of rejected, above 0. */
  readonly margin: number
  /** Lengths of the two responses, in one unit (tokens or characters). */
  readonly chosenLength: number
  readonly rejectedLength: number
  /** Would the previous judge have trained the pair the other way round? */
  readonly flipped: boolean
}

/** Members in the order given. */
export type Stratum = readonly AuditPair[]

/** Lower edges of the upper C buckets: doubtful, middling, firm. */
const consistencyEdges = [0.5, 0.75]
/** A response this many times longer than the other counts as longer. */
const longer = 1.25

/**
 * At most `limit` strata that partition the pairs. While there are more, the smallest is merged with the neighbour that
 * shares more leading traits (equal: with the smaller), so that length is given up first and C last.
 */
export function stratify(pairs: readonly AuditPair[], limit: number): Stratum[] {
  const margins = tercilesOf(pairs.map(({ margin }) => margin))
  const cells = [...Map.groupBy(pairs, (pair) => cellOf(pair, margins))]
    .sort(([a], [b]) => a - b)
    .map(([cell, members]) => ({ cell, members }))
  while (cells.length > limit) {
    const smallest = cells.reduce((least, { members }, i) => (members.length < cells[least]!.members.length ? i : least), 0)
    const nearness = (i: number) => sharedTraits(cells[smallest]!.cell, cells[i]!.cell)
    const [nearest] = [smallest - 1, smallest + 1]
      .filter((i) => i in cells)
      .sort((i, j) => nearness(j) - nearness(i) || cells[i]!.members.length - cells[j]!.members.length)
    const left = Math.min(smallest, nearest!)
    const [a, b] = [cells[left]!, cells[left + 1]!]
    const { cell } = a.members.length < b.members.length ? b : a // the larger part says what the whole is like
    cells.splice(left, 2, { cell, members: [...a.members, ...b.members] })
  }
  return cells.map(({ members }) => members)
}

/** Values of each trait, the most telling first: C bucket (or none), flipped, margin tercile, chosen shorter / alike / longer. */
const radices = [4, 2, 3, 3]

/** The traits as the digits of one number. */
function cellOf({ consistency, flipped, margin, chosenLength, rejectedLength }: AuditPair, margins: readonly number[]): number {
  const length = chosenLength > longer * rejectedLength ? 2 : rejectedLength > longer * chosenLength ? 0 : 1
  const digits = [consistency === null ? 0 : 1 + bucket(consistency, consistencyEdges), Number(flipped), bucket(margin, margins), length]
  return digits.reduce((cell, digit, i) => cell * radices[i]! + digit, 0)
}

/** How many leading digits two different cells share. */
function sharedTraits(a: number, b: number): number {
  let shared = radices.length
  for (; a !== b; shared--) {
    a = Math.floor(a / radices[shared - 1]!)
    b = Math.floor(b / radices[shared - 1]!)
  }
  return shared
}

/** How many edges the value has reached. */
function bucket(value: number, edges: readonly number[]): number {
  return edges.reduce((reached, edge) => reached + Number(value >= edge), 0)
}

function tercilesOf(values: readonly number[]): number[] {
  const sorted = Float64Array.from(values).sort()
  return [1, 2].map((third) => sorted[Math.floor((third * sorted.length) / 3)]!)
}

/**
 * How many pairs each stratum gives: in proportion to its population, rounded as Huntington and Hill apportion (one by one to
 * the highest N / √(n(n+1)), which is the optimum in whole numbers for equal spreads; Wright 2012), from `atLeast` up to its
 * population, until `size` are given out. No tilt towards where C promises doubt: that would believe the judge that is being
 * audited, and where it is sure and wrong the interval's coverage fell to 82 % in simulation.
 */
export function allocate(strata: readonly { population: number; atLeast: number }[], size: number): number[] {
  const sizes = strata.map(({ atLeast }) => atLeast)
  const priority = ({ population }: { population: number }, n: number) => (n < population ? population / Math.sqrt(n * (n + 1)) : 0)
  const priorities = strata.map((stratum, h) => priority(stratum, sizes[h]!))
  for (let left = size - sizes.reduce((sum, n) => sum + n, 0); left > 0; left--) {
    const next = priorities.reduce((top, own, h) => (own > priorities[top]! ? h : top), 0)
    priorities[next] = priority(strata[next]!, ++sizes[next]!)
  }
  return sizes
}
