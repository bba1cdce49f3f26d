import { readRope } from '../rope.ts'
import { type Architecture, requireActivation, sameWindow } from './architecture.ts'

/** Phi-3 with 4k positions: projections fused in the file (weights/fused.ts takes them apart), a window in every layer. */
export const phi3: Architecture = {
  className: 'Phi3ForCausalLM',
  modelType: 'phi3',
  defaults: { maxPositions: 4096, rmsNormEps: 1e-5, tied: false },

  readTraits(fields, sizes) {
    requireActivation(fields, 'hidden_act', 'silu')
    const settings = fields.object('rope_parameters') ?? fields.object('rope_scaling')
    const kind = settings?.text('rope_type') ?? settings?.text('type') ?? 'default'
    // Phi-3's early files call it "su" or "yarn"; its factors change where a text passes the original length.
    if (kind !== 'default') fields.refuse(`the rope type "longrope" of a Phi-3 with a long context`, 'Phi-3 with 4k positions')
    return { rope: readRope(fields, sizes.maxPositions), windows: sameWindow(sizes, fields.has('sliding_window') ? fields.integer('sliding_window') : null), fused: true }
  },
}
