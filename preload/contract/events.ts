/**
 * What main tells every renderer, in one numbered stream. Numbers go up by one for as long as main runs (an `epoch`).
 * A renderer that reloads or reconnects asks from the last number it has seen and gets what it missed; where that is too
 * far back, or main was started anew, it gets a snapshot and fetches again what it shows.
 */
import { z } from 'zod'
import { Stage } from './domain.ts'
import { ExportEnd, ExportJob } from './requests/export.ts'
import { Metrics } from './requests/figures.ts'
import { OpenedProject } from './requests/project.ts'
import { Job, JobEnd } from './requests/run.ts'
import { Id, count } from './requests/shapes.ts'

/** Events tell that something happened; what it led to is fetched by request. */
export const WorkbenchEvent = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('project-opened'), project: OpenedProject }),
  z.strictObject({ kind: z.literal('project-closed') }),
  /** Another list: a project was made, moved, deleted or forgotten. */
  z.strictObject({ kind: z.literal('projects-changed') }),
  z.strictObject({ kind: z.literal('settings-changed') }),
  /** The open project's stages have prices: those of the estimate that was just made. */
  z.strictObject({ kind: z.literal('run-estimated') }),
  /** The job's own state: started, running, pausing. */
  z.strictObject({ kind: z.literal('job-changed'), job: Job }),
  z.strictObject({ kind: z.literal('job-ended'), end: JobEnd }),
  z.strictObject({ kind: z.literal('stage-started'), iteration: count, stage: Stage, title: z.string() }),
  /** At most 10 a second; between two only the last is kept, but no training step is left out. */
  z.strictObject({
    kind: z.literal('progress'),
    iteration: count,
    stage: Stage,
    progress: Job.shape.progress.unwrap(),
    /** The training steps taken since the last event. */
    steps: z.array(z.strictObject({ step: count, metrics: Metrics })),
  }),
  z.strictObject({ kind: z.literal('stage-done'), iteration: count, stage: Stage, summary: z.string(), seconds: z.number() }),
  z.strictObject({ kind: z.literal('engine-restarted'), reason: z.string() }),
  z.strictObject({ kind: z.literal('notice'), message: z.string() }),
  /** A verdict was given or taken back: only that, nothing of what it says. */
  z.strictObject({ kind: z.literal('audit-changed'), session: Id }),
  /** Something was decided at an iteration's gate. */
  z.strictObject({ kind: z.literal('gate-decided'), iterationId: Id }),
  /** A few a second at most. */
  z.strictObject({ kind: z.literal('export-progressed'), job: ExportJob }),
  z.strictObject({ kind: z.literal('export-ended'), end: ExportEnd }),
])
export type WorkbenchEvent = z.infer<typeof WorkbenchEvent>

export const SequencedEvent = z.strictObject({ sequence: z.int().min(1), event: WorkbenchEvent })
export type SequencedEvent = z.infer<typeof SequencedEvent>

/** The last event a renderer has seen. */
export const Cursor = z.strictObject({ epoch: z.string().min(1).max(64), sequence: count })
export type Cursor = z.infer<typeof Cursor>

/** How things stand after the event `sequence`. */
export const Snapshot = z.strictObject({ project: OpenedProject.nullable(), job: Job.nullable(), lastEnd: JobEnd.nullable() })
export type Snapshot = z.infer<typeof Snapshot>

export const EventMessage = z.discriminatedUnion('kind', [
  /** First where the cursor could not be continued: forget what was shown, fetch again. */
  z.strictObject({ kind: z.literal('snapshot'), cursor: Cursor, snapshot: Snapshot }),
  /** In order, each once. */
  z.strictObject({ kind: z.literal('events'), epoch: z.string(), events: z.array(SequencedEvent) }),
])
export type EventMessage = z.infer<typeof EventMessage>
