/** Rotary position embedding in Hugging Face's half-split layout: y = x·cos + swap(x)·sin with the sign folded into sin. */
import type { GraphBuilder } from '../onnx/builder.ts'
import type { Value } from '../onnx/types.ts'
import type { Rope } from '../weights/config.ts'

/** Angular frequency of each of the headDim/2 pairs (transformers modeling_rope_utils: default and llama3). */
export function frequencies(rope: Rope, headDim: number): number[] {
  const plain = Array.from({ length: headDim / 2 }, (_, i) => rope.theta ** ((-2 * i) / headDim))
  if (rope.kind === 'default') return plain
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = rope
  return plain.map((frequency) => {
    const turns = (originalMaxPositions * frequency) / (2 * Math.PI)
    if (turns < lowFreqFactor) return frequency / factor
    if (turns > highFreqFactor) return frequency
    const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
    return ((1 - smooth) * frequency) / factor + smooth * frequency
  })
}

export interface RopeTables {
  readonly cos: Value
  readonly sin: Value
}

/** cos and sign-folded sin [positions, headDim], times `scale`. */
export function ropeTables(b: GraphBuilder, rope: Rope, headDim: number, positions: number, scale = 1): RopeTables {
  const half = frequencies(rope, headDim)
  const fill = (angle: (a: number) => number, signs: readonly [number, number]): Value => {
    const numbers = new Float64Array(positions * headDim)
    for (let t = 0; t < positions; t++) {
      for (let i = 0; i < headDim; i++) {
        numbers[t * headDim + i] = signs[i < half.length ? 0 : 1] * scale * angle(t * half[i % half.length]!)
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
