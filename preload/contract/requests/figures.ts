/** Figures over time: a training's curve, and accuracy beside consistency for every model. */
import { z } from 'zod'
import { FinishReason, PromptInput } from '../domain.ts'
import { Id, count, fraction, nothing, pageOf, window } from './shapes.ts'

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

export const TrainingSummary = z.strictObject({
  stageId: Id,
  kind: z.enum(['sft', 'dpo']),
  /** DPO begins with policy = reference, so its first loss is ln 2 whatever C is; null for SFT and before the first step. */
  stepZero: z.strictObject({ loss: z.number(), expected: z.number(), ok: z.boolean() }).nullable(),
  /** Pairs by who labelled them; null for SFT. */
  pairs: z.strictObject({ judge: count, person: count, dropped: count }).nullable(),
  /** Examples (SFT: sequences, DPO: pairs) that are trained on, where known. */
  examples: count.nullable(),
  steps: z.strictObject({ done: count, total: count.nullable() }),
  /** Both over the committed steps. */
  tokens: count,
  tokensPerSecond: z.number().nullable(),
  /** Of the engine's process, the most it has held; null when it does not run or the system does not tell. */
  peakMemoryBytes: count.nullable(),
})
export type TrainingSummary = z.infer<typeof TrainingSummary>

/** One question, answered by two models. */
export const AnswerPair = z.strictObject({
  itemId: z.string(),
  task: z.string(),
  sample: count,
  /** Null when the task's file cannot be found any more. */
  prompt: PromptInput.nullable(),
  gold: z.string().nullable(),
  outcome: z.enum(['both-right', 'both-wrong', 'gained', 'lost']),
  first: z.strictObject({ text: z.string(), answer: z.string().nullable(), isCorrect: z.boolean(), finishReason: FinishReason }),
  second: z.strictObject({ text: z.string(), answer: z.string().nullable(), isCorrect: z.boolean(), finishReason: FinishReason }),
})
export type AnswerPair = z.infer<typeof AnswerPair>

export const AnswerPage = pageOf(AnswerPair).extend({
  /** Over all questions of the task and decoding, whatever the filter. */
  counts: z.strictObject({ bothRight: count, bothWrong: count, gained: count, lost: count }),
  tasks: z.array(z.string()),
})
export type AnswerPage = z.infer<typeof AnswerPage>

export const figureRequests = {
  'training/curve': { params: z.strictObject({ stageId: Id, after: count.default(0) }), result: TrainingCurve },
  /** M0, M1, … in order. */
  'evaluation/report': { params: nothing, result: z.array(ModelFigures) },
  'training/summary': { params: z.strictObject({ stageId: Id }), result: TrainingSummary },
  /** The same questions under two models, by name ("M1", "M2"): gained = wrong under the first and right under the second. */
  'evaluation/answers': {
    params: z.strictObject({
      first: z.string().min(1).max(64), second: z.string().min(1).max(64), task: z.string().optional(),
      decoding: z.enum(['greedy', 'sampled']).default('greedy'), outcome: AnswerPair.shape.outcome.optional(), ...window,
    }),
    result: AnswerPage,
  },
}
