/** Every prompt's fate: its rankings under every judge, the pair it became, the verdicts on it; and runs side by side. */
import { z } from 'zod'
import { FinishReason, NullReason, PromptInput, SkipReason, Statistic } from '../domain.ts'
import { ModelFigures } from './figures.ts'
import { Handle, Id, ReasonCount, count, fraction, moment, pageOf, window } from './shapes.ts'
import { Measure, RankedPrompt, promptFilter, promptOrder } from './rank.ts'

export const HistoryRow = RankedPrompt.extend({ iterationId: Id, t: count, verdicts: count })
export type HistoryRow = z.infer<typeof HistoryRow>

/** What a response became in one ranking set. */
export const ResponseFate = z.strictObject({
  setId: Id,
  iterationId: Id,
  /** 'neither' = ranked between the two, or the prompt was skipped. */
  role: z.enum(['chosen', 'rejected', 'neither']),
})
export type ResponseFate = z.infer<typeof ResponseFate>

/** One model as a judge of one iteration's distinct responses; `values` and `ranks` are aligned with its `responseIds`. */
export const JudgeRanking = z.strictObject({
  model: z.string(),
  /** M0 ranks by its mean log-likelihood alone: its log-ratio is 0 everywhere. */
  measure: Measure,
  values: z.array(z.number()),
  /** From 1 = best, averaged over ties. */
  ranks: z.array(z.number()),
  /** Of the iteration's ranking set; null for a judge that took no part in its consistency. */
  role: z.enum(['current', 'previous']).nullable(),
})
export type JudgeRanking = z.infer<typeof JudgeRanking>

export const PromptHistoryView = z.strictObject({
  promptId: Id,
  position: count,
  input: PromptInput,
  answer: z.string().nullable(),
  task: z.string().nullable(),
  responses: z.array(z.strictObject({
    responseId: Id,
    iterationId: Id,
    position: count,
    text: z.string(),
    finishReason: FinishReason,
    isCorrect: z.boolean().nullable(),
    /** The response that stands for this text among its iteration's distinct ones, where that is another. */
    repeats: Id.nullable(),
    /** Under every model that scored it; `reward` = logps − the base's, null where the base did not. */
    judges: z.array(z.strictObject({ model: z.string(), logps: z.number(), meanLogps: z.number(), reward: z.number().nullable() })),
    /** From outside the models. */
    externalRewards: z.array(z.strictObject({ source: z.string(), reward: z.number() })),
    fates: z.array(ResponseFate),
  })),
  /** For the bump chart: every iteration's distinct responses under every model that scored them all, in order M0, M1, … */
  rankings: z.array(z.strictObject({ iterationId: Id, t: count, responseIds: z.array(Id), judges: z.array(JudgeRanking) })),
  consistencies: z.array(z.strictObject({ setId: Id, iterationId: Id, statistic: Statistic, agreement: z.number().nullable(), consistency: fraction.nullable(), nullReason: NullReason.nullable(), flipped: z.boolean() })),
  /** One for each iteration that trains, or would train, on the pair: a branch may share its origin's. */
  pairs: z.array(z.strictObject({
    setId: Id,
    iterationId: Id,
    chosenId: Id,
    rejectedId: Id,
    margin: z.number(),
    consistency: fraction,
    /** As the decision at the gate left it; null before. 'dropped' = taken out by a verdict or a bound. */
    label: z.strictObject({ source: z.enum(['judge', 'person', 'dropped']), chosenId: Id, rejectedId: Id, consistency: fraction.nullable() }).nullable(),
    /** The optimiser steps, from 1, whose batch holds the pair, and how many steps are committed; null before training, and where it was dropped. */
    training: z.strictObject({ stageId: Id, steps: z.array(z.int().min(1)), taken: count }).nullable(),
  })),
  skips: z.array(z.strictObject({ setId: Id, iterationId: Id, reason: SkipReason })),
  /** Those that stand. */
  verdicts: z.array(z.strictObject({ responseAId: Id, responseBId: Id, verdict: z.enum(['a', 'b', 'tie', 'skip', 'flag']), note: z.string().nullable(), annotator: z.string(), criterion: z.string(), elapsedMs: count, createdAt: moment })),
})
export type PromptHistoryView = z.infer<typeof PromptHistoryView>

/** One iteration of a compared run; branches have the same t. */
export const RoundFigures = z.strictObject({
  iterationId: Id,
  t: z.int().min(1),
  policy: z.string(),
  produced: z.string().nullable(),
  judged: ModelFigures.shape.judged,
  /** Null before the stage `pair`. */
  pairs: count.nullable(),
  skips: z.array(ReasonCount),
  /** What its finished stages took. */
  seconds: z.number().min(0),
})
export type RoundFigures = z.infer<typeof RoundFigures>

export const ComparedRun = z.strictObject({
  project: Handle,
  name: z.string(),
  runId: Id,
  models: z.array(ModelFigures),
  rounds: z.array(RoundFigures),
  /** What all finished stages took. */
  seconds: z.number().min(0),
})
export type ComparedRun = z.infer<typeof ComparedRun>

export const RunComparison = z.strictObject({
  runs: z.array(ComparedRun),
  /** Only what differs, by its place in the configuration ("dpo.learningRate"); `values` are aligned with `runs`, null = not set. */
  settings: z.array(z.strictObject({ setting: z.string(), values: z.array(z.union([z.string(), z.number(), z.boolean()]).nullable()) })),
  /** Projects that cannot be read, with the sentence why. */
  unreadable: z.array(z.strictObject({ project: Handle, sentence: z.string() })),
})
export type RunComparison = z.infer<typeof RunComparison>

export const historyRequests = {
  /** Without an iteration over all of them, which then come first in the order 'position'. */
  'history/list': { params: z.strictObject({ iterationId: Id.optional(), filter: promptFilter.prefault({}), order: promptOrder.prefault({ by: 'position' }), ...window }), result: pageOf(HistoryRow) },
  'history/prompt': { params: z.strictObject({ promptId: Id }), result: PromptHistoryView },
  /** Other projects are opened for reading only. */
  'history/runs': { params: z.strictObject({ projects: z.array(Handle).min(1).max(8) }), result: RunComparison },
}
