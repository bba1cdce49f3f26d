import { readRope } from '../rope.ts'
import { type Architecture, requireActivation } from './architecture.ts'
import { qwenWindows } from './qwen2.ts'

/** Qwen 3: q and k normalised head by head. */
export const qwen3: Architecture = {
  className: 'Qwen3ForCausalLM',
  modelType: 'qwen3',
  defaults: { kvHeads: 32, headDim: 128, maxPositions: 32_768, rmsNormEps: 1e-6, tied: false },

  readTraits(fields, sizes) {
    requireActivation(fields, 'hidden_act', 'silu')
    const bias = fields.boolean('attention_bias', false)
    return { rope: readRope(fields, sizes.maxPositions), attentionBias: bias, outputBias: bias, headNorms: true, windows: qwenWindows(fields, sizes) }
  },
}
