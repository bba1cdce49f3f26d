/** The decoder that other programs run: token ids, mask, positions and a cache in, logits and the longer cache out. */
import { decoder, logitsOf } from '../families/decoder.ts'
import { openAttention, openInputs } from '../families/open-attention.ts'
import type { Parameters } from '../families/parameters.ts'
import { GraphBuilder } from '../onnx/builder.ts'
import { lower } from '../onnx/lower.ts'
import { type Graph, type Shape, type Value, openSizes } from '../onnx/types.ts'
import type { ModelConfig } from '../weights/model-config.ts'
import { BLOCK, blocksOf } from './four-bit.ts'

/**
 * How products and tables are stored; norms stay fp32, and so does all arithmetic between products, inputs, outputs and the
 * cache, so that no residual stream overflows a half.
 * - fp32: everything.
 * - fp16: linear layers, their biases, embedding and head; products are computed in halves.
 * - q4: linear layers in 4 bits (four-bit.ts); embedding, head and biases stay fp32, so that it runs where halves do not.
 */
export type Precision = 'fp32' | 'fp16' | 'q4'

/** A tensor of the checkpoint in the form in which a graph's input of this name wants it. */
export interface StoredForm {
  /** The graph's input. */
  readonly input: Value
  /** Hugging Face's name. */
  readonly tensor: string
  readonly part: 'whole' | 'codes' | 'scales'
}

export interface OnnxDecoder {
  readonly graph: Graph
  /** In the order in which the graph asks for them; all other inputs are fed. */
  readonly weights: readonly StoredForm[]
}

export function onnxDecoder(config: ModelConfig, precision: Precision): OnnxDecoder {
  const b = new GraphBuilder()
  const weights = new Map<string, StoredForm>()
  const stored = (tensor: string, dtype: 'float32' | 'float16' | 'uint8', shape: Shape, part: StoredForm['part'] = 'whole'): Value => {
    const input = b.input(part === 'whole' ? tensor : `${tensor}.${part}`, dtype, shape)
    weights.set(input.name, { input, tensor, part })
    return input
  }
  const inputs = openInputs(b)
  const { batch_size: batch, sequence_length: length } = openSizes
  const hidden = decoder(b, config, storedParameters(b, precision, stored), b.reshape(inputs.ids, [batch * length, 1]), openAttention(b, config, inputs))
  const sizes = b.concat([b.shapeOf(inputs.ids), b.int64([config.vocabSize])], 0)
  b.output('logits', b.reshapeTo(logitsOf(b, config, storedParameters(b, precision, stored), hidden), sizes, [batch, length, config.vocabSize]))
  lower(b)
  const graph = b.graph()
  return { graph: { ...graph, outputs: graph.outputs.toSorted((one, other) => Number(other.name === 'logits') - Number(one.name === 'logits')) }, weights: [...weights.values()] }
}

function storedParameters(b: GraphBuilder, precision: Precision, stored: (tensor: string, dtype: 'float32' | 'float16' | 'uint8', shape: Shape, part?: StoredForm['part']) => Value): Parameters {
  const half = precision === 'fp16' ? 'float16' : 'float32'
  const to = (x: Value, dtype: Value['dtype']): Value => (x.dtype === dtype ? x : b.cast(x, dtype))
  /** x·Wᵀ (+ c) in halves, where the precision has halves. */
  const product = (x: Value, weight: Value, c: Value | null): Value => to(b.gemm(to(x, half), weight, { transB: true, c }), b.float)
  return {
    tensor: (name, shape) => stored(name, 'float32', shape),
    rows: (name, shape, indices) => to(b.rows(stored(name, half, shape), indices), b.float),
    project: (x, name, shape) => product(x, stored(name, half, shape), null),
    linears: (x, modules) => modules.map(({ module, out, bias }) => {
      const [weight, width] = [`${module}.weight`, x.shape[1]!]
      if (precision !== 'q4') return product(x, stored(weight, half, [out, width]), bias ? stored(`${module}.bias`, half, [out]) : null)
      const blocks = blocksOf(width)
      const y = b.matmulFourBit(x, stored(weight, 'uint8', [out, blocks, BLOCK / 2], 'codes'), stored(weight, 'float32', [out * blocks], 'scales'), out, BLOCK)
      return bias ? b.add(y, stored(`${module}.bias`, 'float32', [out])) : y
    }),
  }
}
