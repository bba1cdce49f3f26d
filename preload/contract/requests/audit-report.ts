/** The figures of a spot-check at its close, of pairs and of rankings. */
import { z } from 'zod'
import { Id, count, fraction } from './shapes.ts'

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

/** A mean of tau-b in [−1, 1] with its 95 % interval; no interval below three prompts. */
export const MeanTau = z.strictObject({ mean: z.number(), low: z.number().nullable(), high: z.number().nullable(), n: count })

/** Ranking mode at its close: which judge do people trust? */
export const TrustReport = z.strictObject({
  session: Id,
  population: count,
  planned: count,
  ordered: count,
  skipped: count,
  hasty: count,
  /** Human tau against each judge; null where no prompt has one. */
  current: z.strictObject({ model: z.string(), tau: MeanTau.nullable() }),
  previous: z.strictObject({ model: z.string(), tau: MeanTau.nullable() }),
  /** Prompts on which the person is equally near to both, and the share of the others nearer to the current judge. */
  alike: count,
  nearerToCurrent: Estimate.nullable(),
  /** 'undecided' while that share's interval holds ½. */
  trusted: z.enum(['current', 'previous', 'undecided']),
})
export type TrustReport = z.infer<typeof TrustReport>
