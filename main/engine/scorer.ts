/** Log-probabilities of completions under several models that share one copy of the base weights. */
import { scoringGraph } from '../../native-models/training/graphs.ts'
import type { CallContext } from './dispatch.ts'
import { sequenceFeeds, splitPerSequence } from './feeds.ts'
import { headChunkFor, sessionFor } from './graphs.ts'
import { load } from './models.ts'
import type { ScoreParams, ScoreResult } from './protocol.ts'

/** One batch under every model. A model without adapter runs the graph without one: its numbers are the base model's own. */
export async function score({ models, sequences, shape, device, threads }: ScoreParams, { signal }: CallContext<never>): Promise<ScoreResult> {
  const feeds = sequenceFeeds(sequences, shape)
  const perTokenLogps: Float32Array[][] = []
  for (const ref of models) {
    signal.throwIfAborted()
    const { model, adapter } = await load(ref, device)
    const { config, specs } = model
    const lora = adapter?.lora ?? null
    const headChunk = headChunkFor(config.vocabSize)
    const session = await sessionFor(['score', config, lora, shape, headChunk], { device, threads }, () => scoringGraph({ config, weights: specs, lora, headChunk }, shape))
    const { logps } = await session.run({ ...feeds, ...model.tensors, ...adapter?.tensors })
    perTokenLogps.push(splitPerSequence(logps!.data as Float32Array, sequences))
  }
  return { perTokenLogps }
}
