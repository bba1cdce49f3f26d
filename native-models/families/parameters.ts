/** Where a family gets its weights from: it asks by Hugging Face name and never knows how one is fed, stored or adapted. */
import type { GraphBuilder } from '../onnx/builder.ts'
import type { Shape, Value } from '../onnx/types.ts'

export interface Parameters {
  /** A whole tensor, e.g. `model.norm.weight`. */
  tensor(name: string, shape: Shape): Value
  /** The rows [n, D] of the table [V, D] of this name at int64 [n, 1]: embeddings. */
  rows(name: string, shape: Shape, indices: Value): Value
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

/** Every tensor is a graph input under its own name: one copy in memory serves all sessions (ENGINE, rule 2). */
export function fedParameters(b: GraphBuilder): Parameters {
  const tensor = (name: string, shape: Shape): Value => b.input(name, b.float, shape)
  return {
    tensor,
    rows: (name, shape, indices) => b.rows(tensor(name, shape), indices),
    project: (x, name, shape) => b.gemm(x, tensor(name, shape), { transB: true }),
    linears: (x, modules) => modules.map(({ module, out, bias }) => {
      const weight = tensor(`${module}.weight`, [out, x.shape[1]!])
      return b.gemm(x, weight, { transB: true, c: bias ? tensor(`${module}.bias`, [out]) : null })
    }),
  }
}
