/** What an evidence bundle holds: one file for each kind of row, each row a line. docs/evidence.md says which fields follow from others. */
import { z } from 'zod'
import { EvaluationScorer } from '../../../preload/contract/config.ts'
import { FinishReason, FirstIterationRule, NullReason, PromptInput, SkipReason, Statistic } from '../../../preload/contract/domain.ts'

const id = z.string().min(1).max(200)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const count = z.int().min(0)
const number = z.number()
const share = z.number().min(0).max(1)
const moment = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
const measure = z.enum(['log-ratio', 'mean-logps'])
/** Left out of bundles without texts; its hash is there all the same. Longer than any response, shorter than what would keep a judge of answers busy. */
const text = z.string().max(2 ** 20).optional()
const side = z.enum(['a', 'b'])
const settings = z.record(z.string(), z.unknown())

export const Run = z.strictObject({ id, seed: count, baseSha256: sha256, /** RunConfig; of paths only the last name. */ config: settings })
export const Environment = z.strictObject({ creamery: z.string(), node: z.string(), platform: z.string(), arch: z.string(), cpu: z.string(), cores: count })

export const Model = z.strictObject({ id, name: z.string(), parentId: id.nullable(), kind: z.enum(['base', 'adapter', 'full']), sha256 })

/** `settings` replace the run's; `samplesId` says whose responses it ranks, `setId` which ranking set counts. */
export const Iteration = z.strictObject({
  id, t: count, parentId: id.nullable(), policyModelId: id, previousModelId: id.nullable(), baseModelId: id, producedModelId: id.nullable(), samplesId: id, setId: id.nullable(), settings,
})

export const Prompt = z.strictObject({
  id, position: count, share: z.int().min(1), sourceId: z.string().nullable(), inputSha256: sha256, input: PromptInput.optional(), tokens: count,
  hasAnswer: z.boolean(), answer: text, task: z.string().nullable(), skipReason: SkipReason.nullable(),
})

export const Response = z.strictObject({
  id, promptId: id, iterationId: id, position: count, textSha256: sha256, text, tokens: count, finishReason: FinishReason, seed: count,
  sampling: z.strictObject({ samplingTemperature: number, topP: number, topK: number, maxNewTokens: number }), isCorrect: z.boolean().nullable(),
})

/** Nats. */
export const Score = z.strictObject({ responseId: id, modelId: id, logps: number, meanLogps: number, tokens: count })
export const OutsideReward = z.strictObject({ responseId: id, source: z.string(), reward: number })

export const RankingSet = z.strictObject({
  id, iterationId: id, statistic: Statistic, firstIterationRule: FirstIterationRule.nullable(),
  currentModelId: id, currentMeasure: measure, currentTolerance: z.number().min(0), previousModelId: id, previousMeasure: measure, previousTolerance: z.number().min(0),
  rewardTolerance: z.number().min(0), meanConsistency: share.nullable(), chance: z.record(z.string(), number),
})
export const Ranking = z.strictObject({
  setId: id, promptId: id, judge: z.enum(['current', 'previous']), rewards: z.array(z.strictObject({ responseId: id, reward: number, count: z.int().min(1) })), ordering: z.array(id),
})
export const Consistency = z.strictObject({
  setId: id, promptId: id, agreement: number.nullable(), consistency: share.nullable(), nullReason: NullReason.nullable(), currentTies: count, previousTies: count,
})
export const Pair = z.strictObject({ setId: id, promptId: id, chosenId: id, rejectedId: id, margin: number, consistency: share })
export const Skip = z.strictObject({ setId: id, promptId: id, reason: SkipReason })

const drawnFrom = sha256.nullable()
export const PairPlan = z.strictObject({
  kind: z.literal('pairs'), population: count, strataLimit: count, drawnFrom,
  pairs: z.array(z.strictObject({ pairId: id, stratum: count, control: z.boolean(), inclusion: number })),
  showings: z.array(z.strictObject({ pairId: id, chosenSide: side, repeat: z.boolean() })),
})
export const RankingPlan = z.strictObject({ kind: z.literal('rankings'), population: count, drawnFrom, showings: z.array(z.strictObject({ promptId: id, responseIds: z.array(id) })) })
/** `heldFor`: the set of this bundle that it judges; a branch shares the sessions on equal pairs, so it may not be the session's own `setId`. */
export const Session = z.strictObject({
  id, setId: id, heldFor: id.nullable(), continuesId: id.nullable(), plan: z.discriminatedUnion('kind', [PairPlan, RankingPlan]),
  annotator: z.string(), criterion: z.string(), line: z.number().gt(0).lt(1), startedAt: moment, closedAt: moment.nullable(),
})
/** Undone ones and undos included. The hashes are of the texts shown. */
export const Verdict = z.strictObject({
  id: count, promptId: id, responseAId: id, responseBId: id, textASha256: sha256, textBSha256: sha256, verdict: z.enum(['a', 'b', 'tie', 'skip', 'flag']).nullable(), undoneOf: count.nullable(),
  sessionId: id.nullable(), showing: count.nullable(), note: z.string().nullable().optional(), annotator: z.string(), criterion: z.string(), elapsedMs: count, createdAt: moment,
})
export const HumanRanking = z.strictObject({
  id: count, sessionId: id, showing: count, promptId: id, ordering: z.array(z.array(id)).nullable(), undoneOf: count.nullable(), note: z.string().nullable().optional(),
  annotator: z.string(), criterion: z.string(), elapsedMs: count, createdAt: moment,
})
/** The figures of a closed session, and what the gate made of them. */
export const Report = z.strictObject({ sessionId: id, setId: id, figures: z.unknown() })

/** `asOf`: verdicts and sessions until then count; a branch that shares a decision has that one's moment. */
export const Gate = z.strictObject({
  id, iterationId: id, setId: id, choice: z.enum(['passed', 'keep-only', 'resample', 'train-anyway', 'skip', 'not-audited']), minConsistency: share.nullable(), minMargin: z.number().min(0).nullable(),
  reason: z.string().nullable(), measureOnly: z.boolean(), sessionId: id.nullable(), asOf: moment, decidedAt: moment,
})
export const Label = z.strictObject({
  gateId: id, promptId: id, source: z.enum(['judge', 'person', 'dropped']), effect: z.enum(['kept', 'swapped', 'dropped-tie', 'dropped-flag', 'filtered', 'skipped', 'not-audited']),
  chosenId: id, rejectedId: id, consistency: share.nullable(),
})

export const TrainingStep = z.strictObject({ iterationId: id, stage: z.enum(['tune', 'train']), step: z.int().min(1), metrics: z.record(z.string(), number), tokens: count, elapsedMs: z.number().min(0) })
export const Evaluation = z.strictObject({ id, modelId: id, task: z.string(), decoding: z.enum(['greedy', 'sampled']), scorer: EvaluationScorer, correct: count.nullable(), total: count.nullable() })
export const Answer = z.strictObject({ evaluationId: id, itemId: z.string(), sample: count, isCorrect: z.boolean(), extracted: z.string().nullable(), textSha256: sha256, text, finishReason: FinishReason })

interface Kind<Row> {
  readonly schema: z.ZodType<Row>
  /** What names a row, unique within its file. */
  readonly key: (row: Row) => string
  /** Rows of kinds that are few in any run, and each of which costs a walk through others. */
  readonly most: number
}
const kind = <Row>(schema: z.ZodType<Row>, key: (row: Row) => string, most = Infinity): Kind<Row> => ({ schema, key, most })

/** By file name without ".jsonl", in the order they stand in the archive: causes before effects. */
export const kinds = {
  models: kind(Model, (row) => row.id, 1000),
  iterations: kind(Iteration, (row) => row.id, 1000),
  prompts: kind(Prompt, (row) => row.id),
  responses: kind(Response, (row) => row.id),
  scores: kind(Score, (row) => `${row.responseId} ${row.modelId}`),
  'outside-rewards': kind(OutsideReward, (row) => row.responseId),
  'ranking-sets': kind(RankingSet, (row) => row.id, 1000),
  rankings: kind(Ranking, (row) => `${row.setId} ${row.promptId} ${row.judge}`),
  consistencies: kind(Consistency, (row) => `${row.setId} ${row.promptId}`),
  pairs: kind(Pair, (row) => `${row.setId} ${row.promptId}`),
  skips: kind(Skip, (row) => `${row.setId} ${row.promptId}`),
  sessions: kind(Session, (row) => row.id, 1000),
  verdicts: kind(Verdict, (row) => String(row.id), 100_000),
  'human-rankings': kind(HumanRanking, (row) => String(row.id), 100_000),
  reports: kind(Report, (row) => row.sessionId),
  gates: kind(Gate, (row) => row.id, 1000),
  labels: kind(Label, (row) => `${row.gateId} ${row.promptId}`),
  'training-steps': kind(TrainingStep, (row) => `${row.iterationId} ${row.stage} ${row.step}`),
  evaluations: kind(Evaluation, (row) => row.id, 10_000),
  answers: kind(Answer, (row) => `${row.evaluationId} ${row.itemId} ${row.sample}`),
} as const

export type KindName = keyof typeof kinds
export const kindNames = Object.keys(kinds) as KindName[]
export type RowOf<Name extends KindName> = z.infer<(typeof kinds)[Name]['schema']>

/** The single values: one canonical JSON line each. */
export const documents = { run: Run, environment: Environment } as const

export const evidenceFormat = 'creamery-evidence'
export const evidenceVersion = 1
export const Manifest = z.strictObject({
  format: z.literal(evidenceFormat),
  version: z.literal(evidenceVersion),
  creamery: z.string(),
  /** Whether prompts, responses, answers and notes are here, or their hashes alone. */
  texts: z.boolean(),
  /** The model whose way this is; null: as far as the run has come. */
  model: z.string().nullable(),
  files: z.array(z.strictObject({ name: z.string(), sha256, bytes: count, rows: count })),
})
export type Manifest = z.infer<typeof Manifest>
