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
  let x = embedding(b, config, p, tokens)
  for (let i = 0; i < config.layers; i++) x = decoderLayer(b, config, p, x, i, attention, i === config.layers - 1 ? places : undefined)
  return lastNorm(b, config, p, x)
}

/** `tokens` [n, 1] → what the first layer reads [n, hiddenSize]. */
export function embedding(b: GraphBuilder, config: ModelConfig, p: Parameters, tokens: Value): Value {
  const rows = p.rows(EMBEDDING, tableOf(config), tokens)
  return config.embeddingScale === 1 ? rows : b.scale(rows, config.embeddingScale)
}

/** Layer `i`: x [n, hiddenSize] → the next layer's x; of the rows at `places` [m, 1] alone where they are given. */
export function decoderLayer(b: GraphBuilder, config: ModelConfig, p: Parameters, x: Value, i: number, attention: Attention, places?: Value): Value {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, attentionBias, outputBias, mlpBias, headNorms, outputNorms } = config
  const layer = `model.layers.${i}`
  // Cheap to run twice, large to keep: the backward pass repeats norms and activations (onnx/schedule.ts).
  const gated = (gate: Value, up: Value): Value => b.during('recompute', () => b.mul(config.activation === 'silu' ? b.silu(gate) : b.geluTanh(gate), up))
  const norm = (rows: Value, name: string, size = hiddenSize): Value => normed(b, config, p, rows, `${layer}.${name}`, size)
  /** x [n, heads·headDim], each head normalised. */
  const perHead = (rows: Value, name: string): Value => (headNorms ? b.reshape(norm(b.reshape(rows, [sizeOf(rows.shape) / headDim, headDim]), name, headDim), rows.shape) : rows)
  const output = (rows: Value, name: string): Value => (outputNorms ? norm(rows, name) : rows)
  const wanted = (rows: Value): Value => (places ? b.rows(rows, places) : rows)
  const attn = (name: string, out: number): Linear => ({ module: `${layer}.self_attn.${name}`, out, bias: attentionBias })
  const mlp = (name: string, out: number): Linear => ({ module: `${layer}.mlp.${name}`, out, bias: mlpBias })

  return b.scope(layer, () => {
    const seen = norm(x, 'input_layernorm')
    const [q, k, v] = p.linears(seen, [attn('q_proj', heads * headDim), attn('k_proj', kvHeads * headDim), attn('v_proj', kvHeads * headDim)])
    const attended = attention(perHead(q!, 'self_attn.q_norm'), perHead(k!, 'self_attn.k_norm'), v!, i)
    const [o] = p.linears(wanted(attended), [{ ...attn('o_proj', hiddenSize), bias: outputBias }])
    const mixed = b.add(wanted(x), output(o!, 'post_attention_layernorm'))

    const read = norm(mixed, outputNorms ? 'pre_feedforward_layernorm' : 'post_attention_layernorm')
    const [gate, up] = p.linears(read, [mlp('gate_proj', intermediateSize), mlp('up_proj', intermediateSize)])
    const [down] = p.linears(gated(gate!, up!), [mlp('down_proj', hiddenSize)])
    return b.add(mixed, output(down!, 'post_feedforward_layernorm'))
  })
}

/** What the last layer gave [n, hiddenSize] → what the head reads. */
export const lastNorm = (b: GraphBuilder, config: ModelConfig, p: Parameters, x: Value): Value => normed(b, config, p, x, 'model.norm', config.hiddenSize)

/** RMSNorm over rows of `size`; some families store its weight less 1. */
function normed(b: GraphBuilder, { normOffset, rmsNormEps }: ModelConfig, p: Parameters, x: Value, name: string, size: number): Value {
  return b.during('recompute', () => {
    const weight = p.tensor(`${name}.weight`, [size])
    return b.rmsNorm(x, normOffset === 0 ? weight : b.add(weight, b.scalar(normOffset)), rmsNormEps)
  })
}

/** The table of the head: the embedding itself where they are tied. */
export const headTable = ({ tied }: ModelConfig): string => (tied ? EMBEDDING : HEAD)
const tableOf = ({ vocabSize, hiddenSize }: ModelConfig): Shape => [vocabSize, hiddenSize]

/** The head [vocabSize, hiddenSize], in its blocks of rows. */
export const head = (p: FedParameters, config: ModelConfig): Value[] => p.table(headTable(config), tableOf(config))

/** The logits [n, vocabSize] of hidden states [n, hiddenSize]. */
export function logitsOf(b: GraphBuilder, config: ModelConfig, p: Parameters, hidden: Value): Value {
  const logits = p.project(hidden, headTable(config), tableOf(config))
  return config.logitCap === null ? logits : b.softCap(logits, config.logitCap)
}
