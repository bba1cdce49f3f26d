/** Stage `score`: every response under M_t, M_{t−1} and M0 (METHOD §2b). All scores are kept. */
import { planScoring } from '../engine/batches.ts'
import type { BatchShape, Sequence } from '../engine/protocol.ts'
import { batchCounts, commitBatch, nextBatch, planBatches } from '../store/batches.ts'
import { responseTokens } from '../store/responses.ts'
import { insertScore } from '../store/scores.ts'
import { type StageContext, configOf, dbOf, modelRef, placeOf } from './context.ts'
import { inSlices } from './slices.ts'

interface ScoreBatch {
  readonly models: readonly string[]
  readonly responses: readonly string[]
  readonly shape: BatchShape
}

export async function score(context: StageContext): Promise<string> {
  const { engine, stageId, signal } = context
  const db = dbOf(context)
  const sequences = await sequencesOf(context)
  const models = judgesOf(context)
  planBatches(db, stageId, plan(context, sequences, models))

  for (let batch = nextBatch<ScoreBatch>(db, stageId); batch; batch = nextBatch<ScoreBatch>(db, stageId)) {
    signal.throwIfAborted()
    const { content } = batch
    const { perTokenLogps } = await engine.call('score', {
      ...placeOf(context), models: content.models.map((id) => modelRef(context, id)), sequences: content.responses.map((id) => sequences.get(id)!), shape: content.shape,
    }, { signal })
    commitBatch(db, batch, () => content.models.forEach((modelId, m) => content.responses.forEach((responseId, i) => {
      const perToken = perTokenLogps[m]![i]!
      const logps = sum(perToken)
      insertScore(db, { responseId, modelId, logps, meanLogps: logps / perToken.length, tokens: perToken.length })
    })))
    const { committed, total } = batchCounts(db, stageId)
    context.progress(committed, total, 'batches')
  }
  return `${sequences.size} responses under ${models.length} models`
}

/** Token ids of every response of the iteration, with its prompt's. */
export async function sequencesOf(context: StageContext): Promise<Map<string, Sequence>> {
  const sequences = new Map<string, Sequence>()
  await inSlices(responseTokens(dbOf(context), context.iteration.id), (window) => window.forEach(({ id, ...sequence }) => sequences.set(id, sequence)))
  return sequences
}

/** M_t, M_{t−1}, M0 without repeats: in iteration 1 the previous model is the base. */
const judgesOf = ({ iteration }: StageContext): string[] => [...new Set([iteration.policyModelId, iteration.previousModelId!, iteration.baseModelId])]

/** Adapters share one base, so a batch runs under all judges; whole models take turns, each loaded once. */
function plan(context: StageContext, sequences: ReadonlyMap<string, Sequence>, models: readonly string[]): { content: ScoreBatch; bucket: number }[] {
  const ids = [...sequences.keys()]
  const batches = planScoring(ids.map((id) => {
    const { promptIds, completionIds } = sequences.get(id)!
    return { promptTokens: promptIds.length, completionTokens: completionIds.length }
  }))
  const groups = configOf(context).tuning.kind === 'lora' ? [models] : models.map((model) => [model])
  return groups.flatMap((group) => batches.map(({ members, shape }) => ({ content: { models: group, responses: members.map((i) => ids[i]!), shape }, bucket: shape.length })))
}

/** In float64, in token order: the same on every machine. */
function sum(values: Float32Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}
