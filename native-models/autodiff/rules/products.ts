/** Y = A·B and its transposes. Gemm rules read the stored layout, so no transposed copy is made. */
import type { GraphBuilder } from '../../onnx/builder.ts'
import type { Value } from '../../onnx/types.ts'
import type { Rules } from '../registry.ts'

/** Swaps the last two axes. */
function transposed(b: GraphBuilder, x: Value): Value {
  const rank = x.shape.length
  return b.transpose(x, [...Array(rank - 2).keys(), rank - 1, rank - 2])
}

export const products: Rules = {
  // dA = G·Bᵀ, dB = Aᵀ·G = (Gᵀ·A)ᵀ: whichever transposes less (not attention's probabilities).
  MatMul: ({ b, g, x: [p, q] }) => {
    const [m, k, n] = [...p!.shape.slice(-2), g.shape.at(-1)!] as [number, number, number]
    return [() => b.matmul(g, transposed(b, q!)), () => (m * k > n * (m + k) ? transposed(b, b.matmul(transposed(b, g), p!)) : b.matmul(transposed(b, p!), g))]
  },
  // Y = α·op(A)·op(B) + C: the four cases of dA and dB differ only in which operand comes first and which is transposed.
  Gemm: ({ b, g, x: [p, q], node: { attributes } }) => {
    const [transA, transB, alpha] = [attributes['transA'] === 1, attributes['transB'] === 1, (attributes['alpha'] as { float: number }).float]
    return [
      () => (transA ? b.gemm(q!, g, { transA: transB, transB: true, alpha }) : b.gemm(g, q!, { transB: !transB, alpha })),
      () => (transB ? b.gemm(g, p!, { transA: true, transB: transA, alpha }) : b.gemm(p!, g, { transA: !transA, alpha })),
      () => g,
    ]
  },
}
