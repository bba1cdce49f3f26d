/** What may be going wrong with the alignment (METHOD §8), as sentences with their evidence. */
import { z } from 'zod'
import { Id, count } from './shapes.ts'

export const AlarmCode = z.enum([
  'step0-loss', // the first loss is not ln 2: wrong reference
  'consistency-below-half', // mean C < .5
  'reversed-share', // many pairs with C < .5
  'collapse', // τ up, accuracy or reward accuracy down
  'reward-saturated', // rewards/accuracies at its ceiling
  'sides-converge', // chosen and rejected become alike
  'length-bias', // longer ones are chosen
  'length-drift', // the model's responses grow or shrink
  'repetition', // repeated n-grams up, distinct-n down
  'truncated', // many responses ended by length
  'logps-fall', // chosen and rejected log-probabilities fall together: normal, explained
])
export type AlarmCode = z.infer<typeof AlarmCode>

export const AlarmSeverity = z.enum(['info', 'warning', 'danger'])

export const Alarm = z.strictObject({
  code: AlarmCode,
  severity: AlarmSeverity,
  iterationId: Id,
  t: count,
  /** What was found and what to do. */
  sentence: z.string(),
  evidence: z.strictObject({
    /** Where it shows: the step of the wizard and the part of its page. */
    step: z.enum(['sample', 'rank', 'train', 'evaluate']),
    anchor: z.enum(['summary', 'consistency', 'bias-length', 'bias-repetition', 'curve-loss', 'curve-rewards', 'curve-logps', 'accuracy']),
    figures: z.array(z.strictObject({ name: z.string(), value: z.number(), unit: z.enum(['share', 'nats', 'tokens', 'C', 'tau', 'number']) })),
  }),
})
export type Alarm = z.infer<typeof Alarm>

export const alarmRequests = {
  /** Worst first; of one iteration, or of all. */
  'alarm/list': { params: z.strictObject({ iterationId: Id.optional() }), result: z.array(Alarm) },
}
