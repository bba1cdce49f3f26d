/**
 * Builds a graph node by node. One method per op; shape and dtype are inferred at once, so a mistake throws
 * where it is made, naming op, node and shapes. Everything is a plain value: no session, no tensor, no device.
 */
import type { RowBlock } from './row-blocks.ts'
import { type Inferred, axisOf, dtypeCodes, inference } from './shapes.ts'
import { type Attributes, type Constant, type DType, type Graph, GraphError, type Node, type Phase, type Shape, type TensorData, type Value, isOpen, show } from './types.ts'

export class GraphBuilder {
  readonly nodes: Node[] = []
  readonly #inputs = new Map<string, Value>()
  readonly #outputs = new Map<string, Value>()
  readonly #constants = new Map<string, Constant>()
  readonly #constantByContent = new Map<string, Value>()
  readonly #names = new Map<string, number>()
  #scope = ''
  #phase: Phase = 'forward'
  /** The float type of every constant and cast made here: float64 graphs exist to check gradients. */
  readonly float: 'float32' | 'float64'

  constructor(float: 'float32' | 'float64' = 'float32') {
    this.float = float
  }

  // ── structure ────────────────────────────────────────────────────────────────────────────────────────────────

  /** A tensor fed at run time; along `openAxis`, if given, possibly less of it. Asking twice for one name gives the same value. */
  input(name: string, dtype: DType, shape: Shape, openAxis?: number): Value {
    const known = this.#inputs.get(name)
    if (known) return known
    const value = { name, dtype, shape, ...(openAxis !== undefined && { openAxis }) }
    this.#inputs.set(name, value)
    return value
  }

  output(name: string, value: Value): void {
    if (this.#outputs.has(name)) throw new GraphError(`output ${name} is named twice`)
    this.#outputs.set(name, value)
  }

  /** Small numbers that belong to the graph itself; equal ones are stored once. */
  constant(dtype: DType, shape: Shape, data: TensorData): Value {
    const key = `${dtype}[${shape.join()}]${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1')}`
    const known = this.#constantByContent.get(key)
    if (known) return known
    const value = { name: this.#fresh('const'), dtype, shape }
    this.#constants.set(value.name, { value, data })
    this.#constantByContent.set(key, value)
    return value
  }

  /** The numbers of a constant made here (axes, sizes): what gradient rules read back. */
  constantNumbers(value: Value): number[] {
    const constant = this.#constants.get(value.name)
    if (!constant) throw new GraphError(`${show(value)} is not a constant`)
    return Array.from(constant.data as ArrayLike<number | bigint>, Number)
  }

  /** A float constant in this graph's float type. */
  floats(numbers: ArrayLike<number>, shape: Shape = [numbers.length]): Value {
    return this.constant(this.float, shape, this.float === 'float64' ? Float64Array.from(numbers) : Float32Array.from(numbers))
  }

  scalar(x: number): Value {
    return this.floats([x], [])
  }

  int64(numbers: readonly number[], shape: Shape = [numbers.length]): Value {
    return this.constant('int64', shape, BigInt64Array.from(numbers, BigInt))
  }

  int32(numbers: readonly number[], shape: Shape = [numbers.length]): Value {
    return this.constant('int32', shape, Int32Array.from(numbers))
  }

  /** Prefixes the names of values made inside: errors and printed graphs then say where they are. */
  scope<T>(name: string, body: () => T): T {
    const outer = this.#scope
    this.#scope = outer ? `${outer}/${name}` : name
    try {
      return body()
    } finally {
      this.#scope = outer
    }
  }

  /** Marks nodes made inside with a phase (see types.ts). */
  during<T>(phase: Phase, body: () => T): T {
    const outer = this.#phase
    this.#phase = phase
    try {
      return body()
    } finally {
      this.#phase = outer
    }
  }

  /** The finished graph: only what the outputs need. */
  graph(): Graph {
    const needed = new Set([...this.#outputs.values()].map((value) => value.name))
    const nodes = this.nodes.toReversed().filter((node) => {
      if (!node.outputs.some((output) => needed.has(output.name))) return false
      for (const input of node.inputs) if (input) needed.add(input.name)
      return true
    })
    return {
      nodes: nodes.reverse(),
      inputs: [...this.#inputs.values()].filter((value) => needed.has(value.name)),
      outputs: [...this.#outputs].map(([name, value]) => ({ name, value })),
      constants: new Map([...this.#constants].filter(([name]) => needed.has(name))),
    }
  }

  /** Appends a node. `given` are the numbers of trailing tensor inputs that shape inference needs to know. */
  emit(op: string, inputs: readonly (Value | null)[], attributes: Attributes = {}, given: readonly number[] = [], domain: Node['domain'] = ''): Value[] {
    const infer = inference[op]
    if (!infer) throw new GraphError(`op ${op} has no shape inference; add it to onnx/shapes.ts`)
    let inferred: Inferred[]
    try {
      inferred = infer(inputs as Value[], attributes, given)
    } catch (error) {
      const operands = inputs.map((input) => (input ? show(input) : '–')).join(', ')
      throw new GraphError(`${op} at ${this.#scope || 'top'} (${operands}): ${(error as Error).message}`)
    }
    const outputs = inferred.map(({ dtype, shape }) => ({ name: this.#fresh(op), dtype, shape }))
    this.nodes.push({ op, domain, inputs, outputs, attributes, phase: this.#phase })
    return outputs
  }

  /** Goes through the nodes once; where `replace` returns true, what it emitted stands in the node's place. */
  rewrite(replace: (node: Node) => boolean): void {
    const old = this.nodes.splice(0)
    for (const node of old) {
      const replaced = this.during(node.phase, () => replace(node))
      if (!replaced) this.nodes.push(node)
    }
  }

  /** Lets `value` (an output of a node being rewritten) be these pieces joined along axis 0. */
  define(value: Value, pieces: readonly Value[]): void {
    this.nodes.push({ op: 'Concat', domain: '', inputs: pieces, outputs: [value], attributes: { axis: 0 }, phase: this.#phase })
  }

  #fresh(stem: string): string {
    const full = this.#scope ? `${this.#scope}/${stem}` : stem
    const count = this.#names.get(full) ?? 0
    this.#names.set(full, count + 1)
    return count ? `${full}.${count}` : full
  }

  #one(op: string, inputs: readonly (Value | null)[], attributes: Attributes = {}, given: readonly number[] = [], domain: Node['domain'] = ''): Value {
    return this.emit(op, inputs, attributes, given, domain)[0]!
  }

  // ── elementwise, broadcasting ────────────────────────────────────────────────────────────────────────────────

  add(a: Value, b: Value): Value { return this.#one('Add', [a, b]) }
  sub(a: Value, b: Value): Value { return this.#one('Sub', [a, b]) }
  mul(a: Value, b: Value): Value { return this.#one('Mul', [a, b]) }
  div(a: Value, b: Value): Value { return this.#one('Div', [a, b]) }
  min(a: Value, b: Value): Value { return this.#one('Min', [a, b]) }
  max(a: Value, b: Value): Value { return this.#one('Max', [a, b]) }
  neg(x: Value): Value { return this.#one('Neg', [x]) }
  abs(x: Value): Value { return this.#one('Abs', [x]) }
  exp(x: Value): Value { return this.#one('Exp', [x]) }
  log(x: Value): Value { return this.#one('Log', [x]) }
  sqrt(x: Value): Value { return this.#one('Sqrt', [x]) }
  reciprocal(x: Value): Value { return this.#one('Reciprocal', [x]) }
  sigmoid(x: Value): Value { return this.#one('Sigmoid', [x]) }
  tanh(x: Value): Value { return this.#one('Tanh', [x]) }
  identity(x: Value): Value { return this.#one('Identity', [x]) }
  less(a: Value, b: Value): Value { return this.#one('Less', [a, b]) }
  lessOrEqual(a: Value, b: Value): Value { return this.#one('LessOrEqual', [a, b]) }
  and(a: Value, b: Value): Value { return this.#one('And', [a, b]) }
  greater(a: Value, b: Value): Value { return this.#one('Greater', [a, b]) }
  where(condition: Value, a: Value, b: Value): Value { return this.#one('Where', [condition, a, b]) }
  cast(x: Value, to: DType): Value { return this.#one('Cast', [x], { to: dtypeCodes[to] }) }
  /** x in this graph's float type: what is held in fewer bits computes in all of them. */
  widened(x: Value): Value { return x.dtype === this.float ? x : this.cast(x, this.float) }
  scale(x: Value, factor: number): Value { return this.mul(x, this.scalar(factor)) }

  // ── reductions and softmax ───────────────────────────────────────────────────────────────────────────────────

  reduceSum(x: Value, axes: readonly number[], keep = true): Value { return this.#reduce('ReduceSum', x, axes, keep) }
  reduceMean(x: Value, axes: readonly number[], keep = true): Value { return this.#reduce('ReduceMean', x, axes, keep) }
  reduceMax(x: Value, axes: readonly number[], keep = true): Value { return this.#reduce('ReduceMax', x, axes, keep) }
  reduceSumSquare(x: Value, axes: readonly number[], keep = true): Value { return this.#reduce('ReduceSumSquare', x, axes, keep) }
  reduceLogSumExp(x: Value, axes: readonly number[], keep = true): Value { return this.#reduce('ReduceLogSumExp', x, axes, keep) }
  #reduce(op: string, x: Value, axes: readonly number[], keep: boolean): Value {
    return this.#one(op, [x, this.int64(axes)], { keepdims: keep ? 1 : 0 }, axes)
  }

  /** Over the last axis. */
  softmax(x: Value): Value { return this.#one('Softmax', [x], { axis: -1 }) }

  // ── products ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Batched: […, m, k] × […, k, n]. */
  matmul(a: Value, b: Value): Value { return this.#one('MatMul', [a, b]) }

  /** alpha · op(A) · op(B) + C, all 2-D. Transposed products read the stored layout: no transposed copy. */
  gemm(a: Value, b: Value, options: { transA?: boolean; transB?: boolean; alpha?: number; c?: Value | null } = {}): Value {
    const { transA = false, transB = false, alpha = 1, c = null } = options
    const attributes = { transA: transA ? 1 : 0, transB: transB ? 1 : 0, alpha: { float: alpha } }
    return this.#one('Gemm', c ? [a, b, c] : [a, b], attributes)
  }

  /** x [m, k] by the transpose of [n, k] in 4 bits: `codes` and `scales` as interchange/four-bit.ts packs them. */
  matmulFourBit(x: Value, codes: Value, scales: Value, n: number, block: number): Value {
    return this.#one('MatMulNBits', [x, codes, scales], { K: x.shape.at(-1)!, N: n, bits: 4, block_size: block }, [], 'com.microsoft')
  }

  // ── layout ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** An open size of `shape` stays where x has it too (0 says that to ONNX); one other follows from the rest (−1). */
  reshape(x: Value, shape: readonly number[]): Value {
    return this.#one('Reshape', [x, this.int64(shape.map((size, i) => (!isOpen(size) ? size : size === x.shape[i] ? 0 : -1)))], {}, shape)
  }
  /** To sizes that a run computes: `sizes` int64 [rank] will hold what `shape` stands for. */
  reshapeTo(x: Value, sizes: Value, shape: readonly number[]): Value { return this.#one('Reshape', [x, sizes], {}, shape) }
  /** The sizes of x, as a run finds them, int64 [rank]. */
  shapeOf(x: Value): Value { return this.#one('Shape', [x]) }
  /** start, start + 1, … below end (scalars); `count` of them. */
  range(start: Value, end: Value, count: number): Value { return this.#one('Range', [start, end, this.constant(start.dtype, [], BigInt64Array.of(1n))], {}, [count]) }
  transpose(x: Value, perm: readonly number[]): Value { return this.#one('Transpose', [x], { perm }) }
  concat(values: readonly Value[], axis: number): Value {
    return values.length === 1 ? values[0]! : this.#one('Concat', values, { axis: axisOf(axis, values[0]!.shape.length) })
  }
  split(x: Value, sizes: readonly number[], axis: number): Value[] {
    return this.emit('Split', [x, this.int64(sizes)], { axis: axisOf(axis, x.shape.length) }, sizes)
  }
  slice(x: Value, start: number, end: number, axis: number): Value {
    const positive = axisOf(axis, x.shape.length)
    return this.#one('Slice', [x, this.int64([start]), this.int64([end]), this.int64([positive])], {}, [start, end, positive])
  }
  expand(x: Value, shape: readonly number[]): Value { return this.#one('Expand', [x, this.int64(shape)], {}, shape) }

  // ── indexing ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** `x` at `indices` along `axis`. */
  gather(x: Value, indices: Value, axis = 0): Value { return this.#one('Gather', [x, indices], { axis }) }
  /** Rows [n, D] of a table [R, D] at int64 row numbers [n, 1]: the shape scatter wants too (WebGPU cannot reshape int64). */
  rows(table: Value, indices: Value): Value { return this.reshape(this.gather(table, indices), [indices.shape[0]!, ...table.shape.slice(1)]) }
  gatherElements(x: Value, indices: Value, axis: number): Value { return this.#one('GatherElements', [x, indices], { axis }) }
  /** data [R, …] with updates [n, …] added at int64 row numbers [n, 1]. Rows may repeat. */
  scatterAdd(data: Value, rows: Value, updates: Value): Value { return this.#one('ScatterND', [data, rows, updates], { reduction: 'add' }) }
  /** The k largest of the last axis, sorted: values and int64 indices. */
  topK(x: Value, k: number): [Value, Value] {
    return this.emit('TopK', [x, this.int64([k])], { axis: -1 }, [k]) as [Value, Value]
  }
  zeros(shape: readonly number[]): Value { return this.expand(this.scalar(0), shape) }

  // ── the field's own; those of domain 'creamery' are lowered to stock ops before serialising ──────────────────

  /** log(1 + eˣ). ONNX has it, but its CPU kernel knows no float64, which gradient checks need. */
  softplus(x: Value): Value { return this.#one('Softplus', [x], {}, [], 'creamery') }

  /** x·σ(x), and σ(x) itself for the gradient. */
  silu(x: Value): Value { return this.#one('Silu', [x], {}, [], 'creamery') }

  /** 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) as x·σ(2u): the GELU of Gemma, in ops that have kernels and gradients everywhere. */
  geluTanh(x: Value): Value {
    const slope = 2 * Math.sqrt(2 / Math.PI)
    return this.mul(x, this.sigmoid(this.mul(x, this.add(this.scale(this.mul(x, x), 0.044715 * slope), this.scalar(slope)))))
  }

  /** cap·tanh(x/cap): nearly x where it is small, never beyond ±cap. */
  softCap(x: Value, cap: number): Value { return this.scale(this.tanh(this.scale(x, 1 / cap)), cap) }

  /** x · rsqrt(mean(x²) + eps) · weight over the last axis. (The op's second output is not used: on WebGPU it is the mean, not the rsqrt.) */
  rmsNorm(x: Value, weight: Value, epsilon: number): Value {
    return this.#one('SimplifiedLayerNormalization', [x, weight], { axis: -1, epsilon: { float: epsilon }, stash_type: dtypeCodes[this.float] })
  }

  /**
   * Log-probabilities of `targets` [n, 1] given `hidden` [n, D] under the head [V, D], one value or blocks of its rows
   * (row-blocks.ts says what ids are then), without keeping logits: works in chunks of `chunk` positions. The second result
   * is the direction U = E[y] − p·E [n, D], so that the gradient with respect to hidden is g·U (ENGINE §8); the others are
   * `HeadSums`; they cost nothing unless used. With `cap` logits are soft-capped, and each row of E in U is weighted by its
   * cap's slope.
   */
  completionLogps(hidden: Value, head: readonly Value[], targets: Value, chunk: number, cap: number | null = null): [Value, Value, Value, Value] {
    return this.emit('CompletionLogps', [hidden, targets, ...head], headAttributes(chunk, cap), [], 'creamery') as [Value, Value, Value, Value]
  }

  /**
   * Gradient of completionLogps with respect to a block of the head, for the gradient `g` [n] of the log-probabilities.
   * What a position's softmax over the whole head needs from the other blocks are its `sums`; where the block is the whole,
   * they are null and made again.
   */
  completionHeadGradient(hidden: Value, { rows, start }: RowBlock, sums: HeadSums | null, targets: Value, g: Value, chunk: number, cap: number | null = null): Value {
    return this.#one('CompletionHeadGradient', [hidden, targets, g, rows, sums?.max ?? null, sums?.sum ?? null], { ...headAttributes(chunk, cap), start }, [], 'creamery')
  }
}

/** Of each position's logits over the whole head: the largest, and Σ exp(logit − max); [n, 1] both. */
export interface HeadSums {
  readonly max: Value
  readonly sum: Value
}

const headAttributes = (chunk: number, cap: number | null): Attributes => ({ chunk, ...(cap !== null && { cap: { float: cap } }) })

/** The cap of a completion op's logits. */
export const capOf = ({ attributes }: Node): number | null => (attributes['cap'] as { float: number } | undefined)?.float ?? null
