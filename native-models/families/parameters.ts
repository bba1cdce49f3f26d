/** Where a family gets its weights from: it asks by Hugging Face name and never knows how one is fed, stored or adapted. */
import type { GraphBuilder } from '../onnx/builder.ts'
import { rowsAt } from '../onnx/row-blocks.ts'
import type { Shape, Value } from '../onnx/types.ts'
import { type Rows, blockTensors, idType } from './tables.ts'

export interface Parameters {
  /** A whole tensor, e.g. `model.norm.weight`. */
  tensor(name: string, shape: Shape): Value
  /** The rows [n, D] of the table [V, D] of this name at token ids [n, 1]: embeddings. */
  rows(name: string, shape: Shape, ids: Value): Value
  /** x [n, D] → x·Eᵀ [n, V] for the table [V, D] of this name: logits. */
  project(x: Value, name: string, shape: Shape): Value
  /** x [n, in] → x·Wᵀ (+ bias) [n, out] for each of the modules, whose weights are `<module>.weight` [out, in]. */
  linears(x: Value, modules: readonly Linear[]): Value[]
}

export interface Linear {
  readonly module: string
  readonly out: number
  readonly bias: boolean
}

export interface FedParameters extends Parameters {
  /** Token ids [n, 1], fed under this name, of the type that `rows` takes. */
  ids(name: string, count: number): Value
  /** The table [V, D] of this name, in its blocks of rows, as they are fed. */
  table(name: string, shape: Shape): Value[]
}

/** How frozen weights lie in memory while a run computes. */
export type WeightType = 'fp32' | 'fp16'

/** fp16 is for matrices (linear layers, embedding, head); norms and biases are too small to matter. */
export const areHalves = (shape: Shape, held: WeightType): boolean => held === 'fp16' && shape.length === 2

/**
 * Every tensor is a graph input under its own name: one copy in memory serves all sessions (ENGINE, rule 2).
 * Halves are widened where they are used, and all arithmetic stays in floats: products of halves would be summed in halves
 * on a GPU (2·10⁻³ of an output at 576 terms, 7·10⁻³ at 8192, measured), and gradients would vanish below 6·10⁻⁸.
 */
export function fedParameters(b: GraphBuilder, blocks: readonly Rows[], held: WeightType = 'fp32'): FedParameters {
  const tensor = (name: string, shape: Shape): Value => b.input(name, areHalves(shape, held) ? 'float16' : b.float, shape)
  const table = (name: string, shape: Shape): Value[] => blockTensors({ name, shape }, blocks).map((block) => tensor(block.name, block.shape))
  return {
    tensor: (name, shape) => b.widened(tensor(name, shape)),
    table,
    ids: (name, count) => b.input(name, idType(blocks), [count, 1]),
    rows: (name, shape, ids) => rowsAt(b, table(name, shape), ids),
    project: (x, name, shape) => b.concat(table(name, shape).map((rows) => b.gemm(x, b.widened(rows), { transB: true })), 1),
    linears: (x, modules) => modules.map(({ module, out, bias }) => {
      // Widened again for the backward pass: a copy kept until then would cost more than halves save.
      const weight = b.during('recompute', () => b.widened(tensor(`${module}.weight`, [out, x.shape[1]!])))
      return b.gemm(x, weight, { transB: true, c: bias ? tensor(`${module}.bias`, [out]) : null })
    }),
  }
}
