/**
 * Dropout on what an adapter reads, as PEFT has it: y = x·Wᵀ + (α/r)·(dropout(x)·Aᵀ)·Bᵀ, with a mask of its own for every
 * adapted layer and forward pass. A mask fed whole would be a matrix as large as x for each layer; instead a few random
 * integers a row (h, a) and a column (g, b) span it in the graph: element (i, j) is left out where
 * (hᵢ·gⱼ + aᵢ + bⱼ) mod 1021 falls among the lowest `share`. Any two elements are independent, and all numbers are
 * integers below 2²⁴, exact in float32: every device and every order of adding makes the same mask.
 */
import type { GraphBuilder } from '../onnx/builder.ts'
import type { Value } from '../onnx/types.ts'
import { hash32, hashText } from '../random.ts'

/** A prime; the share is kept to 1/1021. */
const MODULUS = 1021
const leftOut = (share: number): number => Math.round(share * MODULUS)

export interface Dropout {
  /** Of the elements, from 0 to below 1. */
  readonly share: number
  /** Rows that are fed: at least as many as any adapted layer reads. */
  readonly rows: number
}

const rowsName = 'dropout.rows'
const columnsName = (module: string): string => `dropout.${module}.columns`

/** x [n, width] with elements left out and the others raised to the same mean. */
export function dropOut(b: GraphBuilder, x: Value, module: string, { share, rows }: Dropout): Value {
  const [n, width] = x.shape as [number, number]
  const fed = b.input(rowsName, b.float, [rows, 3])
  const sums = b.gemm(n === rows ? fed : b.slice(fed, 0, n, 0), b.input(columnsName(module), b.float, [3, width]))
  const whole = b.cast(b.cast(b.div(b.add(sums, b.scalar(0.5)), b.scalar(MODULUS)), 'int32'), b.float) // ½: no quotient is near an integer
  const rest = b.sub(sums, b.scale(whole, MODULUS))
  const isKept = b.greater(rest, b.scalar(leftOut(share) - 0.5))
  return b.where(isKept, b.scale(x, MODULUS / (MODULUS - leftOut(share))), b.scalar(0)) // backward keeps the condition: a byte an element
}

/** What the masks of one forward pass are made of, for these modules' widths; `key` is that pass's own. */
export function dropoutFeeds({ rows }: Dropout, widths: ReadonlyMap<string, number>, key: readonly number[]): { name: string; shape: [number, number]; data: Float32Array }[] {
  const drawn = (name: string, shape: [number, number], isOne: (i: number) => boolean) => {
    const source = hashText(name)
    const data = new Float32Array(shape[0] * shape[1]).map((_, i) => (isOne(i) ? 1 : hash32(...key, source, i) % MODULUS))
    return { name, shape, data }
  }
  return [drawn(rowsName, [rows, 3], (i) => i % 3 === 2), ...[...widths].map(([module, width]) => drawn(columnsName(module), [3, width], (i) => i >= width && i < 2 * width))]
}
