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
  /** The table [V, D] of this name, in its blocks of rows. */
  table(name: string, shape: Shape): Value[]
}

/** Every tensor is a graph input under its own name: one copy in memory serves all sessions (ENGINE, rule 2). */
export function fedParameters(b: GraphBuilder, blocks: readonly Rows[]): FedParameters {
  const tensor = (name: string, shape: Shape): Value => b.input(name, b.float, shape)
  const table = (name: string, shape: Shape): Value[] => blockTensors({ name, shape }, blocks).map((block) => tensor(block.name, block.shape))
  return {
    tensor,
    table,
    ids: (name, count) => b.input(name, idType(blocks), [count, 1]),
    rows: (name, shape, ids) => rowsAt(b, table(name, shape), ids),
    project: (x, name, shape) => b.concat(table(name, shape).map((rows) => b.gemm(x, rows, { transB: true })), 1),
    linears: (x, modules) => modules.map(({ module, out, bias }) => {
      const weight = tensor(`${module}.weight`, [out, x.shape[1]!])
      return b.gemm(x, weight, { transB: true, c: bias ? tensor(`${module}.bias`, [out]) : null })
    }),
  }
}
