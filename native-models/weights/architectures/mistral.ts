import { readRope } from '../rope.ts'
import { type Architecture, requireActivation, sameWindow } from './architecture.ts'

/** Mistral 7B and its kin: a Llama whose tokens may see a window only, in every layer. */
export const mistral: Architecture = {
  className: 'MistralForCausalLM',
  modelType: 'mistral',
  defaults: { kvHeads: 8, maxPositions: 131_072, rmsNormEps: 1e-6, tied: false },

  readTraits(fields, sizes) {
    requireActivation(fields, 'hidden_act', 'silu')
    // null is no window; a silent file has transformers' own
    const window = fields.has('sliding_window') ? fields.integer('sliding_window') : fields.states('sliding_window') ? null : 4096
    return { rope: readRope(fields, sizes.maxPositions), windows: sameWindow(sizes, window) }
  },
}
