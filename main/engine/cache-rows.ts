/** The key/value cache of one sampling batch, on the CPU: plain arrays that the decoding graph reads as feeds. */
import type { ModelConfig } from '../../native-models/weights/config.ts'
import { type DeviceTensor, tensor } from './sessions.ts'

export interface KeyValueCache {
  /** `cache.keys.i` [rows, kvHeads, capacity, headDim], `cache.values.i` [rows, kvHeads, headDim, capacity], and `slots`. */
  readonly feeds: Readonly<Record<string, DeviceTensor>>
  readonly layers: number
  readonly capacity: number
}

export function emptyCache({ layers, kvHeads, headDim }: ModelConfig, rows: number, capacity: number): KeyValueCache {
  const feeds: Record<string, DeviceTensor> = { slots: tensor('float32', [1, 1, 1, capacity], Float32Array.from({ length: capacity }, (_, i) => i)) }
  for (let layer = 0; layer < layers; layer++) {
    feeds[`cache.keys.${layer}`] = tensor('float32', [rows, kvHeads, capacity, headDim], new Float32Array(rows * kvHeads * capacity * headDim))
    feeds[`cache.values.${layer}`] = tensor('float32', [rows, kvHeads, headDim, capacity], new Float32Array(rows * kvHeads * headDim * capacity))
  }
  return { feeds, layers, capacity }
}

/** The same cache with room for more. Every decoding step reads all slots, so a cache starts small. */
export function grownCache(cache: KeyValueCache, config: ModelConfig, rows: number, capacity: number): KeyValueCache {
  const grown = emptyCache(config, rows, capacity)
  for (const [name, { data }] of Object.entries(cache.feeds)) {
    if (name === 'slots') continue
    const [from, to] = [data as Float32Array, grown.feeds[name]!.data as Float32Array]
    const run = cache.capacity * (name.startsWith('cache.keys.') ? config.headDim : 1) // what lies together in both
    for (let at = 0; at < from.length; at += run) to.set(from.subarray(at, at + run), (at / cache.capacity) * capacity)
  }
  return grown
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
