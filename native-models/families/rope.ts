/** Rotary position embedding: the tables that `b.rotate` turns by. */
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

/** cos and sin [positions, headDim/2], times `scale`: the tables of `b.rotate`. */
export function ropeTables(b: GraphBuilder, rope: Rope, headDim: number, positions: number, scale = 1): [cos: Value, sin: Value] {
  const angular = frequencies(rope, headDim)
  const angles = Float64Array.from({ length: positions * angular.length }, (_, i) => Math.floor(i / angular.length) * angular[i % angular.length]!)
  const table = (f: (angle: number) => number): Value => b.floats(angles.map((angle) => scale * f(angle)), [positions, angular.length])
  return [table(Math.cos), table(Math.sin)]
}
