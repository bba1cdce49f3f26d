import { quote } from '../error.ts'
import { readRope } from '../rope.ts'
import { type Architecture, requireActivation } from './architecture.ts'

/** Llama 1, 2, 3, TinyLlama, SmolLM2. */
export const llama: Architecture = {
  className: 'LlamaForCausalLM',
  modelType: 'llama',
  defaults: { maxPositions: 2048, rmsNormEps: 1e-6, tied: false },

  readTraits(fields, { maxPositions }) {
    requireActivation(fields, 'hidden_act', 'silu')
    if (fields.has('sliding_window') && fields.boolean('use_sliding_window', true)) fields.refuse('sliding_window', 'full attention')
    const otherLayer = fields.texts('layer_types')?.find((layer) => layer !== 'full_attention')
    if (otherLayer !== undefined) fields.refuse(`the layer type ${quote(otherLayer)}`, '"full_attention"')
    if (fields.boolean('rope_interleaved', false)) fields.refuse('rope_interleaved', 'rotary halves')
    const bias = fields.boolean('attention_bias', false)
    return { rope: readRope(fields, maxPositions), attentionBias: bias, outputBias: bias, mlpBias: fields.boolean('mlp_bias', false) }
  },
}
