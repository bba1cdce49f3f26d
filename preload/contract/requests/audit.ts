/** The spot-check. What is sent for an unjudged pair holds prompt, left and right only: nothing of the judge's choice. */
import { z } from 'zod'
import { PromptInput } from '../domain.ts'
import { Handle, Id, IdempotencyKey, count, fraction, nothing } from './shapes.ts'

/** The better side as shown; 'skip' = no answer, 'flag' = something is wrong with the pair. */
export const Verdict = z.enum(['left', 'right', 'tie', 'skip', 'flag'])
export type Verdict = z.infer<typeof Verdict>

/** The whole of what a person sees of an unjudged pair; the schema is strict on purpose. */
export const BlindPair = z.strictObject({
  /** Says nothing of the prompt, the responses or their order. */
  pair: Handle,
  prompt: PromptInput,
  left: z.string(),
  right: z.string(),
})
export type BlindPair = z.infer<typeof BlindPair>

/** Progress and pace, and no figure that a verdict could move. */
export const AuditProgress = z.strictObject({
  judged: count,
  total: count,
  /** Median of the verdicts so far. */
  secondsPerPair: z.number().nullable(),
  canUndo: z.boolean(),
})
export type AuditProgress = z.infer<typeof AuditProgress>

export const AuditSession = z.strictObject({
  session: Id,
  iterationId: Id,
  criterion: z.string(),
  annotator: z.string(),
  /** A share of agreement, in (0, 1), that the gate demands. */
  line: fraction,
  open: z.boolean(),
  progress: AuditProgress,
})
export type AuditSession = z.infer<typeof AuditSession>

const Estimate = z.strictObject({ value: fraction.nullable(), low: fraction.nullable(), high: fraction.nullable(), pairs: count })

export const AuditReport = z.strictObject({
  session: Id,
  /** Verdicts by what they say of the judge's label. */
  counts: z.strictObject({ agree: count, disagree: count, tie: count, skip: count, flag: count, tooFast: count }),
  /** Over all pairs, weighted by inclusion probability (Hájek), and the random control's plain figure beside it. */
  agreement: Estimate,
  control: Estimate,
  /** Cohen's κ on displayed sides. */
  kappa: z.number().nullable(),
  leftChosen: Estimate,
  longerWins: Estimate,
  /** Hidden repeats with sides swapped. */
  selfAgreement: Estimate,
  /** Of C: by bucket the mean C, and the share of verdicts that agree with the label. */
  reliability: z.array(z.strictObject({ low: fraction, high: fraction, meanConsistency: fraction.nullable(), agreement: fraction.nullable(), pairs: count })),
  gate: z.strictObject({ verdict: z.enum(['passed', 'failed', 'undecided']), line: fraction, morePairs: count.nullable() }),
})
export type AuditReport = z.infer<typeof AuditReport>

export const auditRequests = {
  'audit/start': {
    params: z.strictObject({ key: IdempotencyKey, iterationId: Id, pairs: z.int().min(1).max(1000), annotator: z.string().trim().min(1).max(80), criterion: z.string().trim().min(1).max(500), line: fraction.default(0.6) }),
    result: AuditSession,
  },
  /** The sessions of an iteration, newest first. */
  'audit/sessions': { params: z.strictObject({ iterationId: Id }), result: z.array(AuditSession) },
  /** The next unjudged pair; null when all are judged. */
  'audit/next': { params: z.strictObject({ session: Id }), result: z.strictObject({ pair: BlindPair.nullable(), progress: AuditProgress }) },
  'audit/judge': {
    params: z.strictObject({ key: IdempotencyKey, session: Id, pair: Handle, verdict: Verdict, milliseconds: count, note: z.string().max(2000).optional() }),
    result: AuditProgress,
  },
  /** Takes the last verdict back: its pair is the next one again. */
  'audit/undo': { params: z.strictObject({ key: IdempotencyKey, session: Id }), result: AuditProgress },
  'audit/close': { params: z.strictObject({ session: Id }), result: nothing },
  /** Refused while the session is open. */
  'audit/report': { params: z.strictObject({ session: Id }), result: AuditReport },
}
