/** Two judges' rankings, their agreement, the pairs they make, and what another way of ranking would change. */
import { z } from 'zod'
import { FinishReason, FirstIterationRule, Method, NullReason, PromptInput, SkipReason, Statistic } from '../domain.ts'
import { Id, IdempotencyKey, ReasonCount, count, fraction, pageOf, window } from './shapes.ts'

/** What a judge ranks by: logps(θ) − logps(θ_0), or the mean log-likelihood. */
export const Measure = z.enum(['log-ratio', 'mean-logps'])

export const JudgeView = z.strictObject({
  /** "M1". */
  model: z.string(),
  measure: Measure,
  /** Values this near are tied, in the judge's own unit. */
  tolerance: z.number().min(0),
  /** Tied pairs of responses, of `pairs` in all. */
  ties: count,
})

/** How far two judges agree about one iteration's prompts. */
export const AgreementView = z.strictObject({
  statistic: Statistic,
  /** Null for t > 1. */
  firstIterationRule: FirstIterationRule.nullable(),
  current: JudgeView,
  previous: JudgeView,
  /** Ranked prompts, and pairs of responses over them. */
  prompts: count,
  responsePairs: count,
  /** C. */
  meanConsistency: fraction.nullable(),
  /** What two unrelated judges would give (METHOD §3): the band of the histogram (one prompt's statistic) and of C. */
  chance: z.strictObject({ mean: z.number(), sd: z.number(), meanC: z.number(), sdOfMeanC: z.number() }).nullable(),
  /** Share of the measured prompts with C < 0.5: these would train towards the reversed preference. */
  belowHalf: fraction.nullable(),
  nulls: z.array(z.strictObject({ reason: NullReason, prompts: count })),
  /** Prompts whose best–worst pair the previous judge would have put the other way round. */
  flipped: count,
  /** Of the statistic over the prompts that have one: `counts[i]` in [edges[i], edges[i+1]), the last bin closed. */
  histogram: z.strictObject({ edges: z.array(z.number()), counts: z.array(count) }),
})
export type AgreementView = z.infer<typeof AgreementView>

export const LabelView = z.strictObject({
  method: Method,
  /** Null before the stage `pair`. */
  pairs: count.nullable(),
  skips: z.array(ReasonCount),
  /** Of the C that the pairs train with. */
  meanLabel: fraction.nullable(),
  /** Share of the pairs that train with a C below 0.5. */
  reversed: fraction.nullable(),
  /** Share of the pairs whose chosen side has more tokens. */
  longerChosen: fraction.nullable(),
})
export type LabelView = z.infer<typeof LabelView>

export const RankView = z.strictObject({ iterationId: Id, setId: Id, agreement: AgreementView, labels: LabelView })
export type RankView = z.infer<typeof RankView>

export const RankedPrompt = z.strictObject({
  promptId: Id,
  position: count,
  /** The beginning of the prompt's last turn. */
  excerpt: z.string(),
  task: z.string().nullable(),
  /** The statistic, in [−1, 1]. */
  agreement: z.number().nullable(),
  consistency: fraction.nullable(),
  nullReason: NullReason.nullable(),
  flipped: z.boolean(),
  /** Distinct responses. */
  responses: count,
  /** Tokens of chosen ÷ of rejected, the margin r(chosen) − r(rejected), and the C it trains with; null without a pair. */
  lengthRatio: z.number().nullable(),
  margin: z.number().nullable(),
  label: fraction.nullable(),
  skipReason: SkipReason.nullable(),
})
export type RankedPrompt = z.infer<typeof RankedPrompt>

/** A distinct text under both judges; ranks from 1 = best, averaged over ties. */
export const RankedResponse = z.strictObject({
  responseId: Id,
  text: z.string(),
  /** How often this text was sampled. */
  count: z.int().min(1),
  tokens: count,
  finishReason: FinishReason,
  isCorrect: z.boolean().nullable(),
  current: z.strictObject({ value: z.number(), rank: z.number() }),
  previous: z.strictObject({ value: z.number(), rank: z.number() }),
})

export const PromptRanking = RankedPrompt.extend({
  input: PromptInput,
  answer: z.string().nullable(),
  ranked: z.array(RankedResponse),
  chosenId: Id.nullable(),
  rejectedId: Id.nullable(),
})
export type PromptRanking = z.infer<typeof PromptRanking>

/** Another way of ranking and labelling; what is left out stays as it is. */
export const RankChoice = z.strictObject({
  statistic: Statistic.optional(),
  /** In each judge's own unit; 'stored' = as the set was made. */
  tieTolerance: z.union([z.number().min(0), z.literal('stored')]).optional(),
  firstIterationRule: FirstIterationRule.optional(),
  method: Method.exclude(['oracle']).optional(),
  fixedConsistency: fraction.optional(),
  clamp: z.boolean().optional(),
  whenNull: z.enum(['skip', 'mean']).optional(),
})
export type RankChoice = z.infer<typeof RankChoice>

export const RankPreview = z.strictObject({
  agreement: AgreementView,
  labels: LabelView,
  /** Prompts whose pair would differ from the stored one: in total, and how. */
  changes: z.strictObject({
    prompts: count,
    /** Has a pair now and had none, and the other way round. */
    gained: count,
    lost: count,
    /** Chosen or rejected is another response. */
    otherSides: count,
    /** The same pair with another C. */
    otherLabel: count,
  }),
  /** Why training would stop with these choices. */
  stopped: z.string().nullable(),
})
export type RankPreview = z.infer<typeof RankPreview>

/** The iteration that now is ranked so: the same one, or its new branch. */
export const RankApplied = z.strictObject({ iterationId: Id, setId: Id, branched: z.boolean() })
export type RankApplied = z.infer<typeof RankApplied>

export const PairView = z.strictObject({
  promptId: Id,
  prompt: PromptInput,
  task: z.string().nullable(),
  chosen: z.strictObject({ responseId: Id, text: z.string(), isCorrect: z.boolean().nullable() }),
  rejected: z.strictObject({ responseId: Id, text: z.string(), isCorrect: z.boolean().nullable() }),
  margin: z.number(),
  consistency: fraction,
})
export type PairView = z.infer<typeof PairView>

export const promptFilter = z.strictObject({
  task: z.string().optional(),
  minConsistency: fraction.optional(),
  maxConsistency: fraction.optional(),
  flipped: z.boolean().optional(),
  /** 'pair' = has one; a reason = skipped for it; 'any' = skipped for any. */
  outcome: z.union([z.literal('pair'), z.literal('skipped'), SkipReason]).optional(),
  audited: z.boolean().optional(),
  /** Somewhere in the prompt, as written; ASCII letters match in either case. */
  search: z.string().min(1).max(200).optional(),
})
export type PromptFilter = z.infer<typeof promptFilter>
/** Rows without the figure come last, whichever the direction. */
export const promptOrder = z.strictObject({ by: z.enum(['position', 'consistency', 'margin', 'lengthRatio']), descending: z.boolean().default(false) })
export type PromptOrder = z.infer<typeof promptOrder>

export const rankRequests = {
  /** Null before the stage `rank` is done. */
  'rank/view': { params: z.strictObject({ iterationId: Id }), result: RankView.nullable() },
  'rank/prompts': { params: z.strictObject({ iterationId: Id, filter: promptFilter.prefault({}), order: promptOrder.prefault({ by: 'position' }), ...window }), result: pageOf(RankedPrompt) },
  'rank/prompt': { params: z.strictObject({ iterationId: Id, promptId: Id }), result: PromptRanking },
  /** From stored scores; no forward pass, nothing is written. */
  'rank/preview': { params: z.strictObject({ iterationId: Id, choice: RankChoice }), result: RankPreview },
  /** Makes the previewed choice the iteration's ranking: a new set, from stored scores. In place where nothing is trained yet, otherwise as a branch. */
  'rank/apply': { params: z.strictObject({ key: IdempotencyKey, iterationId: Id, choice: RankChoice }), result: RankApplied },
  'pair/list': { params: z.strictObject({ iterationId: Id, ...window }), result: pageOf(PairView) },
}
