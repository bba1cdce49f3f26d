import type { Fields } from '../fields.ts'
import { readRope } from '../rope.ts'
import { type Architecture, type Sizes, requireActivation, windowsOf } from './architecture.ts'

/** Qwen 2 and 2.5: biases on q, k and v. */
export const qwen2: Architecture = {
  className: 'Qwen2ForCausalLM',
  modelType: 'qwen2',
  defaults: { kvHeads: 32, maxPositions: 32_768, rmsNormEps: 1e-6, tied: false },

  readTraits(fields, sizes) {
    requireActivation(fields, 'hidden_act', 'silu')
    return { rope: readRope(fields, sizes.maxPositions), attentionBias: true, windows: qwenWindows(fields, sizes) }
  },
}

/** A window only where `use_sliding_window` says so, and then in the layers above `max_window_layers`. */
export function qwenWindows(fields: Fields, sizes: Sizes): (number | null)[] {
  const isUsed = fields.boolean('use_sliding_window', false) && (fields.has('sliding_window') || !fields.states('sliding_window'))
  const from = fields.integer('max_window_layers', { min: 0, fallback: 28 })
  return windowsOf(fields, sizes, isUsed ? fields.integer('sliding_window', { fallback: 4096 }) : null, (layer) => layer >= from)
}
