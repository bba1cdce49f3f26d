/** Every prompt's fate: its rankings under every judge, the pair it became, the verdicts on it. */
import { z } from 'zod'
import { FinishReason, NullReason, PromptInput, SkipReason, Statistic } from '../domain.ts'
import { Id, count, fraction, moment, pageOf, window } from './shapes.ts'
import { RankedPrompt, promptFilter } from './rank.ts'

export const HistoryRow = RankedPrompt.extend({ iterationId: Id, t: count, verdicts: count })
export type HistoryRow = z.infer<typeof HistoryRow>

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
    /** Under every model that scored it; `reward` = logps − the base's, null where the base did not. */
    judges: z.array(z.strictObject({ model: z.string(), logps: z.number(), meanLogps: z.number(), reward: z.number().nullable() })),
    /** From outside the models. */
    externalRewards: z.array(z.strictObject({ source: z.string(), reward: z.number() })),
  })),
  consistencies: z.array(z.strictObject({ setId: Id, iterationId: Id, statistic: Statistic, agreement: z.number().nullable(), consistency: fraction.nullable(), nullReason: NullReason.nullable() })),
  pairs: z.array(z.strictObject({ setId: Id, iterationId: Id, chosenId: Id, rejectedId: Id, margin: z.number(), consistency: fraction })),
  skips: z.array(z.strictObject({ setId: Id, iterationId: Id, reason: SkipReason })),
  /** Those that stand. */
  verdicts: z.array(z.strictObject({ responseAId: Id, responseBId: Id, verdict: z.enum(['a', 'b', 'tie', 'skip', 'flag']), note: z.string().nullable(), annotator: z.string(), criterion: z.string(), elapsedMs: count, createdAt: moment })),
})
export type PromptHistoryView = z.infer<typeof PromptHistoryView>

export const historyRequests = {
  /** By iteration and place in the file; without an iteration over all of them. */
  'history/list': { params: z.strictObject({ iterationId: Id.optional(), filter: promptFilter.prefault({}), ...window }), result: pageOf(HistoryRow) },
  'history/prompt': { params: z.strictObject({ promptId: Id }), result: PromptHistoryView },
}
