/** Which pages of a long list are worth keeping. */

/**
 * Those to let go of so that `most` stay: the farthest from what is in sight first. What is in sight stays, and so does
 * page 0, whose first row is shown where nobody has chosen one.
 * @param inSight first and last page, inclusive
 */
export function pagesToDrop(kept: readonly number[], [first, last]: readonly [number, number], most: number): number[] {
  const distance = (page: number): number => Math.max(first - page, page - last, 0)
  return kept.filter((page) => page !== 0 && distance(page) > 0).sort((a, b) => distance(b) - distance(a)).slice(0, Math.max(0, kept.length - most))
}
