/** Shape and dtype inference, one entry per op that a graph may hold. Runs when a node is built, never later. */
import { type Attributes, type DType, GraphError, type Shape, type Value, sameShape, sizeOf } from './types.ts'

export interface Inferred {
  readonly dtype: DType
  readonly shape: Shape
}
/** `given` are the concrete numbers of inputs that ONNX passes as tensors (axes, sizes, …). */
type Infer = (inputs: readonly Value[], attributes: Attributes, given: readonly number[]) => Inferred[]

/** NumPy broadcasting of shapes. */
export function broadcast(...shapes: Shape[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length))
  return Array.from({ length: rank }, (_, i) => {
    const dims = shapes.map((shape) => shape[shape.length - rank + i] ?? 1)
    const wide = dims.find((dim) => dim !== 1) ?? 1
    if (dims.some((dim) => dim !== 1 && dim !== wide)) throw new GraphError(`cannot broadcast ${shapes.map((s) => `[${s.join(', ')}]`).join(' with ')}`)
    return wide
  })
}

export const axisOf = (axis: number, rank: number): number => {
  const positive = axis < 0 ? axis + rank : axis
  if (positive < 0 || positive >= rank) throw new GraphError(`axis ${axis} is outside rank ${rank}`)
  return positive
}

/** Shape after reducing `axes`, with or without kept dims. */
export function reduced(shape: Shape, axes: readonly number[], keep: boolean): number[] {
  const gone = new Set(axes.map((axis) => axisOf(axis, shape.length)))
  return shape.flatMap((dim, i) => (gone.has(i) ? (keep ? [1] : []) : [dim]))
}

const number = (attributes: Attributes, key: string, fallback: number): number => (attributes[key] as number | undefined) ?? fallback
const like = (value: Value, shape: Shape = value.shape): Inferred => ({ dtype: value.dtype, shape })

const unary: Infer = ([x]) => [like(x!)]
const binary: Infer = ([a, b]) => {
  if (a!.dtype !== b!.dtype) throw new GraphError(`dtypes differ: ${a!.dtype} and ${b!.dtype}`)
  return [like(a!, broadcast(a!.shape, b!.shape))]
}
const compare: Infer = (inputs, attributes, given) => [{ ...binary(inputs, attributes, given)[0]!, dtype: 'bool' }]
const reduce: Infer = ([x], attributes, given) => [like(x!, reduced(x!.shape, given, number(attributes, 'keepdims', 1) === 1))]

const matmul: Infer = ([a, b]) => {
  const [m, k] = a!.shape.slice(-2)
  const [k2, n] = b!.shape.slice(-2)
  if (a!.shape.length < 2 || b!.shape.length < 2 || k !== k2) throw new GraphError(`inner dimensions differ: [${a!.shape.join(', ')}] × [${b!.shape.join(', ')}]`)
  return [like(a!, [...broadcast(a!.shape.slice(0, -2), b!.shape.slice(0, -2)), m!, n!])]
}

const gemm: Infer = ([a, b, c], attributes) => {
  const [m, k] = number(attributes, 'transA', 0) ? [a!.shape[1]!, a!.shape[0]!] : [a!.shape[0]!, a!.shape[1]!]
  const [k2, n] = number(attributes, 'transB', 0) ? [b!.shape[1]!, b!.shape[0]!] : [b!.shape[0]!, b!.shape[1]!]
  if (a!.shape.length !== 2 || b!.shape.length !== 2 || k !== k2) throw new GraphError(`inner dimensions differ: [${a!.shape.join(', ')}] × [${b!.shape.join(', ')}] with ${JSON.stringify(attributes)}`)
  if (c && broadcast(c.shape, [m, n]).some((dim, i) => dim !== [m, n][i])) throw new GraphError(`C [${c.shape.join(', ')}] does not broadcast to [${m}, ${n}]`)
  return [like(a!, [m, n])]
}

const reshape: Infer = ([x], _attributes, given) => {
  if (sizeOf(given) !== sizeOf(x!.shape)) throw new GraphError(`cannot reshape [${x!.shape.join(', ')}] to [${given.join(', ')}]`)
  return [like(x!, [...given])]
}

const concat: Infer = (inputs, attributes) => {
  const first = inputs[0]!
  const axis = axisOf(number(attributes, 'axis', 0), first.shape.length)
  for (const input of inputs) {
    if (input.shape.length !== first.shape.length || input.shape.some((dim, i) => i !== axis && dim !== first.shape[i])) throw new GraphError(`cannot join [${input.shape.join(', ')}] to [${first.shape.join(', ')}] along ${axis}`)
  }
  const total = inputs.reduce((sum, input) => sum + input.shape[axis]!, 0)
  return [like(first, first.shape.map((dim, i) => (i === axis ? total : dim)))]
}

const split: Infer = ([x], attributes, given) => {
  const axis = axisOf(number(attributes, 'axis', 0), x!.shape.length)
  if (given.reduce((a, b) => a + b, 0) !== x!.shape[axis]) throw new GraphError(`pieces ${given.join('+')} do not sum to ${x!.shape[axis]}`)
  return given.map((size) => like(x!, x!.shape.map((dim, i) => (i === axis ? size : dim))))
}

/** `given` = [start, end, axis] (one axis, step 1). */
const slice: Infer = ([x], _attributes, given) => {
  const [start, end, axis] = given as [number, number, number]
  if (start < 0 || end > x!.shape[axis]! || start >= end) throw new GraphError(`slice ${start}…${end} is outside axis ${axis} of [${x!.shape.join(', ')}]`)
  return [like(x!, x!.shape.map((dim, i) => (i === axis ? end - start : dim)))]
}

const gather: Infer = ([x, indices], attributes) => {
  const axis = axisOf(number(attributes, 'axis', 0), x!.shape.length)
  return [like(x!, [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)])]
}

/** Rows of `updates` [n, …] added into `data` at `indices` [n, 1]. */
const scatterNd: Infer = ([data, indices, updates]) => {
  const expected = [...indices!.shape.slice(0, -1), ...data!.shape.slice(indices!.shape.at(-1)!)]
  if (expected.some((dim, i) => dim !== updates!.shape[i])) throw new GraphError(`updates [${updates!.shape.join(', ')}] should be [${expected.join(', ')}]`)
  return [like(data!)]
}

const topK: Infer = ([x], _attributes, given) => {
  const shape = [...x!.shape.slice(0, -1), given[0]!]
  return [like(x!, shape), { dtype: 'int64', shape }]
}

const rmsNorm: Infer = ([x, weight]) => {
  if (weight!.shape.length !== 1 || weight!.shape[0] !== x!.shape.at(-1)) throw new GraphError(`norm weight [${weight!.shape.join(', ')}] does not fit [${x!.shape.join(', ')}]`)
  return [like(x!)]
}

/** x [m, k] by a 4-bit matrix [n, k] in blocks along k: codes [n, blocks, block / 2], scales [n · blocks]. */
const matmulNBits: Infer = ([x, codes, scales], attributes) => {
  const [k, n, block] = ['K', 'N', 'block_size'].map((key) => number(attributes, key, 0)) as [number, number, number]
  const blocks = Math.ceil(k / block)
  if (x!.shape.at(-1) !== k || !sameShape(codes!.shape, [n, blocks, block / 2]) || !sameShape(scales!.shape, [n * blocks])) throw new GraphError(`codes [${codes!.shape.join(', ')}] and scales [${scales!.shape.join(', ')}] are not those of [${n}, ${k}]`)
  return [like(x!, [...x!.shape.slice(0, -1), n])]
}

/** hidden [n, D], targets [n, 1], the head's blocks [.., D] → logps [n], direction [n, D], max and sum [n, 1]. */
const completionLogps: Infer = ([hidden, targets, ...head]) => {
  const [n, width] = hidden!.shape
  if (head.some(({ shape }) => shape[1] !== width) || targets!.shape[0] !== n) throw new GraphError(`hidden [${hidden!.shape.join(', ')}], head ${head.map(({ shape }) => `[${shape.join(', ')}]`).join(' ')} and targets [${targets!.shape.join(', ')}] do not fit`)
  return [like(hidden!, [n!]), like(hidden!), like(hidden!, [n!, 1]), like(hidden!, [n!, 1])]
}

export const inference: Readonly<Record<string, Infer>> = {
  Add: binary, Sub: binary, Mul: binary, Div: binary, Pow: binary, Max: binary, Min: binary,
  Neg: unary, Abs: unary, Exp: unary, Log: unary, Sqrt: unary, Reciprocal: unary, Sigmoid: unary, Softplus: unary, Tanh: unary, Softmax: unary, Identity: unary, Not: unary,
  Less: compare, LessOrEqual: compare, Greater: compare, Equal: compare, And: compare,
  Where: ([condition, a, b]) => [like(a!, broadcast(condition!.shape, a!.shape, b!.shape))],
  Cast: ([x], attributes) => [{ dtype: dtypeOfCode(number(attributes, 'to', 0)), shape: x!.shape }],
  ReduceSum: reduce, ReduceMean: reduce, ReduceMax: reduce, ReduceSumSquare: reduce, ReduceLogSumExp: reduce,
  MatMul: matmul, Gemm: gemm,
  Reshape: reshape, Concat: concat, Split: split, Slice: slice, Gather: gather, ScatterND: scatterNd, TopK: topK,
  Transpose: ([x], attributes) => [like(x!, (attributes['perm'] as number[]).map((axis) => x!.shape[axis]!))],
  Expand: ([x], _attributes, given) => [like(x!, broadcast(x!.shape, given))],
  GatherElements: ([x, indices]) => [like(x!, indices!.shape)],
  SimplifiedLayerNormalization: rmsNorm,
  MatMulNBits: matmulNBits,
  Shape: ([x]) => [{ dtype: 'int64', shape: [x!.shape.length] }],
  /** `given` = [how many]. */
  Range: ([start], _attributes, given) => [{ dtype: start!.dtype, shape: [...given] }],
  Silu: ([x]) => [like(x!), like(x!)],
  CompletionLogps: completionLogps,
  CompletionHeadGradient: ([, , , rows]) => [like(rows!)],
}

/** ONNX TensorProto.DataType. */
export const dtypeCodes: Readonly<Record<DType, number>> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 }
function dtypeOfCode(code: number): DType {
  const found = (Object.entries(dtypeCodes) as [DType, number][]).find(([, c]) => c === code)
  if (!found) throw new GraphError(`unknown dtype code ${code}`)
  return found[0]
}
