/** How far the written model's logits are from the source's, by the engine that trained it. */
import type { ProofCheck } from '../../../preload/contract/requests/export.ts'
import type { ModelRef } from '../../engine/protocol.ts'
import type { ExportTools } from '../format.ts'
import type { ExportSource } from '../source.ts'
import { type Delta, check } from './proof.ts'
import { sequencesFor } from './prompts.ts'

/**
 * How much a precision may move a logit, as a share of the source's largest one (at least 10); the weights are compared
 * exactly before, so this says that they still make the same model. Seen, on the bundled model, stories260K and random
 * ones: f32 1e-6 (another order of adding up), f16 4e-4 to 6e-3, bf16 4e-3 to 4e-2, q8_0 8e-3 to 0.12.
 */
export const logitBounds = { f32: 1e-5, f16: 2e-2, bf16: 0.1, q8_0: 0.25 } as const

export async function compareLogits(source: ExportSource, written: ModelRef, precision: keyof typeof logitBounds, tools: ExportTools): Promise<{ check: ProofCheck; delta: Delta }> {
  const sequences = await sequencesFor(source, tools.text)
  const ours = await logitsOf(source.ref, sequences, tools)
  const theirs = await logitsOf(written, sequences, tools)
  return judgeLogits(ours, theirs, source.config.vocabSize, logitBounds[precision])
}

/** Logits [length, vocabSize] per sequence, flat. @param share of the largest logit */
export function judgeLogits(ours: readonly Float32Array[], theirs: readonly Float32Array[], vocabSize: number, share: number): { check: ProofCheck; delta: Delta } {
  let [largest, maxLogitDelta, positions, sameBest] = [0, 0, 0, 0]
  ours.forEach((mine, i) => {
    const other = theirs[i]!
    for (let start = 0; start < mine.length; start += vocabSize, positions++) {
      let [best, otherBest] = [start, start]
      for (let at = start; at < start + vocabSize; at++) {
        const [a, b] = [mine[at]!, other[at] ?? NaN]
        largest = Math.max(largest, Math.abs(a))
        const delta = Math.abs(a - b)
        if (!(delta <= maxLogitDelta)) maxLogitDelta = Number.isNaN(delta) ? Infinity : delta
        if (a > mine[best]!) best = at
        if (b > other[otherBest]!) otherBest = at
      }
      if (best === otherBest) sameBest++
    }
  })
  const bound = share * Math.max(10, largest)
  const passed = maxLogitDelta <= bound
  return {
    check: check('logits', passed, `At ${positions} positions of ${ours.length} fixed prompts no logit differs by more than ${maxLogitDelta.toExponential(2)}, ${passed ? 'within' : 'beyond'} ${bound.toExponential(2)}; the likeliest token is the same at ${sameBest}.`),
    delta: { maxLogitDelta: Math.min(maxLogitDelta, Number.MAX_VALUE), bound },
  }
}

export async function logitsOf(model: ModelRef, sequences: readonly Int32Array[], { engine, place, signal }: Pick<ExportTools, 'engine' | 'place' | 'signal'>): Promise<readonly Float32Array[]> {
  return (await engine.call('logits', { ...place, model, sequences }, { signal })).logits
}
