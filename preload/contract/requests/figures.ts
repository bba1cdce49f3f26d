/** Figures over time: a training's curve, and accuracy beside consistency for every model. */
import { z } from 'zod'
import { Id, count, fraction, nothing } from './shapes.ts'

/** TRL's keys: loss, rewards/chosen, …, grad_norm, learning_rate; `loss_floor` is the mean H(C). */
export const Metrics = z.record(z.string(), z.number())

export const CurvePoint = z.strictObject({
  /** Optimiser updates done, from 1. */
  step: z.int().min(1),
  metrics: Metrics,
  /** False: not in a checkpoint yet, so it would be taken again after a crash (to the same numbers). */
  committed: z.boolean(),
})
export type CurvePoint = z.infer<typeof CurvePoint>

export const TrainingCurve = z.strictObject({
  stageId: Id,
  /** From `after` on, in order, without gaps. */
  points: z.array(CurvePoint),
  /** All steps of the training, where known. */
  total: count.nullable(),
  /** Over the committed steps. */
  tokensPerSecond: z.number().nullable(),
})
export type TrainingCurve = z.infer<typeof TrainingCurve>

const Greedy = z.strictObject({ accuracy: fraction, correct: count, items: count, low: fraction, high: fraction })
const Sampled = z.strictObject({ accuracy: fraction, standardError: z.number().nullable(), items: count, samples: count })

export const ModelFigures = z.strictObject({
  model: z.string(),
  /** By task, and `all` for every question together; what was not measured is left out. */
  tasks: z.record(z.string(), z.strictObject({ greedy: Greedy.optional(), sampled: Sampled.optional() })),
  /** As the judge of its iteration; null where there is none yet. */
  judged: z.strictObject({
    consistency: fraction.nullable(),
    chance: z.strictObject({ mean: z.number(), sd: z.number() }).nullable(),
    belowHalf: fraction.nullable(),
    rewardAccuracy: fraction.nullable(),
  }).nullable(),
  isTrained: z.boolean(),
})
export type ModelFigures = z.infer<typeof ModelFigures>

export const figureRequests = {
  'training/curve': { params: z.strictObject({ stageId: Id, after: count.default(0) }), result: TrainingCurve },
  /** M0, M1, … in order. */
  'evaluation/report': { params: nothing, result: z.array(ModelFigures) },
}
