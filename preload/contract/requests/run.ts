/** The run of the open project: where it stands (the rail), its one job, and its settings. */
import { z } from 'zod'
import { RunConfig } from '../config.ts'
import { Stage, StageStatus } from '../domain.ts'
import { Handle, Id, IdempotencyKey, count, moment, nothing } from './shapes.ts'

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
  status: StageStatus,
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
  /** "M1"; what it samples from, is judged by, and made. */
  policy: z.string(),
  previous: z.string().nullable(),
  produced: z.string().nullable(),
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
  /** 'stopped' = after its `until`; 'paused' = on request or out of room; 'failed' = `error` says why. */
  how: z.enum(['finished', 'stopped', 'paused', 'failed']),
  error: z.strictObject({ code: z.string(), sentence: z.string() }).nullable(),
})
export type JobEnd = z.infer<typeof JobEnd>

export const RunStatus = z.strictObject({
  runId: Id,
  /** How many DPO rounds the run wants. */
  rounds: count,
  /** Parents before children; a round that is not planned yet is not among them. */
  iterations: z.array(IterationView),
  /** What `run/start` would do first; its iteration may not be planned yet. Null when all is done. */
  next: z.strictObject({ t: count, stage: Stage, title: z.string() }).nullable(),
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

export const runRequests = {
  'run/status': { params: nothing, result: RunStatus },
  /** Carries the run on from where it stands, to its end or through `until`. Events tell the rest. */
  'run/start': { params: z.strictObject({ key: IdempotencyKey, until: Stage.optional() }), result: Job },
  /** Stops at the next safe point; what is committed stays. */
  'run/pause': { params: nothing, result: Job.nullable() },
  /** Goes on with what was paused, to where that was going. */
  'run/resume': { params: z.strictObject({ key: IdempotencyKey }), result: Job },
  'run/settings': { params: nothing, result: SettingsView },
  /** Replaces whole groups. Refused while a job runs, and for what a stage has used already. */
  'run/change': { params: z.strictObject({ settings: SettingsChange }), result: SettingsView },
}
