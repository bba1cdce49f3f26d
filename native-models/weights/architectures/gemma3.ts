import { refusePartial, ropeOf } from '../rope.ts'
import { type Architecture, windowsOf } from './architecture.ts'
import { capOf, gemmaTraits, gemmaWindow } from './gemma2.ts'

/** Gemma 3's text models: head norms, and layers with a window turn by a rope of their own. */
export const gemma3: Architecture = {
  className: 'Gemma3ForCausalLM',
  modelType: 'gemma3_text',
  defaults: { kvHeads: 4, headDim: 256, maxPositions: 131_072, rmsNormEps: 1e-6, tied: true },

  readTraits(fields, sizes) {
    refusePartial(fields)
    const perType = fields.object('rope_parameters') // transformers 5
    const [theta, localTheta] = [fields.positive('rope_theta', { fallback: 1_000_000 }), fields.positive('rope_local_base_freq', { fallback: 10_000 })]
    const pattern = fields.integer(fields.has('sliding_window_pattern') ? 'sliding_window_pattern' : '_sliding_window_pattern', { fallback: 6 })
    return {
      ...gemmaTraits(fields, sizes),
      rope: ropeOf(perType ? perType.object('full_attention') : fields.object('rope_scaling'), theta, sizes.maxPositions),
      localRope: ropeOf(perType?.object('sliding_attention') ?? null, localTheta, sizes.maxPositions),
      headNorms: true,
      scoreCap: capOf(fields, 'attn_logit_softcapping', null),
      logitCap: capOf(fields, 'final_logit_softcapping', null),
      windows: windowsOf(fields, sizes, gemmaWindow(fields), (layer) => (layer + 1) % pattern !== 0),
    }
  },
}
