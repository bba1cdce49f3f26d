/** What a run will cost before it runs: memory, disk and time, each as a sum of parts that say how they were counted. */
import { z } from 'zod'
import { Device, Stage } from '../domain.ts'
import { RunSettings, RunSources, SettingsChange } from './run.ts'
import { Handle, count, nothing } from './shapes.ts'

/** One term of a sum, in bytes; `formula` is the term in words and figures: "30 layers × 2 × 192 × 4 B × 8 192 slots". */
export const EstimatePart = z.strictObject({ what: z.string(), bytes: count, formula: z.string() })
export type EstimatePart = z.infer<typeof EstimatePart>

/** What one stage holds at its worst moment. */
export const StageMemory = z.strictObject({ stage: Stage, bytes: count, parts: z.array(EstimatePart) })
export type StageMemory = z.infer<typeof StageMemory>

export const StageTime = z.strictObject({
  /** 0 = before the first round: SFT, and the evaluation of M0 and M1. */
  t: count,
  stage: Stage,
  /** Null where a person decides how long it takes, or nothing was measured. */
  seconds: z.number().min(0).nullable(),
  formula: z.string(),
})
export type StageTime = z.infer<typeof StageTime>

export const Fit = z.enum(['fits', 'tight', 'does-not-fit', 'unknown'])
export type Fit = z.infer<typeof Fit>

/** A warning, never a bar: whoever starts the run decides. */
export const FitVerdict = z.strictObject({ fit: Fit, sentence: z.string() })
export type FitVerdict = z.infer<typeof FitVerdict>

export const RunEstimate = z.strictObject({
  device: Device,
  /** Of the memory and the disk together: the worse of the two. */
  verdict: FitVerdict,
  memory: z.strictObject({
    /** Of the engine's process, at its worst stage. */
    peakBytes: count,
    peakStage: Stage,
    stages: z.array(StageMemory),
    /** What is free for it now, and where that figure comes from; null where nothing tells (the memory of a GPU). */
    available: z.strictObject({ bytes: count, source: z.string() }).nullable(),
    verdict: FitVerdict,
  }),
  disk: z.strictObject({
    /** The finished project, and what one more round adds to it. */
    totalBytes: count,
    perRoundBytes: count,
    /** On top of that for a while: checkpoints of the training under way, merged weights in the temporary folder. */
    passingBytes: count,
    parts: z.array(EstimatePart),
    /** Where the project goes. */
    freeBytes: count,
    verdict: FitVerdict,
  }),
  time: z.strictObject({
    /** Everything together, without what a person does; null without a probe. */
    totalSeconds: z.number().min(0).nullable(),
    /** Of the last round. */
    perRoundSeconds: z.number().min(0).nullable(),
    stages: z.array(StageTime),
  }),
  /** Where rates come from. `remembered`: the same model, device and shape were measured before. */
  probe: z.strictObject({
    how: z.enum(['measured', 'remembered', 'none']),
    seconds: z.number().min(0),
    /** "sampled 40 responses, scored 64, trained 8 pairs" or why nothing was measured. */
    sentence: z.string(),
  }),
})
export type RunEstimate = z.infer<typeof RunEstimate>

const subject = z.discriminatedUnion('kind', [
  /** The open project, as it is configured. */
  z.strictObject({ kind: z.literal('project') }),
  z.strictObject({ kind: z.literal('preset'), preset: z.enum(['demo', 'ci']), settings: SettingsChange.optional() }),
  z.strictObject({ kind: z.literal('settings'), settings: RunSettings, sources: RunSources }),
])

export const estimateRequests = {
  /**
   * Reads model headers and data, then (unless remembered, or `probe` is false, or a job is running) lets the engine work
   * for up to ten seconds. `where`: the folder that the project goes to; by default the projects' own.
   */
  'estimate/run': { params: z.strictObject({ of: subject, probe: z.boolean().default(true), where: Handle.optional() }), result: RunEstimate },
  /** Ends a probe under way; its `estimate/run` rejects with 'cancelled'. */
  'estimate/stop': { params: nothing, result: nothing },
}
