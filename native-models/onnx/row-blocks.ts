/** Tables [V, D] that come in several values, blocks of rows one above the other. */
import type { GraphBuilder } from './builder.ts'
import type { Value } from './types.ts'

/** A block of a table, and where in the table it begins. */
export interface RowBlock {
  readonly rows: Value
  readonly start: number
}

export const rowBlocksOf = (table: readonly Value[]): RowBlock[] =>
  table.map((rows, i) => ({ rows, start: table.slice(0, i).reduce((sum, before) => sum + before.shape[0]!, 0) }))

/** The table's rows [n, D], in floats, at `ids` [n, 1]: int64 where the table is one value, int32 where it is several, for WebGPU computes with no int64. */
export function rowsAt(b: GraphBuilder, table: readonly Value[], ids: Value): Value {
  if (table.length === 1) return b.widened(b.rows(table[0]!, ids))
  return rowBlocksOf(table)
    .map((block) => ({ ...block, found: b.widened(b.rows(block.rows, placesIn(b, block, ids))) }))
    .reduceRight((later, one) => ({ ...one, found: b.where(b.less(ids, endOf(b, one)), one.found, later.found) })).found
}

/** Where in the block `ids` (int32) are, int64; those of other blocks are moved to its first or last row. */
export const placesIn = (b: GraphBuilder, { rows, start }: RowBlock, ids: Value): Value =>
  b.cast(b.min(b.max(b.sub(ids, b.int32([start], [])), b.int32([0], [])), b.int32([rows.shape[0]! - 1], [])), 'int64')

/** x [n, D] where `ids` (int32) are the block's own, 0 elsewhere. */
export const ownIn = (b: GraphBuilder, block: RowBlock, ids: Value, x: Value): Value =>
  b.where(b.less(ids, endOf(b, block)), b.where(b.less(ids, b.int32([block.start], [])), b.scalar(0), x), b.scalar(0))

const endOf = (b: GraphBuilder, { rows, start }: RowBlock): Value => b.int32([start + rows.shape[0]!], [])
