/** The run of the open project: where it stands (the rail), its one job, and its settings. */
import { z } from 'zod'
import { RunConfig } from '../config.ts'
import { Stage, StageStatus } from '../domain.ts'
import { Handle, Id, IdempotencyKey, count, fraction, moment, nothing } from './shapes.ts'

/** What something will cost, where that is known. */
export const Price = z.strictObject({
  seconds: z.number().min(0),
  /** Where the figure comes from, as a phrase: "as in iteration 1". */
  basis: z.string(),
})
export type Price = z.infer<typeof Price>

export const StageView = z.strictObject({
  stageId: Id,
  stage: Stage,
  /** 'stale' = it was done before a person went back, and this branch does it again; `price` is what it took then. */
  status: StageStatus,
  /** The iteration whose work this is, where a branch shares it; null = this one's own. */
  sharedWith: Id.nullable(),
  /** "scoring under M2, M1 and M0". */
  title: z.string(),
  /** The sentence of a failed stage. */
  error: z.string().nullable(),
  /** Committed and planned batches, where the stage works in batches and has begun. */
  batches: z.strictObject({ committed: count, total: count }).nullable(),
  /** How long the last start took until it was done. */
  seconds: z.number().min(0).nullable(),
  /** Of what is not done yet; null where nothing is known. */
  price: Price.nullable(),
})
export type StageView = z.infer<typeof StageView>

export const IterationView = z.strictObject({
  iterationId: Id,
  /** 0 is SFT (M0 → M1). */
  t: count,
  parentId: Id.nullable(),
  /** Where a person went back: the iteration it branched off, and the first stage that it does itself. */
  origin: z.strictObject({ iterationId: Id, stage: Stage }).nullable(),
  /** On the path that `run/start` carries on. */
  active: z.boolean(),
  /** "M1", in a branch "M1·b"; what it samples from, is judged by, and made. */
  policy: z.string(),
  previous: z.string().nullable(),
  produced: z.string().nullable(),
  /** What that is called, made or not. */
  makes: z.string(),
  /** The groups of settings in which it differs from its origin, or from its parent; names only. */
  changed: z.array(z.string()),
  /** In the order they are carried out. */
  stages: z.array(StageView),
})
export type IterationView = z.infer<typeof IterationView>

export const Job = z.strictObject({
  id: Id,
  /** 'starting' = opening model and engine; 'pausing' = stops at the next safe point. */
  state: z.enum(['starting', 'running', 'pausing']),
  startedAt: moment,
  /** Stops after this stage. */
  until: Stage.nullable(),
  iteration: count.nullable(),
  stage: Stage.nullable(),
  title: z.string().nullable(),
  progress: z.strictObject({
    done: count,
    total: count,
    unit: z.string(),
    /** Units a second, and seconds to the end of the stage; null until something was done. */
    rate: z.number().nullable(),
    secondsLeft: z.number().nullable(),
  }).nullable(),
})
export type Job = z.infer<typeof Job>

/** How a job ended. */
export const JobEnd = z.strictObject({
  jobId: Id,
  /** 'stopped' = after its `until`, or by `run/stop`; 'waiting' = for a person's decision at the gate; 'paused' = on request or out of room; 'failed' = `error` says why. */
  how: z.enum(['finished', 'stopped', 'waiting', 'paused', 'failed']),
  error: z.strictObject({ code: z.string(), sentence: z.string() }).nullable(),
})
export type JobEnd = z.infer<typeof JobEnd>

export const RunStatus = z.strictObject({
  runId: Id,
  /** How many DPO rounds the run wants. */
  rounds: count,
  /** The active path, parents before children; a round that is not planned yet is not among them. */
  iterations: z.array(IterationView),
  /** The stages of the rounds that are not planned yet, in order, at the last estimate's prices. */
  toCome: z.array(z.strictObject({ t: count, stage: Stage, price: Price.nullable() })),
  /** Every other branch, parents before children: kept as it was left, to look at and to make active again. */
  others: z.array(IterationView),
  /** What `run/start` would do first; `iterationId` is null where its iteration is not planned yet. Null when all is done. */
  next: z.strictObject({ iterationId: Id.nullable(), t: count, stage: Stage, title: z.string(), /** For a person's decision at the gate. */ waits: z.boolean() }).nullable(),
  job: Job.nullable(),
  /** How the last job of this session ended. */
  lastEnd: JobEnd.nullable(),
  /** The same from a terminal. */
  command: z.string(),
})
export type RunStatus = z.infer<typeof RunStatus>

/** The configuration without what names files: those go by handle. */
export const RunSettings = RunConfig.omit({ $schema: true, model: true, data: true, oracle: true })
export type RunSettings = z.infer<typeof RunSettings>

/** Some of the settings; a group that is named is replaced whole. Without defaults: what is left out stays as it is. */
export const SettingsChange = z.strictObject(
  Object.fromEntries(Object.entries(RunSettings.shape).map(([name, schema]) => [name, (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault ? schema.unwrap() : schema).optional()])),
) as unknown as z.ZodType<{ [Name in keyof RunSettings]?: RunSettings[Name] | undefined }, { [Name in keyof z.input<typeof RunSettings>]?: z.input<typeof RunSettings>[Name] | undefined }>
export type SettingsChange = z.infer<typeof SettingsChange>

/** The files of a run, by handle. */
export const RunSources = z.strictObject({
  model: Handle,
  sft: Handle.nullable(),
  sftLimit: z.int().min(1).optional(),
  prompts: Handle,
  promptsLimit: z.int().min(1).optional(),
  evaluation: z.array(z.strictObject({ name: z.string().min(1).max(64), file: Handle, limit: z.int().min(1).optional() })),
  /** A file of rewards for the method "oracle"; without one the prompts' known answers judge. */
  rewards: Handle.optional(),
})
export type RunSources = z.infer<typeof RunSources>

/** The files of a run as a person reads them. */
export const SourceNames = z.strictObject({
  model: z.string(),
  modelSha256: z.string(),
  sft: z.string().nullable(),
  prompts: z.string(),
  evaluation: z.array(z.string()),
})

/** One row a setting group that cannot be changed any more, with the stage that already used it. */
export const FixedSetting = z.strictObject({ setting: z.string(), usedBy: z.string() })

export const SettingsView = z.strictObject({ settings: RunSettings, sources: SourceNames, fixed: z.array(FixedSetting) })
export type SettingsView = z.infer<typeof SettingsView>

/** The steps a person can go back to: those that something is decided at. */
export const BackStage = Stage.extract(['tune', 'sample', 'rank', 'pair', 'audit', 'train'])
export type BackStage = z.infer<typeof BackStage>

/** Going back, before it is done. */
export const BackPreview = z.strictObject({
  iterationId: Id,
  /** The first stage that is done again: the one asked for, or an earlier one that uses a changed setting. */
  from: BackStage,
  /** What it takes: 'settings' = nothing was done yet that they concern; 'in-place' = nothing is trained on it yet, so the iteration goes on with a new ranking set; 'branch' = a new branch, the old one stays as it is. */
  how: z.enum(['settings', 'in-place', 'branch']),
  /** What the iteration will make: "M2·b". */
  produces: z.string(),
  /** Stages that stay done: shared, not computed again. */
  kept: z.array(Stage),
  /** What becomes stale, later rounds included, in the order it would be done again. */
  stale: z.array(z.strictObject({ t: count, stage: Stage, title: z.string(), price: Price.nullable() })),
  /** Of the stale stages whose price is known; null when of none. */
  price: Price.nullable(),
})
export type BackPreview = z.infer<typeof BackPreview>

/** A model that a further round can start from. */
export const ModelChoice = z.strictObject({
  /** The iteration that made it. */
  iterationId: Id,
  /** "M2", in a branch "M2·b". */
  name: z.string(),
  t: count,
  /** Held-out, greedy, over all tasks; null where it was not evaluated. */
  accuracy: fraction.nullable(),
  /** The best by that accuracy (the earlier of equals): the one to preselect. */
  best: z.boolean(),
  /** It is where the active path ends. */
  last: z.boolean(),
  /** Iterations that start from it. */
  continuedBy: z.array(Id),
})
export type ModelChoice = z.infer<typeof ModelChoice>

const back = { iterationId: Id, stage: BackStage, settings: SettingsChange.prefault({}) }

export const runRequests = {
  'run/status': { params: nothing, result: RunStatus },
  /** Carries the active path on from where it stands, to its end or through `until`. Events tell the rest. With gate 'ask' it ends before training until a person has decided (`audit/gate`); 'configured' does as the settings say. */
  'run/start': { params: z.strictObject({ key: IdempotencyKey, until: Stage.optional(), gate: z.enum(['ask', 'configured']).default('ask') }), result: Job },
  /** Stops at the next safe point; what is committed stays. */
  'run/pause': { params: nothing, result: Job.nullable() },
  /** Goes on with what was paused, to where that was going. */
  'run/resume': { params: z.strictObject({ key: IdempotencyKey }), result: Job },
  /** As `run/pause`, but for good: the job ends as 'stopped', with everything saved, and `run/start` says anew how far to go. */
  'run/stop': { params: nothing, result: Job.nullable() },
  /** Of what comes next; with an iteration the settings that one is carried out with. */
  'run/settings': { params: z.strictObject({ iterationId: Id.optional() }), result: SettingsView },
  /** Replaces whole groups for what is still to come on the active path. Refused while a job runs, and for what its iteration has used already: `run/back` changes that. */
  'run/change': { params: z.strictObject({ settings: SettingsChange }), result: SettingsView },
  /** What going back would make stale, and what doing it again costs. Nothing is written. */
  'run/preview': { params: z.strictObject(back), result: BackPreview },
  /** Goes back to a stage of an iteration, with other settings or only to do it again. Nothing is ever deleted. */
  'run/back': { params: z.strictObject({ key: IdempotencyKey, ...back }), result: RunStatus },
  /** Makes the path through this iteration, to its newest descendant, the one that is shown and carried on. */
  'run/activate': { params: z.strictObject({ iterationId: Id }), result: RunStatus },
  /** What a further round can start from, in the order they were made. */
  'run/models': { params: nothing, result: z.array(ModelChoice) },
  /** Plans a further round from the model that this iteration made, beyond the planned rounds too, and makes it active. */
  'run/continue': { params: z.strictObject({ key: IdempotencyKey, from: Id, settings: SettingsChange.prefault({}) }), result: RunStatus },
}
