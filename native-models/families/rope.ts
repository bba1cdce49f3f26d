/** Rotary position embedding in Hugging Face's half-split layout: y = x·cos + swap(x)·sin with the sign folded into sin. */
import type { GraphBuilder } from '../onnx/builder.ts'
import type { Value } from '../onnx/types.ts'
import type { Rope } from '../weights/model-config.ts'

/** Angular frequency of each of the headDim/2 pairs (transformers modeling_rope_utils). */
export function frequencies(rope: Rope, headDim: number): number[] {
  const plain = Array.from({ length: headDim / 2 }, (_, i) => rope.theta ** ((-2 * i) / headDim))
  switch (rope.kind) {
    case 'default':
    case 'dynamic': return plain
    case 'linear': return plain.map((frequency) => frequency / rope.factor)
    case 'llama3': return plain.map((frequency) => stretchSlow(frequency, rope))
    case 'yarn': {
      const share = slowShare(rope, headDim)
      return plain.map((frequency, i) => (frequency / rope.factor) * share(i) + frequency * (1 - share(i)))
    }
  }
}

function stretchSlow(frequency: number, { factor, lowFreqFactor, highFreqFactor, originalMaxPositions }: Extract<Rope, { kind: 'llama3' }>): number {
  const turns = (originalMaxPositions * frequency) / (2 * Math.PI)
  if (turns < lowFreqFactor) return frequency / factor
  if (turns > highFreqFactor) return frequency
  const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
  return ((1 - smooth) * frequency) / factor + smooth * frequency
}

/** YaRN's ramp: 0 for pairs that turn more than betaFast times within the original length, 1 for fewer than betaSlow. */
function slowShare({ theta, originalMaxPositions, betaFast, betaSlow, truncate }: Extract<Rope, { kind: 'yarn' }>, headDim: number): (pair: number) => number {
  const pairOf = (turns: number): number => (headDim * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta))
  const [fast, slow] = [pairOf(betaFast), pairOf(betaSlow)]
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0)
  const high = Math.min(truncate ? Math.ceil(slow) : slow, headDim - 1)
  return (pair) => Math.min(Math.max((pair - low) / (high === low ? 0.001 : high - low), 0), 1)
}

export interface RopeTables {
  readonly cos: Value
  readonly sin: Value
}

/** cos and sign-folded sin [positions, headDim], times `scale`. */
export function ropeTables(b: GraphBuilder, rope: Rope, headDim: number, positions: number, scale = 1): RopeTables {
  const half = frequencies(rope, headDim)
  const factor = rope.kind === 'yarn' ? scale * rope.attentionFactor : scale
  const fill = (angle: (a: number) => number, signs: readonly [number, number]): Value => {
    const numbers = new Float64Array(positions * headDim)
    for (let t = 0; t < positions; t++) {
      for (let i = 0; i < headDim; i++) {
        numbers[t * headDim + i] = signs[i < half.length ? 0 : 1] * factor * angle(t * half[i % half.length]!)
      }
    }
    return b.floats(numbers, [positions, headDim])
  }
  return { cos: fill(Math.cos, [1, 1]), sin: fill(Math.sin, [-1, 1]) }
}

/** Rotates x […, headDim]; the tables broadcast to it. */
export function rotate(b: GraphBuilder, x: Value, { cos, sin }: RopeTables): Value {
  const half = x.shape.at(-1)! / 2
  const [left, right] = b.split(x, [half, half], -1) as [Value, Value]
  return b.add(b.mul(x, cos), b.mul(b.concat([right, left], -1), sin))
}
