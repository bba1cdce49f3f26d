/** The key/value cache of one sampling batch, on the CPU: plain arrays that the decoding graph reads as feeds. */
import type { LlamaConfig } from '../../native-models/weights/config.ts'
import { type DeviceTensor, tensor } from './sessions.ts'

export interface KeyValueCache {
  /** `cache.keys.i` [rows, kvHeads, capacity, headDim] and `cache.values.i` [rows, kvHeads, headDim, capacity]. */
  readonly feeds: Readonly<Record<string, DeviceTensor>>
  readonly layers: number
}

export function emptyCache({ layers, kvHeads, headDim }: LlamaConfig, rows: number, capacity: number): KeyValueCache {
  const feeds: Record<string, DeviceTensor> = {}
  for (let layer = 0; layer < layers; layer++) {
    feeds[`cache.keys.${layer}`] = tensor('float32', [rows, kvHeads, capacity, headDim], new Float32Array(rows * kvHeads * capacity * headDim))
    feeds[`cache.values.${layer}`] = tensor('float32', [rows, kvHeads, headDim, capacity], new Float32Array(rows * kvHeads * headDim * capacity))
  }
  return { feeds, layers }
}

/**
 * Writes keys and values [sources, kvHeads, length, headDim] of one layer: `rows[i]` takes `counts[i]` positions of
 * source `sources[i]` into its slots from `starts[i]` on.
 */
export function writeRows(
  cache: KeyValueCache,
  layer: number,
  keys: DeviceTensor,
  values: DeviceTensor,
  rows: readonly { readonly row: number; readonly source: number; readonly start: number; readonly count: number }[],
): void {
  const keyCache = cache.feeds[`cache.keys.${layer}`]!
  const [, kvHeads, capacity, headDim] = keyCache.dims as [number, number, number, number]
  const length = keys.dims[2]!
  const [toKeys, toValues] = [keyCache.data as Float32Array, cache.feeds[`cache.values.${layer}`]!.data as Float32Array]
  const [fromKeys, fromValues] = [keys.data as Float32Array, values.data as Float32Array]
  for (const { row, source, start, count } of rows) {
    for (let h = 0; h < kvHeads; h++) {
      const from = (source * kvHeads + h) * length * headDim
      const to = (row * kvHeads + h) * headDim * capacity
      toKeys.set(fromKeys.subarray(from, from + count * headDim), to + start * headDim)
      for (let t = 0; t < count; t++) {
        for (let d = 0; d < headDim; d++) toValues[to + d * capacity + start + t] = fromValues[from + t * headDim + d]!
      }
    }
  }
}
