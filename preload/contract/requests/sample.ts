/** Prompts and what the policy answered. */
import { z } from 'zod'
import { FinishReason, PromptInput, SkipReason } from '../domain.ts'
import { Id, count, fraction, pageOf, window } from './shapes.ts'

export const ResponseView = z.strictObject({
  responseId: Id,
  position: count,
  text: z.string(),
  tokens: count,
  finishReason: FinishReason,
  /** Null where there is no gold answer. */
  isCorrect: z.boolean().nullable(),
})
export type ResponseView = z.infer<typeof ResponseView>

export const SampledPrompt = z.strictObject({
  promptId: Id,
  /** Place in the imported file, from 0. */
  position: count,
  input: PromptInput,
  tokens: count,
  answer: z.string().nullable(),
  task: z.string().nullable(),
  skipReason: SkipReason.nullable(),
  /** Empty until sampled. */
  responses: z.array(ResponseView),
})
export type SampledPrompt = z.infer<typeof SampledPrompt>

export const SampleSummary = z.strictObject({
  prompts: count,
  /** Prompts with all their responses. */
  sampled: count,
  responses: count,
  /** Ended by length, not by EOS. */
  truncated: count,
  meanTokens: z.number().nullable(),
  /** Distinct texts a prompt, on average. */
  meanDistinct: z.number().nullable(),
  /** Of the responses with a known answer. */
  accuracy: fraction.nullable(),
  tasks: z.array(z.string()),
})
export type SampleSummary = z.infer<typeof SampleSummary>

export const sampleRequests = {
  'sample/summary': { params: z.strictObject({ iterationId: Id }), result: SampleSummary },
  /** By place in the file. */
  'sample/list': { params: z.strictObject({ iterationId: Id, task: z.string().optional(), ...window }), result: pageOf(SampledPrompt) },
}
