/**
 * All logits of a batch, for looking at a model whole: what proofs and other implementations are compared by. One graph a
 * step, each with the weights of one layer or of one block of the head, so that no more than that has to be in memory.
 */
import { causalAttention } from '../families/attention.ts'
import { decoderLayer, embedding, lastNorm, logitsOf } from '../families/decoder.ts'
import { type Parameters, areHalves } from '../families/parameters.ts'
import { GraphBuilder } from '../onnx/builder.ts'
import type { Graph, Value } from '../onnx/types.ts'
import type { ModelConfig } from '../weights/model-config.ts'
import { finish } from './graphs.ts'
import { type WeightsSpec, adaptedParameters } from './lora.ts'

/** `rows` [n, hiddenSize], the embedding's rows of n tokens → x [n, hiddenSize] of the first layer. */
export function embeddingGraph(model: WeightsSpec, n: number): Graph {
  return stepGraph(model, (b, config, p) => {
    const rows = tableRows(b, model, n)
    return embedding(b, config, { ...p, rows: () => b.widened(rows) }, rows)
  })
}

/** `x` [rows·length, hiddenSize] of layer `i` → that of the layer after it. */
export function layerGraph(model: WeightsSpec, i: number, rows: number, length: number): Graph {
  return stepGraph(model, (b, config, p) => decoderLayer(b, config, p, b.input('x', b.float, [rows * length, config.hiddenSize]), i, causalAttention(b, config, rows, length)))
}

/** `x` [n, hiddenSize] of the last layer and `rows` [v, hiddenSize] of the head → their logits [n, v]. */
export function headGraph(model: WeightsSpec, n: number, v: number): Graph {
  return stepGraph(model, (b, config, p) => {
    const rows = b.widened(tableRows(b, model, v))
    return logitsOf(b, config, { ...p, project: (hidden) => b.gemm(hidden, rows, { transB: true }) }, lastNorm(b, config, p, b.input('x', b.float, [n, config.hiddenSize])))
  })
}

/** One output, `y`. */
function stepGraph(model: WeightsSpec, step: (b: GraphBuilder, config: ModelConfig, p: Parameters) => Value): Graph {
  const b = new GraphBuilder()
  b.output('y', b.identity(step(b, model.config, adaptedParameters(b, model))))
  return finish(b)
}

/** Some rows of the embedding or the head, as they are held. */
function tableRows(b: GraphBuilder, { config: { hiddenSize }, held = 'fp32' }: WeightsSpec, count: number): Value {
  const shape = [count, hiddenSize]
  return b.input('rows', areHalves(shape, held) ? 'float16' : b.float, shape)
}
