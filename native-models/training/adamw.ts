/** AdamW (Loshchilov & Hutter; torch.optim.AdamW), and the global gradient norm, as graphs. */
import type { TensorSpec } from '../families/tables.ts'
import { GraphBuilder } from '../onnx/builder.ts'
import { schedule } from '../onnx/schedule.ts'
import type { Graph, Shape } from '../onnx/types.ts'

export interface AdamW {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
}

/**
 * One update of one tensor. Feeds: param, m, v, grad, and the scalars of `adamwScalars`. Writes param, m, v in place
 * (outputs param_out, m_out, v_out), and zeros over grad (grad_out), which the next step's gradients add to.
 *   g = clip·grad;  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  p ← p·keep − rate·m / (√v·spread + ε)
 */
export function adamwGraph(shape: Shape, { beta1, beta2, epsilon }: AdamW, float: 'float32' | 'float64' = 'float32'): Graph {
  const b = new GraphBuilder(float)
  const [param, m, v, grad] = ['param', 'm', 'v', 'grad'].map((name) => b.input(name, float, shape)) as [ReturnType<typeof b.scalar>, ReturnType<typeof b.scalar>, ReturnType<typeof b.scalar>, ReturnType<typeof b.scalar>]
  const [clip, keep, rate, spread] = ['clip', 'keep', 'rate', 'spread'].map((name) => b.input(name, float, [])) as [typeof param, typeof param, typeof param, typeof param]
  const g = b.mul(grad, clip)
  const mNext = b.add(b.scale(m, beta1), b.scale(g, 1 - beta1))
  const vNext = b.add(b.scale(v, beta2), b.scale(b.mul(g, g), 1 - beta2))
  const change = b.div(b.mul(mNext, rate), b.add(b.mul(b.sqrt(vNext), spread), b.scalar(epsilon)))
  b.output('param_out', b.sub(b.mul(param, keep), change))
  b.output('m_out', mNext)
  b.output('v_out', vNext)
  b.output('grad_out', b.scale(vNext, 0)) // by way of v, so that the gradient is read before it is overwritten where it lies
  return schedule(b.graph())
}

/**
 * The same update of arrays in memory, in double precision between loads and stores. For the CPU, where a session hands
 * out a copy of each output: three times the adapter in every step.
 */
export function adamwInPlace(param: Float32Array, m: Float32Array, v: Float32Array, grad: Float32Array, { clip, keep, rate, spread }: AdamWScalars, { beta1, beta2, epsilon }: AdamW): void {
  for (let i = 0; i < param.length; i++) {
    const g = clip * grad[i]!
    const mNext = beta1 * m[i]! + (1 - beta1) * g
    const vNext = beta2 * v[i]! + (1 - beta2) * g * g
    m[i] = mNext
    v[i] = vNext
    param[i] = keep * param[i]! - (rate * mNext) / (spread * Math.sqrt(vNext) + epsilon)
  }
  grad.fill(0)
}

export type AdamWScalars = Readonly<Record<'clip' | 'keep' | 'rate' | 'spread', number>>

/** The scalars of optimiser step `step` (from 1): decoupled decay, both bias corrections, and the clip factor. */
export function adamwScalars({ beta1, beta2 }: AdamW, step: number, learningRate: number, weightDecay: number, clip: number): AdamWScalars {
  return {
    clip,
    keep: 1 - learningRate * weightDecay,
    rate: learningRate / (1 - beta1 ** step),
    spread: 1 / Math.sqrt(1 - beta2 ** step),
  }
}

/** No decay on norms and biases (1-D tensors), as the reference trainers do. */
export const isDecayed = (shape: Shape): boolean => shape.length > 1

/** √Σ‖g‖² over all gradients: inputs `grad.<name>`, output `grad_norm`. */
export function gradNormGraph(specs: readonly TensorSpec[], float: 'float32' | 'float64' = 'float32'): Graph {
  const b = new GraphBuilder(float)
  const squares = specs.map(({ name, shape }) => {
    // Rows first: one long fp32 sum on the CPU would be off by 5e-5.
    const perRow = b.reduceSumSquare(b.input(`grad.${name}`, float, shape), [-1])
    return b.reshape(b.reduceSum(perRow, shape.map((_, axis) => axis)), [1])
  })
  b.output('grad_norm', b.sqrt(b.reduceSum(b.concat(squares, 0), [0], false)))
  return schedule(b.graph())
}

/** torch's clip_grad_norm_: min(1, max / (norm + 1e-6)). */
export const clipFactor = (norm: number, maxNorm: number): number => Math.min(1, maxNorm / (norm + 1e-6))
