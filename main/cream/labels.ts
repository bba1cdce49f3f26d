/** The consistency C each pair trains with (CREAM §4.3; METHOD §2g, §3): the probability that its label is right. */
import type { Method } from '../../preload/contract/domain.ts'
import { AppError, assertNever } from '../../preload/contract/errors.ts'
import { meanConsistency } from './consistency.ts'

export interface LabelOptions {
  /** The constant C of method `fixed-c`. */
  readonly fixedConsistency: number
  /** Lift every C below ½ to ½. */
  readonly clamp: boolean
  /** `cream-dyn` only: what a prompt without a C takes. */
  readonly whenNull: 'skip' | 'mean'
  /** Go on although the mean C is below ½. */
  readonly acceptReversed: boolean
}

export interface Labels<Id> {
  /** The C to train with, by prompt id; null = skip the pair ('no-consistency'). */
  readonly consistencies: ReadonlyMap<Id, number | null>
  /** Mean of the measured C, before any clamp; null when no prompt has one. */
  readonly meanConsistency: number | null
  /** Prompts whose measured C is null. */
  readonly nulls: number
  /** Share of the prompts with a measured C whose C is below ½: `cream-dyn` would train these towards the reversed preference. */
  readonly shareBelowHalf: number
  /** Share of the labels trained with (after the clamp, skips aside) that are below ½. */
  readonly shareReversed: number
}

/**
 * srlm, oracle: 1. cream-avg: the mean C, also for prompts without one. cream-dyn: the prompt's own C. fixed-c: a constant.
 * `measured` holds every ranked prompt, those without a pair too: the mean is over prompts. The clamp acts on the label,
 * so cream-avg clamps the mean, not its terms.
 * Throws AppError('method-stopped') when C is needed and no prompt has one, and when the mean label is below ½ and is
 * neither clamped nor accepted.
 */
export function labelConsistencies<Id>(
  method: Method,
  measured: ReadonlyMap<Id, number | null>,
  options: LabelOptions,
): Labels<Id> {
  const known = [...measured.values()].filter((c) => c !== null)
  const mean = meanConsistency(known)
  const labelOf = labelRule(method, mean, options)
  const consistencies = new Map([...measured].map(([id, c]) => [id, labelOf(c)]))
  const labels = [...consistencies.values()].filter((c) => c !== null)
  return {
    consistencies,
    meanConsistency: mean,
    nulls: measured.size - known.length,
    shareBelowHalf: shareBelowHalf(known),
    shareReversed: shareBelowHalf(labels),
  }
}

type LabelRule = (measured: number | null) => number | null

function labelRule(method: Method, mean: number | null, options: LabelOptions): LabelRule {
  const clamped = (c: number) => (options.clamp ? Math.max(0.5, c) : c)
  switch (method) {
    case 'srlm':
    case 'oracle':
      return () => 1
    case 'fixed-c': {
      const fixed = acceptMean(options.fixedConsistency, options)
      return () => clamped(fixed)
    }
    case 'cream-avg': {
      const average = acceptMean(mean, options)
      return () => clamped(average)
    }
    case 'cream-dyn': {
      const average = acceptMean(mean, options)
      return (own) => (own === null && options.whenNull === 'skip' ? null : clamped(own ?? average))
    }
    default:
      return assertNever(method)
  }
}

/** METHOD §3: below ½ the loss trains towards the reversed preference, so training stops unless a person said otherwise. */
function acceptMean(mean: number | null, { clamp, acceptReversed }: LabelOptions): number {
  if (mean === null) {
    throw new AppError(
      'method-stopped',
      'No prompt has a consistency: for every prompt a judge gave all responses the same reward, or the responses were identical. ' +
        'Sample more varied responses (a higher temperature, more responses a prompt), or train with the method srlm.',
    )
  }
  if (mean < 0.5 && !clamp && !acceptReversed) {
    throw new AppError(
      'method-stopped',
      `The mean consistency is ${mean.toFixed(3)}, below 0.5: so training would run towards the reversed preference. ` +
        'Clamp C to [0.5, 1], compare the judges by another first-iteration rule or statistic, or accept reversed labels (--accept-reversed).',
    )
  }
  return mean
}

function shareBelowHalf(consistencies: readonly number[]): number {
  return consistencies.length === 0 ? 0 : consistencies.filter((c) => c < 0.5).length / consistencies.length
}
