/** The Llama family: token ids → hidden states, as a graph. Names are Hugging Face's. */
import type { GraphBuilder } from '../onnx/builder.ts'
import type { Value } from '../onnx/types.ts'
import type { LlamaConfig } from '../weights/config.ts'
import type { Attention } from './attention.ts'
import type { Linear, Parameters } from './parameters.ts'

/**
 * `tokens` int64 [n, 1] → hidden states after the last norm [n, hiddenSize]; `attention` decides who sees whom. With
 * `places` int64 [m, 1] only those rows [m, hiddenSize] are made: the last layer's MLP works for no others.
 */
export function llama(b: GraphBuilder, config: LlamaConfig, p: Parameters, tokens: Value, attention: Attention, places?: Value): Value {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, attentionBias, mlpBias } = config
  // Cheap to run twice, large to keep: the backward pass repeats norms and activations (onnx/schedule.ts).
  const norm = (x: Value, name: string): Value => b.during('recompute', () => b.rmsNorm(x, p.tensor(`${name}.weight`, [hiddenSize]), config.rmsNormEps))
  const swiglu = (gate: Value, up: Value): Value => b.during('recompute', () => b.mul(b.silu(gate), up))

  let x = b.rows(embedding(p, config), tokens)
  for (let i = 0; i < config.layers; i++) {
    const layer = `model.layers.${i}`
    x = b.scope(layer, () => {
      const seen = norm(x, `${layer}.input_layernorm`)
      const attn = (name: string, out: number): Linear => ({ module: `${layer}.self_attn.${name}`, out, bias: attentionBias })
      const mlp = (name: string, out: number): Linear => ({ module: `${layer}.mlp.${name}`, out, bias: mlpBias })
      const [q, k, v] = p.linears(seen, [attn('q_proj', heads * headDim), attn('k_proj', kvHeads * headDim), attn('v_proj', kvHeads * headDim)])
      const attended = attention(q!, k!, v!, i)
      const wanted = (rows: Value): Value => (places && i === config.layers - 1 ? b.rows(rows, places) : rows)
      const mixed = b.add(wanted(x), p.linears(wanted(attended), [attn('o_proj', hiddenSize)])[0]!)

      const read = norm(mixed, `${layer}.post_attention_layernorm`)
      const [gate, up] = p.linears(read, [mlp('gate_proj', intermediateSize), mlp('up_proj', intermediateSize)])
      return b.add(mixed, p.linears(swiglu(gate!, up!), [mlp('down_proj', hiddenSize)])[0]!)
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
