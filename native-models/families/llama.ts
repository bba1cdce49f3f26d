/** The Llama family: token ids → hidden states, as a graph. Names are Hugging Face's. */
import type { GraphBuilder } from '../onnx/builder.ts'
import type { Value } from '../onnx/types.ts'
import type { LlamaConfig } from '../weights/config.ts'
import type { Attention } from './attention.ts'
import type { Parameters } from './parameters.ts'

/**
 * `tokens` int64 [n, 1] → hidden states after the last norm [n, hiddenSize]; `attention` decides who sees whom. With
 * `places` int64 [m, 1] only those rows [m, hiddenSize] are made: the last layer's MLP works for no others.
 */
export function llama(b: GraphBuilder, config: LlamaConfig, p: Parameters, tokens: Value, attention: Attention, places?: Value): Value {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, attentionBias, mlpBias } = config
  // Cheap to run twice, large to keep: the backward pass repeats norms and activations (onnx/schedule.ts).
  const norm = (x: Value, name: string): Value => b.during('recompute', () => b.rmsNorm(x, p.tensor(`${name}.weight`, [hiddenSize]), config.rmsNormEps))
  const swiglu = (gate: Value, up: Value): Value => b.during('recompute', () => b.mul(b.mul(gate, b.sigmoid(gate)), up))

  let x = b.rows(embedding(p, config), tokens)
  for (let i = 0; i < config.layers; i++) {
    const layer = `model.layers.${i}`
    x = b.scope(layer, () => {
      const seen = norm(x, `${layer}.input_layernorm`)
      const project = (name: string, width: number): Value => p.linear(seen, `${layer}.self_attn.${name}`, width, attentionBias)
      const attended = attention(project('q_proj', heads * headDim), project('k_proj', kvHeads * headDim), project('v_proj', kvHeads * headDim), i)
      const wanted = (rows: Value): Value => (places && i === config.layers - 1 ? b.rows(rows, places) : rows)
      const mixed = b.add(wanted(x), p.linear(wanted(attended), `${layer}.self_attn.o_proj`, hiddenSize, attentionBias))

      const read = norm(mixed, `${layer}.post_attention_layernorm`)
      const widen = (name: string): Value => p.linear(read, `${layer}.mlp.${name}`, intermediateSize, mlpBias)
      const inner = swiglu(widen('gate_proj'), widen('up_proj'))
      return b.add(mixed, p.linear(inner, `${layer}.mlp.down_proj`, hiddenSize, mlpBias))
    })
  }
  return norm(x, 'model.norm')
}

function embedding(p: Parameters, config: LlamaConfig): Value {
  return p.tensor('model.embed_tokens.weight', [config.vocabSize, config.hiddenSize])
}

/** The head [vocabSize, hiddenSize]: the embedding itself where they are tied. */
export function head(p: Parameters, config: LlamaConfig): Value {
  return config.tied ? embedding(p, config) : p.tensor('lm_head.weight', [config.vocabSize, config.hiddenSize])
}
