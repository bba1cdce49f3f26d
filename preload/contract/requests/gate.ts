/** The gate between the spot-check and training: what verdicts do to labels, and what a person decides. */
import { z } from 'zod'
import { Estimate } from './audit-report.ts'
import { Id, count, fraction, moment } from './shapes.ts'

/** What a verdict does to a pair's label. */
export const LabelEffect = z.enum(['kept', 'swapped', 'dropped-tie', 'dropped-flag', 'filtered', 'skipped', 'not-audited'])
export type LabelEffect = z.infer<typeof LabelEffect>

/** Who says which response is better: the judge, a person, or nobody (the pair is not trained on). */
export const LabelSource = z.enum(['judge', 'person', 'dropped'])

/** How training may start. A bound left out holds for every pair; a person's label is kept whatever the bounds. */
export const GateChoice = z.discriminatedUnion('kind', [
  /** Refused unless the newest closed spot-check passed. */
  z.strictObject({ kind: z.literal('passed') }),
  z.strictObject({ kind: z.literal('keep-only'), minConsistency: fraction.optional(), minMargin: z.number().min(0).optional() }),
  /** Stops here: go back to the stage `sample`. */
  z.strictObject({ kind: z.literal('resample') }),
  /** The reason goes into the model card. */
  z.strictObject({ kind: z.literal('train-anyway'), reason: z.string().trim().min(1).max(2000) }),
  /** No gate for this iteration; the card says so. */
  z.strictObject({ kind: z.literal('skip') }),
])
export type GateChoice = z.infer<typeof GateChoice>

export const GateDecision = z.strictObject({
  id: Id,
  /** 'not-audited' = a run without a person at the gate. */
  choice: z.union([GateChoice, z.strictObject({ kind: z.literal('not-audited') })]),
  /** Verdicts change no label. */
  measureOnly: z.boolean(),
  /** The newest spot-check that was closed then. */
  session: Id.nullable(),
  decidedAt: moment,
  /** Pairs by who labelled them; all 0 for 'resample'. */
  labels: z.record(LabelSource, count),
})
export type GateDecision = z.infer<typeof GateDecision>

export const GateView = z.strictObject({
  iterationId: Id,
  /** Pairs are there, nothing is decided, and training waits for it. */
  waiting: z.boolean(),
  /** The newest; it counts. */
  decision: GateDecision.nullable(),
  /** Why nothing can be decided any more, or not yet. */
  fixed: z.string().nullable(),
  /** Twenty, or all there are: what `audit/start` is offered with. */
  suggestedPairs: count,
})
export type GateView = z.infer<typeof GateView>

/** What the verdicts of closed spot-checks, and a choice at the gate, make of the labels. Nothing is written. */
export const EffectView = z.strictObject({
  /** Pairs by what becomes of them. */
  counts: z.record(LabelEffect, count),
  labels: z.record(LabelSource, count),
  /** Mean C that the pairs train with: as the judge labelled them, and then. */
  meanBefore: fraction.nullable(),
  meanAfter: fraction.nullable(),
  /** Agreement of people with the judge's labels that stay, from the newest closed spot-check; null without a decision on one of them. */
  keptAgreement: Estimate.nullable(),
  /** Why training would stop with these labels. */
  stopped: z.string().nullable(),
})
export type EffectView = z.infer<typeof EffectView>
