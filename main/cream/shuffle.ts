/** Randomness comes in as a pure function of a key, so that a plan depends on its seed and on nothing drawn before. */

/** Uniform in [0, 1) for this key; the same key always gives the same number. */
export type Random = (...key: readonly number[]) => number

/** The items in a random order (Fisher–Yates); `key` keeps one shuffle's draws apart from another's. */
export function shuffled<T>(items: readonly T[], random: Random, ...key: readonly number[]): T[] {
  const order = [...items]
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random(...key, i) * (i + 1))
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}
