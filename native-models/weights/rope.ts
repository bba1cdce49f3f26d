import { quote } from './error.ts'
import type { Fields } from './fields.ts'
import type { Rope } from './model-config.ts'

/**
 * The one rope of a model: `rope_theta` + `rope_scaling`, or transformers v5's `rope_parameters`, which holds both and goes first.
 * @throws ModelError for a type that is not computed here, by name
 */
export function readRope(fields: Fields, maxPositions: number): Rope {
  const settings = fields.object('rope_parameters') ?? fields.object('rope_scaling')
  if (settings?.has('full_attention') || settings?.has('sliding_attention')) fields.refuse('a rope per layer type', 'one for all layers, except in Gemma 3')
  return ropeOf(settings, fields.positive('rope_theta', { fallback: 10_000 }), maxPositions)
}

/** One rope's settings, in either spelling of its type; null is plain. */
export function ropeOf(settings: Fields | null, thetaOutside: number, maxPositions: number): Rope {
  if (settings === null) return { kind: 'default', theta: thetaOutside }
  refusePartial(settings)
  const theta = settings.has('rope_theta') ? settings.positive('rope_theta') : thetaOutside
  const kind = settings.text('rope_type') ?? settings.text('type') ?? 'default'
  switch (kind) {
    case 'default': return { kind, theta }
    case 'linear': return { kind, theta, factor: settings.positive('factor') }
    case 'dynamic': return { kind, theta, factor: settings.positive('factor') }
    case 'llama3': return llama3(settings, theta)
    case 'yarn': return yarn(settings, theta, maxPositions)
    default: return settings.refuse(`the rope type ${quote(kind)}`, '"default", "linear", "dynamic", "llama3", "yarn"')
  }
}

export function refusePartial(fields: Fields): void {
  if (fields.positive('partial_rotary_factor', { fallback: 1 }) !== 1) fields.refuse('partial_rotary_factor', 'positions on whole heads')
}

function llama3(settings: Fields, theta: number): Rope {
  const rope = {
    kind: 'llama3' as const,
    theta,
    factor: settings.positive('factor'),
    lowFreqFactor: settings.positive('low_freq_factor'),
    highFreqFactor: settings.positive('high_freq_factor'),
    originalMaxPositions: settings.integer('original_max_position_embeddings'),
  }
  if (rope.factor < 1 || rope.highFreqFactor <= rope.lowFreqFactor) {
    throw settings.fault('the llama3 rope needs factor ≥ 1 and high_freq_factor above low_freq_factor; repair them.')
  }
  return rope
}

/** transformers v5's defaults; v4 takes the ratio of the two lengths for the factor, which in sound files is the same. */
function yarn(settings: Fields, theta: number, maxPositions: number): Rope {
  const originalMaxPositions = settings.integer('original_max_position_embeddings', { fallback: maxPositions })
  const factor = settings.positive('factor', { fallback: maxPositions / originalMaxPositions })
  const magnitude = (scale: number): number => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1)
  const both = settings.has('mscale') && settings.has('mscale_all_dim')
  const fallback = both ? magnitude(settings.positive('mscale')) / magnitude(settings.positive('mscale_all_dim')) : magnitude(1)
  if (theta <= 1) throw settings.fault(`the yarn rope needs a rope_theta above 1, not ${theta}; repair it.`)
  return {
    kind: 'yarn',
    theta,
    factor,
    originalMaxPositions,
    betaFast: settings.positive('beta_fast', { fallback: 32 }),
    betaSlow: settings.positive('beta_slow', { fallback: 1 }),
    truncate: settings.boolean('truncate', true),
    attentionFactor: settings.positive('attention_factor', { fallback }),
  }
}
