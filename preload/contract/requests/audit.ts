/** The spot-check. What is sent for an unjudged pair holds prompt, left and right only: nothing of the judge's choice. */
import { z } from 'zod'
import { PromptInput } from '../domain.ts'
import { AuditReport, TrustReport } from './audit-report.ts'
import { EffectView, GateChoice, GateView, LabelEffect } from './gate.ts'
import { PairView } from './rank.ts'
import { Handle, Id, IdempotencyKey, count, fraction, nothing, pageOf, window } from './shapes.ts'

/** 'pairs' = which of two is better; 'rankings' = all responses to a prompt, put in order. */
export const AuditMode = z.enum(['pairs', 'rankings'])
export type AuditMode = z.infer<typeof AuditMode>

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

/** The whole of what a person sees of a prompt whose responses are not put in order yet. */
export const BlindRanking = z.strictObject({
  ranking: Handle,
  prompt: PromptInput,
  /** The distinct ones, in random order; an answer names them by their place here. */
  responses: z.array(z.string()),
})
export type BlindRanking = z.infer<typeof BlindRanking>

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
  mode: AuditMode,
  /** The session whose pairs and verdicts it goes on with. */
  continues: Id.nullable(),
  criterion: z.string(),
  /** Which of the project's criteria this text is, counted from 1. */
  criterionVersion: z.int().min(1),
  annotator: z.string(),
  /** The share of agreement, in (0, 1), that the gate demands. */
  line: fraction,
  open: z.boolean(),
  progress: AuditProgress,
})
export type AuditSession = z.infer<typeof AuditSession>

/** What a spot-check of this size would look at and could show; nothing is drawn yet. */
export const AuditPreview = z.strictObject({
  mode: AuditMode,
  /** Pairs (or prompts with two distinct responses) of the iteration; what would be judged of them, and shown again unseen. */
  population: count,
  planned: count,
  repeats: count,
  /** Of the planned pairs, the random control. */
  control: count,
  /** Alike in C, flip, margin and lengths; empty in mode 'rankings'. */
  strata: z.array(z.strictObject({ pairs: count, planned: count, consistency: z.strictObject({ from: fraction, to: fraction }).nullable(), flipped: fraction, longerChosen: fraction, meanMargin: z.number() })),
  /** Agreement of 100 % over `planned` pairs would pass every line up to this one: ten pairs of many never pass 75 %. */
  clearable: fraction,
  /** Pairs until the gate passes if every verdict agrees. */
  fewest: count.nullable(),
  /** The agreement found so far and where; null before the first closed spot-check. */
  rate: z.strictObject({ agreement: fraction, from: z.enum(['this iteration', 'an earlier iteration']) }).nullable(),
  /** Pairs until the gate says yes or no at that rate (all of them where it is the line itself); null without a rate. */
  needed: count.nullable(),
})
export type AuditPreview = z.infer<typeof AuditPreview>

/** A judged pair, unblinded: only of a closed session. */
export const ReviewedPair = PairView.extend({
  outcome: z.enum(['agree', 'disagree', 'tie', 'skip', 'flag']),
  /** The pair's second, hidden showing. */
  repeat: z.boolean(),
  note: z.string().nullable(),
  milliseconds: count,
  flipped: z.boolean(),
  /** What all that people said of this pair does to its label. */
  effect: LabelEffect,
})
export type ReviewedPair = z.infer<typeof ReviewedPair>

const annotator = z.string().trim().min(1).max(80)
const criterion = z.string().trim().min(1).max(500)
const line = z.number().gt(0).lt(1).default(0.6)
const note = z.string().max(2000)
const answer = { key: IdempotencyKey, session: Id, milliseconds: count, note: note.optional() }

export const auditRequests = {
  'audit/plan': { params: z.strictObject({ iterationId: Id, mode: AuditMode.default('pairs'), pairs: z.int().min(1).max(1000), line }), result: AuditPreview },
  /** `pairs` counts prompts in mode 'rankings'. Refused while a session of its mode is open. */
  'audit/start': {
    params: z.strictObject({ key: IdempotencyKey, iterationId: Id, mode: AuditMode.default('pairs'), pairs: z.int().min(1).max(1000), annotator, criterion, line }),
    result: AuditSession,
  },
  /** A new session that goes on with this one's pairs and verdicts and `pairs` more (0 = those that are left); closes it if it is open. */
  'audit/extend': {
    params: z.strictObject({ key: IdempotencyKey, session: Id, pairs: z.int().min(0).max(1000), annotator: annotator.optional(), criterion: criterion.optional() }),
    result: AuditSession,
  },
  /** The sessions of an iteration, newest first. */
  'audit/sessions': { params: z.strictObject({ iterationId: Id }), result: z.array(AuditSession) },
  /** The next unjudged pair or ranking, by the session's mode; both null when all are judged. `note` is what was noted on it so far. */
  'audit/next': { params: z.strictObject({ session: Id }), result: z.strictObject({ pair: BlindPair.nullable(), ranking: BlindRanking.nullable(), note: note.nullable(), progress: AuditProgress }) },
  /** Without a note, the one noted before counts. */
  'audit/judge': {
    params: z.union([
      z.strictObject({ ...answer, pair: Handle, verdict: Verdict }),
      /** Places in `responses`, best first; equals stand together. Null = skip. */
      z.strictObject({ ...answer, ranking: Handle, order: z.array(z.array(count).min(1)).min(1).nullable() }),
    ]),
    result: AuditProgress,
  },
  /** Keeps a note on what is shown and not judged yet; the empty one takes it away. */
  'audit/note': { params: z.strictObject({ key: IdempotencyKey, session: Id, item: Handle, note }), result: nothing },
  /** Takes the last verdict back: its pair is the next one again. */
  'audit/undo': { params: z.strictObject({ key: IdempotencyKey, session: Id }), result: AuditProgress },
  'audit/close': { params: z.strictObject({ session: Id }), result: nothing },
  /** Of a session of pairs. Refused while it is open. */
  'audit/report': { params: z.strictObject({ session: Id }), result: AuditReport },
  /** Of a session of rankings. Refused while it is open. */
  'audit/trust': { params: z.strictObject({ session: Id }), result: TrustReport },
  /** Judged pairs by outcome, in the order judged. Refused while the session is open. */
  'audit/disagreements': { params: z.strictObject({ session: Id, outcomes: z.array(ReviewedPair.shape.outcome).min(1).default(['disagree']), ...window }), result: pageOf(ReviewedPair) },
  /** Refused while a session of the iteration is open. */
  'audit/effect': { params: z.strictObject({ iterationId: Id, choice: GateChoice.default({ kind: 'passed' }), measureOnly: z.boolean().default(false) }), result: EffectView },
  'audit/gate': { params: z.strictObject({ iterationId: Id }), result: GateView },
  /** Lets the iteration be trained, or not. A later decision counts instead, until training has begun. */
  'audit/decide': { params: z.strictObject({ key: IdempotencyKey, iterationId: Id, choice: GateChoice, measureOnly: z.boolean().default(false) }), result: GateView },
}
