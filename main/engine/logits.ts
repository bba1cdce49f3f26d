/** All logits of some sequences under one model. */
import { logitsGraph } from '../../native-models/training/logits.ts'
import { roundLength } from './batches.ts'
import type { CallContext } from './dispatch.ts'
import { tokenIds } from './feeds.ts'
import { sessionFor, specOf } from './graphs.ts'
import { load } from './models.ts'
import type { LogitsParams } from './protocol.ts'

/** One sequence after another; padding at the end changes nothing before it. @returns per sequence [length, vocabSize], flat */
export async function logits({ model: ref, sequences, ...place }: LogitsParams, { signal }: CallContext<never>): Promise<{ logits: Float32Array[] }> {
  const { model: { config, specs, tensors }, adapter } = await load(ref, place)
  const spec = specOf({ config, weights: specs, lora: adapter?.lora ?? null }, place)
  const length = roundLength(Math.max(...sequences.map((ids) => ids.length)))
  const session = await sessionFor(['logits', config, spec.lora, length], place, () => logitsGraph(spec, 1, length))
  const all: Float32Array[] = []
  for (const ids of sequences) {
    signal.throwIfAborted()
    const tokens = new Int32Array(length)
    tokens.set(ids)
    const { logits: made } = await session.run({ tokens: tokenIds(tokens, config), ...tensors, ...adapter?.tensors })
    all.push((made!.data as Float32Array).slice(0, ids.length * config.vocabSize))
  }
  return { logits: all }
}
