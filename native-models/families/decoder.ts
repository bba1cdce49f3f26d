/** The decoder of all families: token ids → hidden states, as a graph. What sets a family apart its config says; names are Hugging Face's. */
import type { GraphBuilder } from '../onnx/builder.ts'
import { type Shape, type Value, sizeOf } from '../onnx/types.ts'
import type { ModelConfig } from '../weights/model-config.ts'
import type { Attention } from './attention.ts'
import type { FedParameters, Linear, Parameters } from './parameters.ts'
import { EMBEDDING, HEAD } from './tables.ts'

/**
 * `tokens` [n, 1] → hidden states after the last norm [n, hiddenSize]; `attention` decides who sees whom. With
 * `places` int64 [m, 1] only those rows [m, hiddenSize] are made: the last layer's MLP works for no others.
 */
export function decoder(b: GraphBuilder, config: ModelConfig, p: Parameters, tokens: Value, attention: Attention, places?: Value): Value {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, attentionBias, outputBias, mlpBias, headNorms, outputNorms } = config
  // Cheap to run twice, large to keep: the backward pass repeats norms and activations (onnx/schedule.ts).
  const norm = (x: Value, name: string, size = hiddenSize): Value => b.during('recompute', () => {
    const weight = p.tensor(`${name}.weight`, [size])
    return b.rmsNorm(x, config.normOffset === 0 ? weight : b.add(weight, b.scalar(config.normOffset)), config.rmsNormEps)
  })
  const gated = (gate: Value, up: Value): Value => b.during('recompute', () => b.mul(config.activation === 'silu' ? b.silu(gate) : b.geluTanh(gate), up))
  /** x [n, heads·headDim], each head normalised. */
  const perHead = (x: Value, name: string): Value => (headNorms ? b.reshape(norm(b.reshape(x, [sizeOf(x.shape) / headDim, headDim]), name, headDim), x.shape) : x)
  const output = (x: Value, name: string): Value => (outputNorms ? norm(x, name) : x)

  const embedded = p.rows(EMBEDDING, tableOf(config), tokens)
  let x = config.embeddingScale === 1 ? embedded : b.scale(embedded, config.embeddingScale)
  for (let i = 0; i < config.layers; i++) {
    const layer = `model.layers.${i}`
    x = b.scope(layer, () => {
      const seen = norm(x, `${layer}.input_layernorm`)
      const attn = (name: string, out: number): Linear => ({ module: `${layer}.self_attn.${name}`, out, bias: attentionBias })
      const mlp = (name: string, out: number): Linear => ({ module: `${layer}.mlp.${name}`, out, bias: mlpBias })
      const [q, k, v] = p.linears(seen, [attn('q_proj', heads * headDim), attn('k_proj', kvHeads * headDim), attn('v_proj', kvHeads * headDim)])
      const attended = attention(perHead(q!, `${layer}.self_attn.q_norm`), perHead(k!, `${layer}.self_attn.k_norm`), v!, i)
      const wanted = (rows: Value): Value => (places && i === config.layers - 1 ? b.rows(rows, places) : rows)
      const [o] = p.linears(wanted(attended), [{ ...attn('o_proj', hiddenSize), bias: outputBias }])
      const mixed = b.add(wanted(x), output(o!, `${layer}.post_attention_layernorm`))

      const read = norm(mixed, `${layer}.${outputNorms ? 'pre_feedforward_layernorm' : 'post_attention_layernorm'}`)
      const [gate, up] = p.linears(read, [mlp('gate_proj', intermediateSize), mlp('up_proj', intermediateSize)])
      const [down] = p.linears(gated(gate!, up!), [mlp('down_proj', hiddenSize)])
      return b.add(mixed, output(down!, `${layer}.post_feedforward_layernorm`))
    })
  }
  return norm(x, 'model.norm')
}

/** The table of the head: the embedding itself where they are tied. */
const headOf = ({ tied }: ModelConfig): string => (tied ? EMBEDDING : HEAD)
const tableOf = ({ vocabSize, hiddenSize }: ModelConfig): Shape => [vocabSize, hiddenSize]

/** The head [vocabSize, hiddenSize], in its blocks of rows. */
export const head = (p: FedParameters, config: ModelConfig): Value[] => p.table(headOf(config), tableOf(config))

/** The logits [n, vocabSize] of hidden states [n, hiddenSize]. */
export function logitsOf(b: GraphBuilder, config: ModelConfig, p: Parameters, hidden: Value): Value {
  const logits = p.project(hidden, headOf(config), tableOf(config))
  return config.logitCap === null ? logits : b.softCap(logits, config.logitCap)
}
