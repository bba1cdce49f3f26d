/** All logits of some sequences under one model. */
import { logitsGraph } from '../../native-models/training/logits.ts'
import { roundLength } from './batches.ts'
import type { CallContext } from './dispatch.ts'
import { sessionFor } from './graphs.ts'
import { load } from './models.ts'
import type { LogitsParams } from './protocol.ts'
import { tensor } from './sessions.ts'

/** One sequence after another; padding at the end changes nothing before it. @returns per sequence [length, vocabSize], flat */
export async function logits({ model: ref, sequences, device, threads }: LogitsParams, { signal }: CallContext<never>): Promise<{ logits: Float32Array[] }> {
  const { model: { config, tensors }, adapter } = await load(ref, device)
  const lora = adapter?.lora ?? null
  const length = roundLength(Math.max(...sequences.map((ids) => ids.length)))
  const session = await sessionFor(['logits', config, lora, length], { device, threads }, () => logitsGraph({ config, lora }, 1, length))
  const all: Float32Array[] = []
  for (const ids of sequences) {
    signal.throwIfAborted()
    const tokens = new BigInt64Array(length)
    ids.forEach((id, t) => (tokens[t] = BigInt(id)))
    const { logits: made } = await session.run({ tokens: tensor('int64', [length, 1], tokens), ...tensors, ...adapter?.tensors })
    all.push((made!.data as Float32Array).slice(0, ids.length * config.vocabSize))
  }
  return { logits: all }
}
