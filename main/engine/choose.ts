/** Draws one token from a row's distribution. Pure: the random number is given. */
import { AppError } from '../../preload/contract/errors.ts'

export interface Candidates {
  /** Largest logits over temperature, descending, and their token ids. */
  readonly values: Float32Array
  readonly ids: ArrayLike<number | bigint>
  /** log Σ exp over the whole vocabulary. */
  readonly logSum: number
}

export interface Cut {
  /** Smallest set of likeliest tokens with at least this probability. */
  readonly topP: number
  /** At most so many; 0 = no limit. */
  readonly topK: number
}

/**
 * Inverse-CDF sampling over tokens from likeliest to least, cut by top-k, then top-p (transformers' order and
 * inclusion rule: the token that crosses top-p stays). Null where the candidates hold too little to decide: ask for
 * the whole row then.
 * @throws AppError 'bad-model' when the row is not numbers
 */
export function chooseToken({ values, ids, logSum }: Candidates, { topP, topK }: Cut, u: number, complete: boolean): number | null {
  if (!Number.isFinite(logSum)) throw new AppError('bad-model', 'The model’s next-token scores are not numbers; its weights are damaged or its training diverged. Use an earlier model.')
  // What a top-k beyond the candidates holds, which renormalises the rest, is not known yet.
  if (topK > values.length && !complete) return null
  const limit = topK > 0 ? Math.min(topK, values.length) : values.length
  const isAll = complete || topK > 0
  const probabilities = new Float64Array(limit)
  let held = 0
  for (let i = 0; i < limit; i++) held += probabilities[i] = Math.exp(values[i]! - logSum)
  const whole = topK > 0 ? held : 1 // top-k renormalises before top-p looks
  let kept = 0
  let count = 0
  while (count < limit && kept < topP * whole) kept += probabilities[count++]!
  if (kept < topP * whole && !isAll) {
    // Without a cut (top-p 1) the draw itself may still fall among the candidates.
    if (topP < 1 || u >= held) return null
    kept = 1
  }
  let remaining = u * kept
  for (let i = 0; i < count; i++) {
    remaining -= probabilities[i]!
    if (remaining < 0) return Number(ids[i]!)
  }
  return Number(ids[count - 1]!)
}

/**
 * A whole row of logits as candidates, sorted; ties go to the lower id. Left out is what no cut at `topP` (alone) reaches:
 * tokens less likely than (1 − topP) / V together hold less than 1 − topP. Sorting the rest takes a tenth of the time.
 */
export function allCandidates(logits: Float32Array, topP = 1): Candidates {
  let max = -Infinity
  for (const logit of logits) max = Math.max(max, logit)
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - max)
  const logSum = max + Math.log(sum)
  const least = logSum + Math.log((1 - topP) / logits.length / 2) // half, for rounding; −∞ at top-p 1
  const ids: number[] = []
  logits.forEach((logit, id) => logit < least || ids.push(id))
  ids.sort((a, b) => logits[b]! - logits[a]! || a - b)
  return { values: Float32Array.from(ids, (id) => logits[id]!), ids, logSum }
}
