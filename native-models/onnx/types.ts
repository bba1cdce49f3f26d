/** The graph as data: what the builder makes, autodiff extends, passes rewrite and wire serialises. */

export type DType = 'float32' | 'float64' | 'float16' | 'int32' | 'int64' | 'uint8' | 'bool'
export type Shape = readonly number[]

/**
 * Sizes that only a run knows, by the names other programs know them by. Each stands as a number that is not whole, with
 * few enough bits that products and sums of them stay exact and apart; a constant cannot hold one (BigInt refuses it).
 */
export const openSizes = {
  batch_size: 1 + 1 / 4096,
  sequence_length: 1 + 3 / 4096,
  past_sequence_length: 1 + 6 / 4096,
  total_sequence_length: 2 + 9 / 4096, // past and new together
} as const
export const isOpen = (size: number): boolean => !Number.isInteger(size)

/** One tensor of the graph. Shapes are static: our own graphs are specialised per (batch, length) bucket; exported ones have open sizes. */
export interface Value {
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
  /** Of a graph's input: an axis that a run may feed shorter than `shape` says. */
  readonly openAxis?: number
}

export type Attribute = number | readonly number[] | string | { readonly float: number }
export type Attributes = Readonly<Record<string, Attribute>>

/**
 * When a node runs, relative to others (passes/schedule.ts turns this into file order).
 * `recompute` marks cheap forward nodes that the backward pass repeats instead of keeping their outputs.
 */
export type Phase = 'forward' | 'recompute' | 'backward' | 'eager'

export interface Node {
  readonly op: string
  /** '' is ONNX itself; 'com.microsoft' ONNX Runtime's; 'creamery' ours, lowered before serialising. */
  readonly domain: '' | 'com.microsoft' | 'creamery'
  readonly inputs: readonly (Value | null)[]
  readonly outputs: readonly Value[]
  readonly attributes: Attributes
  readonly phase: Phase
}

export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array

export interface Constant {
  readonly value: Value
  readonly data: TensorData
}

export interface Graph {
  readonly nodes: readonly Node[]
  readonly inputs: readonly Value[]
  readonly outputs: readonly { readonly name: string; readonly value: Value }[]
  /** By value name. */
  readonly constants: ReadonlyMap<string, Constant>
}

export const isFloat = (dtype: DType): boolean => dtype.startsWith('float')
export const sizeOf = (shape: Shape): number => shape.reduce((product, dim) => product * dim, 1)
export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((dim, i) => dim === b[i])
export const show = (value: Value): string => `${value.name}: ${value.dtype}[${value.shape.join(', ')}]`

/** A graph that cannot be right, found while it is built: names op, node and shapes. */
export class GraphError extends Error {
  override readonly name = 'GraphError'
}

export function assertKnown(op: string): never {
  throw new GraphError(`op ${op} is ours but has no lowering; add one to onnx/lower.ts`)
}
