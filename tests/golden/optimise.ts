/** One optimiser step over all tensors with the shipped graphs: global norm, clipping, AdamW. */
import type { TensorData } from '../../native-models/onnx/types.ts'
import { adamwGraph, adamwScalars, clipFactor, gradNormGraph, isDecayed } from '../../native-models/training/adamw.ts'
import type { TensorSpec } from '../../native-models/families/tables.ts'
import { runGraph } from '../run-graph.ts'
import type { Float } from './fixtures.ts'

type Tensors = Record<string, Float32Array | Float64Array | Int32Array>
export interface OptimiserState {
  readonly params: Tensors
  readonly m: Tensors
  readonly v: Tensors
}
export interface Step {
  readonly betas: readonly [number, number]
  readonly eps: number
  readonly maxNorm: number
  readonly weightDecay: number
  /** From 1. */
  readonly step: number
  readonly learningRate: number
}

export async function updateAll(specs: readonly TensorSpec[], { params, m, v }: OptimiserState, gradients: Tensors, { betas: [beta1, beta2], eps, maxNorm, weightDecay, step, learningRate }: Step, float: Float = 'float32'): Promise<OptimiserState & { norm: number }> {
  const norms = await runGraph(gradNormGraph(specs, float), Object.fromEntries(specs.map(({ name }) => [`grad.${name}`, gradients[name]!])))
  const norm = Number(norms['grad_norm']![0])
  const settings = { beta1, beta2, epsilon: eps }
  const next: { params: Tensors; m: Tensors; v: Tensors } = { params: {}, m: {}, v: {} }
  for (const { name, shape } of specs) {
    const scalars = adamwScalars(settings, step, learningRate, isDecayed(shape) ? weightDecay : 0, clipFactor(norm, maxNorm))
    const out = await runGraph(adamwGraph(shape, settings, float), { param: params[name]!, m: m[name]!, v: v[name]!, grad: gradients[name]!, ...scalars }) as Record<string, TensorData & Float32Array>
    next.params[name] = out['param_out']!
    next.m[name] = out['m_out']!
    next.v[name] = out['v_out']!
  }
  return { ...next, norm }
}
