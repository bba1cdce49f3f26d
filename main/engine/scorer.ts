/** Log-probabilities of completions under several models that share one copy of the base weights. */
import { scoringGraph } from '../../native-models/training/graphs.ts'
import type { CallContext } from './dispatch.ts'
import { sequenceFeeds, splitPerSequence } from './feeds.ts'
import { sessionFor, specOf } from './graphs.ts'
import { load } from './models.ts'
import type { ScoreParams, ScoreResult } from './protocol.ts'

/** One batch under every model. A model without adapter runs the graph without one: its numbers are the base model's own. */
export async function score({ models, sequences, shape, ...place }: ScoreParams, { signal }: CallContext<never>): Promise<ScoreResult> {
  const perTokenLogps: Float32Array[][] = []
  for (const ref of models) {
    signal.throwIfAborted()
    const { model, adapter } = await load(ref, place)
    const spec = specOf({ config: model.config, weights: model.specs, lora: adapter?.lora ?? null }, place)
    const session = await sessionFor(['score', spec.config, spec.lora, shape, spec.headChunk], place, () => scoringGraph(spec, shape), 'scoring')
    const { logps } = await session.run({ ...sequenceFeeds(sequences, shape, spec.config), ...model.tensors, ...adapter?.tensors })
    perTokenLogps.push(splitPerSequence(logps!.data as Float32Array, sequences))
  }
  return { perTokenLogps }
}
