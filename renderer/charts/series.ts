/** Maths of line charts: smoothing, and as many points as the screen can show. */

/**
 * Exponential moving average without the bias towards 0 at the start: s_i = Σ w^(i−k) v_k / Σ w^(i−k).
 * @param weight of the past, in [0, 1); 0 changes nothing
 */
export function smooth(values: readonly number[], weight: number): number[] {
  let [sum, total] = [0, 0]
  return values.map((value) => {
    sum = weight * sum + value
    total = weight * total + 1
    return sum / total
  })
}

/** Of every column of pixels the first, lowest, highest and last point, in order: what a line of all points would cover. @returns indices */
export function thin(xs: readonly number[], ys: readonly number[], columns: number): number[] {
  if (xs.length <= 4 * columns) return xs.map((_, i) => i)
  const [start, end] = [xs[0]!, xs.at(-1)!]
  const columnOf = (i: number): number => Math.min(columns - 1, Math.floor(((xs[i]! - start) / (end - start)) * columns))
  const kept: number[] = []
  for (let first = 0; first < xs.length; ) {
    let [last, low, high] = [first, first, first]
    for (; last + 1 < xs.length && columnOf(last + 1) === columnOf(first); last++) {
      if (ys[last + 1]! < ys[low]!) low = last + 1
      if (ys[last + 1]! > ys[high]!) high = last + 1
    }
    kept.push(...new Set([first, Math.min(low, high), Math.max(low, high), last]))
    first = last + 1
  }
  return kept
}

/** The range of all values, a little wider, never empty. */
export function rangeOf(values: readonly number[]): [number, number] {
  let [low, high] = [Infinity, -Infinity]
  for (const value of values) {
    if (value < low) low = value
    if (value > high) high = value
  }
  if (low > high) return [0, 1]
  const pad = high === low ? Math.abs(high) * 0.1 || 1 : (high - low) * 0.06
  return [low - pad, high + pad]
}
