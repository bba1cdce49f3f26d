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
  /** The share of agreement, in (0, 1), that the gate demands. */
  line: fraction,
  open: z.boolean(),
  progress: AuditProgress,
})
export type AuditSession = z.infer<typeof AuditSession>

/** A share with its 95 % interval. */
export const Estimate = z.strictObject({ rate: fraction, low: fraction, high: fraction, n: count, designEffect: z.number() })
export type Estimate = z.infer<typeof Estimate>

/** Null where nothing was decided that the figure could rest on. */
export const AuditReport = z.strictObject({
  session: Id,
  /** All pairs of the iteration, and those drawn. */
  population: count,
  planned: count,
  /** First showings by what the verdict says of the judge's label. */
  outcomes: z.strictObject({ agree: count, disagree: count, tie: count, skip: count, flag: count }),
  /** agree / (agree + disagree) over all pairs, weighted by inclusion probability (Hájek); the random control's plain figure beside it. */
  agreement: Estimate.nullable(),
  control: Estimate.nullable(),
  /** Cohen's κ on displayed sides. */
  kappa: z.number().nullable(),
  /** How often the person chose the side shown first; ½ without bias. */
  firstSide: Estimate.nullable(),
  /** Of pairs that differ in length. */
  longerWins: z.strictObject({ person: Estimate.nullable(), judge: Estimate.nullable() }),
  /** On hidden repeats with the sides swapped. */
  selfAgreement: Estimate.nullable(),
  undecidedRepeats: count,
  /** Verdicts under 500 ms. */
  hasty: count,
  /** Of C, lowest first: is it the chance that the label is right? */
  reliability: z.array(z.strictObject({ from: fraction, to: fraction, meanConsistency: fraction, agreement: Estimate })),
  /** Rewards against known answers over all prompts that have one, audited or not. */
  rewardAccuracy: z.strictObject({ accuracy: fraction.nullable(), pairs: count, ties: count, prompts: count }).nullable(),
  /** `more` pairs to audit until the interval leaves the line, if the rates so far hold. */
  gate: z.discriminatedUnion('state', [
    z.strictObject({ state: z.enum(['passed', 'failed']) }),
    z.strictObject({ state: z.literal('undecided'), more: count.nullable() }),
  ]),
})
export type AuditReport = z.infer<typeof AuditReport>

export const auditRequests = {
  'audit/start': {
    params: z.strictObject({ key: IdempotencyKey, iterationId: Id, pairs: z.int().min(1).max(1000), annotator: z.string().trim().min(1).max(80), criterion: z.string().trim().min(1).max(500), line: z.number().gt(0).lt(1).default(0.6) }),
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
