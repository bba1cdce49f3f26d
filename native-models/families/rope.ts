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

/** A position is 2⁸·high + low: a model of 131 072 positions then needs tables of 512 + 256 rows. */
const LOW = 256

/**
 * cos and sign-folded sin [batch, length, 1, headDim] at `positions` int64 [batch, length] below `maxPositions`, from the
 * angles of both parts by the addition theorem. (Cos and Sin of large angles are not to be trusted on every device.)
 */
export function turnsAt(b: GraphBuilder, rope: Rope, headDim: number, maxPositions: number, positions: Value): RopeTables {
  const half = frequencies(rope, headDim)
  const table = (rows: number, step: number, angle: (a: number) => number, factor: number): Value =>
    b.floats(Float64Array.from({ length: rows * half.length }, (_, i) => factor * angle(step * Math.floor(i / half.length) * half[i % half.length]!)), [rows, half.length])
  const step = b.constant('int64', [], BigInt64Array.of(BigInt(LOW)))
  const high = b.div(positions, step)
  const low = b.sub(positions, b.mul(high, step))
  const part = (places: Value, rows: number, step: number, factor: number): RopeTables => ({ cos: b.gather(table(rows, step, Math.cos, factor), places), sin: b.gather(table(rows, step, Math.sin, factor), places) })
  const one = part(high, Math.ceil(maxPositions / LOW), LOW, rope.kind === 'yarn' ? rope.attentionFactor : 1)
  const other = part(low, LOW, 1, 1)
  const cos = b.sub(b.mul(one.cos, other.cos), b.mul(one.sin, other.sin))
  const sin = b.add(b.mul(one.sin, other.cos), b.mul(one.cos, other.sin))
  const overHeads = (x: Value): Value => b.reshape(x, [...positions.shape, 1, headDim])
  return { cos: overHeads(b.concat([cos, cos], -1)), sin: overHeads(b.concat([b.neg(sin), sin], -1)) }
}

/** Rotates x […, headDim]; the tables broadcast to it. */
export function rotate(b: GraphBuilder, x: Value, { cos, sin }: RopeTables): Value {
  const half = x.shape.at(-1)! / 2
  const [left, right] = b.split(x, [half, half], -1) as [Value, Value]
  return b.add(b.mul(x, cos), b.mul(b.concat([right, left], -1), sin))
}
