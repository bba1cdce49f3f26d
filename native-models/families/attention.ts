/** Grouped-query attention over a whole sequence, or over a cache. Heads that share keys are folded into rows, so keys are never repeated. */
import type { GraphBuilder } from '../onnx/builder.ts'
import type { Value } from '../onnx/types.ts'
import type { ModelConfig, Rope } from '../weights/model-config.ts'
import { type RopeTables, ropeTables, rotate } from './rope.ts'

export type AttentionShape = Pick<ModelConfig, 'heads' | 'kvHeads' | 'headDim' | 'queryScale' | 'scoreCap' | 'rope' | 'localRope' | 'windows'>

/** q [n, heads·headDim], k and v [n, kvHeads·headDim] of one layer → [n, heads·headDim]. */
export type Attention = (q: Value, k: Value, v: Value, layer: number) => Value

/** Keys and values of a layer, rotated, [rows, kvHeads, length, headDim]: what a cache holds. */
export type KeepKeys = (layer: number, keys: Value, values: Value) => void

/** What a layer turns by, made once per rope: layers with a window may have one of their own. */
export function perRope<T>({ rope, localRope, windows }: AttentionShape, make: (rope: Rope) => T): (layer: number) => T {
  const wide = make(rope)
  const local = localRope === rope ? wide : make(localRope)
  return (layer) => (windows[layer] === null ? wide : local)
}

/** What a layer sees by, made once per window; one of at least `length` tokens is none. */
export function perWindow<T>({ windows }: AttentionShape, length: number, make: (window: number | null) => T): (layer: number) => T {
  const short = windows.map((window) => (window !== null && window < length ? window : null))
  const made = new Map([...new Set(short)].map((window) => [window, make(window)]))
  return (layer) => made.get(short[layer]!)!
}

/** The cap on scores, x → cap·tanh(x/cap); the division is folded into the query's rotation, as the factor on scores is. */
export const capped = (b: GraphBuilder, { scoreCap }: AttentionShape, scores: Value): Value => (scoreCap === null ? scores : b.scale(b.tanh(scores), scoreCap))
export const queryFactor = ({ queryScale, scoreCap }: AttentionShape): number => queryScale / (scoreCap ?? 1)

/** Additive mask for "not visible": far below any score, finite so that no row can become NaN. */
export const HIDDEN = -1e9

/**
 * Queries are taken in blocks of so many positions, each against the keys up to its end: nearly half of the products
 * would be masked. At most 8 blocks, since WebGPU's Split has few outputs.
 */
const blockOf = (length: number): number => Math.max(128, 16 * Math.ceil(length / 128))

/**
 * Causal attention of `rows` sequences of `length` tokens each. Padding stands at the end, so the causal mask also
 * hides it from every real token.
 */
export function causalAttention(b: GraphBuilder, shape: AttentionShape, rows: number, length: number, keep?: KeepKeys): Attention {
  const { heads, kvHeads, headDim } = shape
  const group = heads / kvHeads
  const turns = perRope(shape, (rope) => ({
    queries: perPosition(b, ropeTables(b, rope, headDim, length, queryFactor(shape))),
    keys: perPosition(b, ropeTables(b, rope, headDim, length)),
  }))
  const starts = Array.from({ length: Math.ceil(length / blockOf(length)) }, (_, i) => i * blockOf(length))
  const blocks = starts.map((start, i) => ({ start, size: (starts[i + 1] ?? length) - start, end: starts[i + 1] ?? length }))
  const masks = perWindow(shape, length, (window) => blocks.map(({ start, size, end }) => {
    const isSeen = (query: number, key: number): boolean => key <= query && (window === null || key > query - window)
    return b.floats(Float64Array.from({ length: group * size * end }, (_, i) => (isSeen(start + (Math.floor(i / end) % size), i % end) ? 0 : HIDDEN)), [group * size, end])
  }))
  const upTo = (x: Value, end: number, axis: number): Value => (end === length ? x : b.slice(x, 0, end, axis))

  return (q, k, v, layer) => {
    const turn = turns(layer)
    const queries = b.transpose(rotate(b, b.reshape(q, [rows, length, heads, headDim]), turn.queries), [0, 2, 1, 3])
    const rotated = rotate(b, b.reshape(k, [rows, length, kvHeads, headDim]), turn.keys)
    const values = b.transpose(b.reshape(v, [rows, length, kvHeads, headDim]), [0, 2, 1, 3])
    const keys = b.transpose(rotated, [0, 2, 3, 1])
    keep?.(layer, b.transpose(rotated, [0, 2, 1, 3]), values)
    const parts = blocks.length === 1 ? [queries] : b.split(queries, blocks.map(({ size }) => size), 2)
    const mixed = blocks.map(({ size, end }, i) => {
      const scores = capped(b, shape, b.matmul(b.reshape(parts[i]!, [rows, kvHeads, group * size, headDim]), upTo(keys, end, 3)))
      return b.reshape(b.matmul(b.softmax(b.add(scores, masks(layer)[i]!)), upTo(values, end, 2)), [rows, heads, size, headDim])
    })
    return b.reshape(b.transpose(b.concat(mixed, 2), [0, 2, 1, 3]), [rows * length, heads * headDim])
  }
}

/** [positions, headDim] → [positions, 1, headDim], to broadcast over heads. */
function perPosition(b: GraphBuilder, { cos, sin }: RopeTables): RopeTables {
  const spread = (table: Value): Value => b.reshape(table, [table.shape[0]!, 1, table.shape[1]!])
  return { cos: spread(cos), sin: spread(sin) }
}

/**
 * The cache of one layer: keys [rows, kvHeads, capacity, headDim], values [rows, kvHeads, headDim, capacity]. So both can be
 * the left factor of their product, which the CPU reads as it lies; a right one it repacks, here for a few queries only.
 */
export interface LayerCache {
  readonly keys: Value
  readonly values: Value
}

/**
 * One new token per row against a cache. `lengths` int64 [rows, 1] is how many slots are filled, and so the position of
 * the new token; `slots` [1, 1, 1, capacity] numbers the slots. The new token's own key and value stay outside the cache:
 * the caller writes them. Nothing here depends on how many slots there are, so a run may feed fewer.
 */
export function cachedAttention(b: GraphBuilder, shape: AttentionShape, rows: number, lengths: Value, slots: Value, cacheOf: (layer: number) => LayerCache, keep: KeepKeys): Attention {
  const { heads, kvHeads, headDim } = shape
  const group = heads / kvHeads
  const capacity = slots.shape[3]!
  const atPosition = (rope: Rope, scale: number): RopeTables => {
    const { cos, sin } = ropeTables(b, rope, headDim, capacity + 1, scale)
    const pick = (table: Value): Value => b.reshape(b.gather(table, lengths), [rows, 1, headDim])
    return { cos: pick(cos), sin: pick(sin) }
  }
  const turns = perRope(shape, (rope) => ({ queries: atPosition(rope, queryFactor(shape)), keys: atPosition(rope, 1) }))
  const filled = b.input('filled', b.float, [rows, 1, 1, 1])
  const past = b.where(b.less(slots, filled), b.scalar(0), b.scalar(HIDDEN))
  const masks = perWindow(shape, capacity + 1, (window) => (window === null ? past : b.where(b.greater(slots, b.sub(filled, b.scalar(window))), past, b.scalar(HIDDEN))))

  const turned = (x: Value): Value => b.transpose(x, [0, 1, 3, 2])

  return (q, k, v, layer) => {
    const cache = cacheOf(layer)
    const turn = turns(layer)
    const queries = b.reshape(rotate(b, b.reshape(q, [rows, heads, headDim]), turn.queries), [rows, kvHeads, group, headDim])
    const key = b.reshape(rotate(b, b.reshape(k, [rows, kvHeads, headDim]), turn.keys), [rows, kvHeads, 1, headDim])
    const value = b.reshape(v, [rows, kvHeads, 1, headDim])
    keep(layer, key, value)
    const before = b.add(capped(b, shape, turned(b.matmul(cache.keys, turned(queries)))), masks(layer))
    const own = capped(b, shape, b.reduceSum(b.mul(queries, key), [-1]))
    // The softmax over past and own together, in its parts.
    const max = b.max(b.reduceMax(before, [-1]), own)
    const [ePast, eOwn] = [b.exp(b.sub(before, max)), b.exp(b.sub(own, max))]
    const mixed = b.add(turned(b.matmul(cache.values, turned(ePast))), b.mul(eOwn, value))
    return b.reshape(b.div(mixed, b.add(b.reduceSum(ePast, [-1]), eOwn)), [rows, heads * headDim])
  }
}
