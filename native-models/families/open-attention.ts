/** Attention for graphs that leave the house: any batch, any length, a cache that grows, padding on either side. */
import type { GraphBuilder } from '../onnx/builder.ts'
import { type Value, openSizes } from '../onnx/types.ts'
import type { Rope } from '../weights/model-config.ts'
import { type Attention, type AttentionShape, HIDDEN, capped, perRope, perWindow, queryFactor } from './attention.ts'
import { type RopeTables, rotate, turnsAt } from './rope.ts'

const { batch_size: batch, sequence_length: length, past_sequence_length: past, total_sequence_length: total } = openSizes

/** The tensors every exported decoder is fed, under the names that transformers.js and onnxruntime-genai use. */
export interface OpenInputs {
  /** int64 [batch, length]. */
  readonly ids: Value
  /** int64 [batch, total]: 1 for what may be seen, in the cache and among the new tokens. */
  readonly mask: Value
  /** int64 [batch, length]. */
  readonly positions: Value
}

export const openInputs = (b: GraphBuilder): OpenInputs => ({
  ids: b.input('input_ids', 'int64', [batch, length]),
  mask: b.input('attention_mask', 'int64', [batch, total]),
  positions: b.input('position_ids', 'int64', [batch, length]),
})

/**
 * Feeds past_key_values.i.key and .value [batch, kvHeads, past, headDim], keys rotated; outputs present.i.key and .value
 * [batch, kvHeads, total, headDim]. Who comes before whom the places in the cache say, not the positions; so a window counts
 * places, which between unpadded tokens is the same.
 */
export function openAttention(b: GraphBuilder, shape: AttentionShape & { readonly maxPositions: number }, { ids, mask, positions }: OpenInputs): Attention {
  const { heads, kvHeads, headDim } = shape
  const group = heads / kvHeads
  const sizes = b.shapeOf(ids)
  const apart = (x: Value, count: number): Value => b.reshapeTo(x, b.concat([sizes, b.int64([count, headDim])], 0), [batch, length, count, headDim])
  const turns = perRope(shape, (rope: Rope) => {
    const keys = turnsAt(b, rope, headDim, shape.maxPositions, positions)
    const scaled = (x: Value): Value => b.scale(x, queryFactor(shape))
    return { keys, queries: { cos: scaled(keys.cos), sin: scaled(keys.sin) } satisfies RopeTables }
  })

  const sizeAt = (x: Value, axis: number): Value => b.gather(b.shapeOf(x), b.constant('int64', [], BigInt64Array.of(BigInt(axis))))
  const end = sizeAt(mask, 1)
  const keyPlaces = b.range(b.constant('int64', [], BigInt64Array.of(0n)), end, total)
  const queryPlaces = b.reshape(b.range(b.sub(end, sizeAt(ids, 1)), end, length), [length, 1])
  const isSeen = b.and(b.lessOrEqual(keyPlaces, queryPlaces), b.reshape(b.cast(mask, 'bool'), [batch, 1, 1, total]))
  const masks = perWindow(shape, shape.maxPositions, (window) => {
    const near = window === null ? isSeen : b.and(isSeen, b.greater(keyPlaces, b.sub(queryPlaces, b.constant('int64', [], BigInt64Array.of(BigInt(window))))))
    return b.where(near, b.scalar(0), b.scalar(HIDDEN))
  })

  return (q, k, v, layer) => {
    const turn = turns(layer)
    const cached = (kind: 'key' | 'value', fresh: Value): Value => {
      const all = b.concat([b.input(`past_key_values.${layer}.${kind}`, b.float, [batch, kvHeads, past, headDim]), b.transpose(fresh, [0, 2, 1, 3])], 2)
      b.output(`present.${layer}.${kind}`, all)
      return all
    }
    const keys = cached('key', rotate(b, apart(k, kvHeads), turn.keys))
    const values = cached('value', apart(v, kvHeads))
    const queries = b.transpose(rotate(b, apart(q, heads), turn.queries), [0, 2, 1, 3])
    const scores = capped(b, shape, b.matmul(b.reshape(queries, [batch, kvHeads, group * length, headDim]), b.transpose(keys, [0, 1, 3, 2])))
    const shares = b.softmax(b.add(b.reshape(scores, [batch, heads, length, total]), masks(layer)))
    const mixed = b.matmul(b.reshape(shares, [batch, kvHeads, group * length, total]), values)
    return b.reshape(b.transpose(b.reshape(mixed, [batch, heads, length, headDim]), [0, 2, 1, 3]), [batch * length, heads * headDim])
  }
}
