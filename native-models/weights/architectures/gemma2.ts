import type { Fields } from '../fields.ts'
import type { Traits } from '../model-config.ts'
import { readRope } from '../rope.ts'
import { type Architecture, type Sizes, requireActivation, windowsOf } from './architecture.ts'

/** Gemma 2: every second layer sees a window only; scores and logits are capped. */
export const gemma2: Architecture = {
  className: 'Gemma2ForCausalLM',
  modelType: 'gemma2',
  defaults: { kvHeads: 4, headDim: 256, maxPositions: 8192, rmsNormEps: 1e-6, tied: true },

  readTraits(fields, sizes) {
    return {
      ...gemmaTraits(fields, sizes),
      rope: readRope(fields, sizes.maxPositions),
      scoreCap: capOf(fields, 'attn_logit_softcapping', 50),
      logitCap: capOf(fields, 'final_logit_softcapping', 30),
      windows: windowsOf(fields, sizes, gemmaWindow(fields), (layer) => layer % 2 === 0),
    }
  },
}

/** What Gemma 2 and 3 share: embeddings times √D, norms by 1 + weight before and after each half of a layer, tanh-GELU. */
export function gemmaTraits(fields: Fields, { hiddenSize }: Sizes): Partial<Traits> {
  requireActivation(fields, 'hidden_activation', 'gelu_pytorch_tanh')
  if (fields.boolean('use_bidirectional_attention', false)) fields.refuse('use_bidirectional_attention', 'causal attention')
  const bias = fields.boolean('attention_bias', false)
  return {
    attentionBias: bias,
    outputBias: bias,
    outputNorms: true,
    normOffset: 1,
    activation: 'gelu-tanh',
    embeddingScale: hiddenSize ** 0.5,
    queryScale: fields.positive('query_pre_attn_scalar', { fallback: 256 }) ** -0.5,
  }
}

export const gemmaWindow = (fields: Fields): number | null => (fields.states('sliding_window') && !fields.has('sliding_window') ? null : fields.integer('sliding_window', { fallback: 4096 }))

/** null is no cap; a silent file has the family's own. */
export const capOf = (fields: Fields, key: string, fallback: number | null): number | null =>
  fields.has(key) ? fields.positive(key) : fields.states(key) ? null : fallback
