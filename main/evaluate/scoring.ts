/** From verdicts to figures with their uncertainty. Items are the unit that is drawn at random, never single samples. */
import { AppError } from '../../preload/contract/errors.ts'
import { wilson } from '../cream/proportion.ts'

export interface Accuracy {
  accuracy: number
  correct: number
  items: number
  /** Wilson's 95 % interval: never leaves [0, 1], and is honest at 0 % and 100 %. */
  low: number
  high: number
}

/** Accuracy of one answer per item (greedy decoding). */
export function scoreGreedy(verdicts: ReadonlyMap<string, boolean>): Accuracy {
  const items = countItems(verdicts)
  const correct = [...verdicts.values()].filter(Boolean).length
  const accuracy = correct / items
  return { accuracy, correct, items, ...wilson(accuracy, items) }
}

export interface SampledAccuracy {
  /** Mean over items of the share of an item's samples that are right. */
  accuracy: number
  /** Clustered by item: samples of one question are not independent. Null for a single item. */
  standardError: number | null
  items: number
  samples: number
}

/** Accuracy of several sampled answers per item. */
export function scoreSampled(verdicts: ReadonlyMap<string, readonly boolean[]>): SampledAccuracy {
  const shares = itemShares(verdicts)
  const { mean, standardError } = meanOf([...shares.values()])
  const samples = [...verdicts.values()].reduce((sum, list) => sum + list.length, 0)
  return { accuracy: mean, standardError, items: shares.size, samples }
}

/** Share of right samples per item id: the input of `compareItems`. */
export function itemShares(verdicts: ReadonlyMap<string, readonly boolean[]>): Map<string, number> {
  countItems(verdicts)
  return new Map(
    [...verdicts].map(([id, list]) => {
      if (list.length === 0) throw new AppError('bad-data', `Task item ${id} has no sampled answer; sample it before scoring.`)
      return [id, list.filter(Boolean).length / list.length]
    }),
  )
}

export interface PairedDifference {
  /** Mean over items of (second − first). */
  difference: number
  /** Null for a single item. */
  standardError: number | null
  /** difference / standardError; null when the error is null or 0. */
  z: number | null
  items: number
}

/**
 * How much better is the second model, item by item? Pairing removes the items' own difficulty from the error.
 * Values are per-item scores in [0, 1]; both maps must hold the same ids.
 * @throws AppError 'bad-data' when they do not.
 */
export function compareItems(first: ReadonlyMap<string, number>, second: ReadonlyMap<string, number>): PairedDifference {
  countItems(first)
  if (first.size !== second.size) throw unequalItems()
  const differences = [...first].map(([id, value]) => {
    const other = second.get(id)
    if (other === undefined) throw unequalItems()
    return other - value
  })
  const { mean, standardError } = meanOf(differences)
  return { difference: mean, standardError, z: standardError ? mean / standardError : null, items: differences.length }
}

function unequalItems(): AppError {
  return new AppError('bad-data', 'The two models were evaluated on different items; evaluate both on the same tasks before comparing them.')
}

function countItems(map: ReadonlyMap<string, unknown>): number {
  if (map.size === 0) throw new AppError('bad-data', 'There is no task item to score; give at least one.')
  return map.size
}

/** Mean and its standard error (sample variance with n − 1; null for n = 1). */
function meanOf(values: readonly number[]): { mean: number; standardError: number | null } {
  const n = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  if (n === 1) return { mean, standardError: null }
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1)
  return { mean, standardError: Math.sqrt(variance / n) }
}
