/** The one job: a run being carried on. It tells what happens as events and ends as a value, never as an exception. */
import type { Stage } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { CurvePoint } from '../../preload/contract/requests/figures.ts'
import type { Job as JobView, JobEnd } from '../../preload/contract/requests/run.ts'
import type { RunContext, RunEvent } from '../pipeline/context.ts'
import { carryOn } from '../pipeline/runner.ts'
import { withOpenRun } from '../pipeline/session.ts'
import type { Project } from '../store/project.ts'
import type { Run } from '../store/runs.ts'
import type { EventLog } from './event-log.ts'
import { type Log, noteFault } from './log.ts'

/** How far a job goes. */
export interface JobAim {
  /** Through this stage; null = to the run's end. */
  readonly until: Stage | null
  readonly gate: 'ask' | 'configured'
}

export interface JobOptions extends JobAim {
  readonly id: string
  readonly project: Project
  readonly run: Run
  readonly events: EventLog
  readonly log: Log
}

export class Job {
  readonly #options: JobOptions
  readonly #stop = new AbortController()
  readonly #startedAt = new Date().toISOString()
  #state: JobView['state'] = 'starting'
  /** What stopping on request is called: 'paused' goes on to where it was going, 'stopped' says anew. */
  #stopsAs: 'paused' | 'stopped' = 'paused'
  #stage: { readonly iteration: number; readonly stage: Stage; readonly stageId: string; readonly title: string } | null = null
  #progress: JobView['progress'] = null
  #engine: RunContext['engine'] | null = null
  /** The stage's first progress: what was done before is no part of the rate. */
  #first: { readonly done: number; readonly at: number } | null = null
  /** Steps of the training under way that may not be committed yet, by number. */
  readonly #steps = new Map<number, CurvePoint>()
  #stepsOf: string | null = null
  /** Settles when the job has ended and nothing of it runs any more. */
  readonly ended: Promise<JobEnd>

  constructor(options: JobOptions) {
    this.#options = options
    this.ended = this.#work()
  }

  view(): JobView {
    const { id, until } = this.#options
    return { id, state: this.#state, startedAt: this.#startedAt, until, iteration: this.#stage?.iteration ?? null, stage: this.#stage?.stage ?? null, title: this.#stage?.title ?? null, progress: this.#progress }
  }

  /** Null until it answers. */
  get engine(): RunContext['engine'] | null {
    return this.#engine
  }

  /** Steps taken in a stage by this job, committed or not, in order. */
  stepsOf(stageId: string): readonly CurvePoint[] {
    return this.#stepsOf === stageId ? [...this.#steps.values()].sort((a, b) => a.step - b.step) : []
  }

  pause(): void {
    this.#halt('paused')
  }

  /** As a pause, but for good; also of a job that is pausing. */
  stop(): void {
    this.#halt('stopped')
  }

  #halt(as: 'paused' | 'stopped'): void {
    if (as === 'stopped') this.#stopsAs = as
    if (this.#stop.signal.aborted) return
    this.#state = 'pausing'
    this.#stop.abort()
    this.#tell()
  }

  async #work(): Promise<JobEnd> {
    const { id: jobId, project, run, until, gate, log } = this.#options
    await Promise.resolve() // the caller holds the job before anything is told of it
    this.#tell()
    try {
      const how = await withOpenRun(project, run, { signal: this.#stop.signal, emit: (event) => this.#hear(event) }, (context) => {
        this.#engine = context.engine
        if (this.#state === 'starting') this.#state = 'running'
        this.#tell()
        return carryOn(context, { gate, ...(until !== null && { until }) })
      })
      return { jobId, how, error: null }
    } catch (error) {
      if (this.#stop.signal.aborted) return { jobId, how: this.#stopsAs, error: null }
      const { code, message: sentence } = error instanceof AppError && error.code !== 'internal' ? error : noteFault(error, 'the run', log)
      return { jobId, how: code === 'disk-full' ? 'paused' : 'failed', error: { code, sentence } }
    }
  }

  #tell(): void {
    this.#options.events.publish({ kind: 'job-changed', job: this.view() })
  }

  #hear(event: RunEvent): void {
    const { events } = this.#options
    switch (event.kind) {
      case 'stage-started': {
        const { iteration, stage, stageId, title } = event
        this.#stage = { iteration, stage, stageId, title }
        this.#progress = this.#first = null
        if (this.#stepsOf !== stageId) this.#steps.clear()
        this.#stepsOf = stageId
        events.publish({ kind: 'stage-started', iteration, stage, title })
        this.#tell()
        return
      }
      case 'progress': {
        const { iteration, stage, done, total, unit, metrics } = event
        if (this.#progress?.unit !== unit) this.#first = null // another kind of work: its rate is its own
        this.#progress = { done, total, unit, ...this.#speed(done, total) }
        const steps = metrics ? [{ step: done, metrics: { ...metrics } }] : []
        for (const { step, metrics: figures } of steps) this.#steps.set(step, { step, metrics: figures, committed: false })
        events.publish({ kind: 'progress', iteration, stage, progress: this.#progress, steps })
        return
      }
      case 'stage-done': {
        const { iteration, stage, summary, seconds } = event
        this.#progress = null
        events.publish({ kind: 'stage-done', iteration, stage, summary, seconds })
        return
      }
      default:
        events.publish(event)
    }
  }

  /** Units a second since this stage's first progress, and the time that leaves. */
  #speed(done: number, total: number): { rate: number | null; secondsLeft: number | null } {
    const now = performance.now()
    this.#first ??= { done, at: now }
    const rate = ((done - this.#first.done) * 1000) / (now - this.#first.at)
    return Number.isFinite(rate) && rate > 0 ? { rate, secondsLeft: (total - done) / rate } : { rate: null, secondsLeft: null }
  }
}
