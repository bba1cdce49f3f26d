/** Ops that stand for a piece of a language model. */
import { capOf } from '../../onnx/builder.ts'
import { rowBlocksOf } from '../../onnx/row-blocks.ts'
import type { Rules } from '../registry.ts'

export const model: Rules = {
  // y = x·s, s = σ(x):  dx = g·(s + y·(1 − s))
  Silu: ({ b, g, y: [y, s] }) => [() => b.mul(g, b.add(s!, b.mul(y!, b.sub(b.scalar(1), s!))))],
  // y = n·w with n = x·s, s = rsqrt(mean(x²) + ε):  dx = s·(ĝ − n·mean(ĝ·n)), ĝ = g·w;  dw = Σ g·n
  SimplifiedLayerNormalization: ({ b, g, x: [x, w], node }) => {
    const epsilon = (node.attributes['epsilon'] as { float: number }).float
    const s = b.reciprocal(b.sqrt(b.add(b.reduceMean(b.mul(x!, x!), [-1]), b.scalar(epsilon))))
    const n = b.mul(x!, s)
    const scaled = b.mul(g, w!)
    return [() => b.mul(s, b.sub(scaled, b.mul(n, b.reduceMean(b.mul(scaled, n), [-1])))), () => b.mul(g, n)]
  },
  // logp_t = h_t·E[y_t] − logsumexp(h_t·Eᵀ):  dh = g·U, U = E[y] − p·E;  dE = Σ_t g_t (1[y_t] − p_t) h_tᵀ; under a cap times its slopes
  CompletionLogps: ({ b, g, x: [hidden, targets, ...head], y: [, direction, max, sum], node }) => [
    () => b.mul(b.reshape(g, [g.shape[0]!, 1]), direction!),
    null,
    ...rowBlocksOf(head).map((block) => () => b.completionHeadGradient(hidden!, block, head.length === 1 ? null : { max: max!, sum: sum! }, targets!, g, node.attributes['chunk'] as number, capOf(node))),
  ],
  CompletionHeadGradient: { refuse: 'it is itself a gradient, and gradients are not differentiated again' },
}
