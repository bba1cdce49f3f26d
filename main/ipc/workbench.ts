/** What is going on in main: the open project, the one job, and the stream of events about both. */
import { basename, dirname } from 'node:path'
import type { Cursor, Snapshot } from '../../preload/contract/events.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { DeviceView, HostKind } from '../../preload/contract/requests/app.ts'
import type { OpenedProject } from '../../preload/contract/requests/project.ts'
import type { JobEnd, Job as JobView } from '../../preload/contract/requests/run.ts'
import { releaseAside, writeAside } from '../pipeline/aside.ts'
import type { Write, WriteParams, WriteResult } from '../pipeline/aside-writes.ts'
import { baseMissing, filesMissing, modelTitle } from '../pipeline/locate.ts'
import { isOwn } from '../pipeline/own-model.ts'
import { railOf } from '../pipeline/rail.ts'
import { soleRun } from '../pipeline/session.ts'
import { runNow } from '../pipeline/settings.ts'
import { type Sandbox, startSandbox } from '../sandbox/host.ts'
import { countPrompts } from '../store/browse.ts'
import { type Iteration, iterationOf } from '../store/iterations.ts'
import { type Project, openProject } from '../store/project.ts'
import { type Run, runOf } from '../store/runs.ts'
import { EventLog } from './event-log.ts'
import { Job, type JobAim } from './job.ts'
import { type Log, noteFault } from './log.ts'
import { Places } from './places.ts'
import { Shelf, isProject } from './shelf.ts'
import { Staging } from './staging.ts'

export interface WorkbenchOptions {
  readonly version: string
  readonly host: HostKind
  /** Where new projects go. */
  readonly projectsFolder: string
  /** What is remembered between starts. */
  readonly stateFolder: string
  /** Folders that a browser may look into; none where the host has dialogs. */
  readonly roots: readonly string[]
  /** The system's dialog, where the host has one. @returns a path, or null when cancelled */
  readonly choose?: (what: 'folder' | 'file', title: string) => Promise<string | null>
  /** The graphics adapter's name, where the host knows it: the engine does not. */
  readonly gpuName?: () => Promise<string | null>
  readonly log: Log
}

interface Open {
  readonly project: Project
  readonly runId: string
  /** Who holds the lock, as a sentence; null when we do. */
  readonly readOnly: string | null
}

export class Workbench {
  readonly options: WorkbenchOptions
  readonly events = new EventLog()
  readonly places: Places
  readonly shelf: Shelf
  readonly staging = new Staging()
  readonly #closing = new AbortController()
  #open: Open | null = null
  /** A project that is being copied, moved or deleted, the end of that, and whether it is then opened again. */
  #closed: { readonly folder: string; readonly ended: Promise<unknown>; opensAgain: boolean } | null = null
  #job: Job | null = null
  #lastEnd: JobEnd | null = null
  #aside: { readonly title: string; readonly stop: () => void; readonly ended: Promise<unknown> } | null = null
  /** Answers to what may be done only once, by idempotency key: a repeat gets the first one. */
  readonly #answers = new Map<string, unknown>()
  /** Where the last job was going. */
  #lastAim: JobAim = { until: null, gate: 'ask' }
  #sandbox: Sandbox | null = null
  /** As the last probe found them. */
  devices: Promise<DeviceView[]> | null = null

  constructor(options: WorkbenchOptions) {
    this.options = options
    this.places = new Places(options.roots)
    this.shelf = new Shelf({ ...options, places: this.places })
    const parents = [this.shelf.folder, ...this.shelf.list().map(({ folder }) => dirname(folder))]
    void this.staging.clearAbandoned(parents).catch((error: unknown) => noteFault(error, 'clearing what was left half made', options.log))
  }

  get job(): Job | null {
    return this.#job
  }

  get lastEnd(): JobEnd | null {
    return this.#lastEnd
  }

  /** For looks into files outside of a run; starts with the first call. */
  get sandbox(): Sandbox {
    return (this.#sandbox ??= startSandbox())
  }

  /** @throws AppError 'no-project' */
  get project(): Project {
    return this.#opened.project
  }

  /** The run of the open project, as what comes next is configured. @throws AppError 'no-project' */
  get run(): Run {
    const { project, runId } = this.#opened
    return runNow(project.db, runOf(project.db, runId)!)
  }

  /** @throws AppError 'no-project', 'bad-arguments' */
  iteration(id: string): Iteration {
    const iteration = iterationOf(this.project.db, id)
    if (iteration?.runId !== this.run.id) throw new AppError('bad-arguments', `The run has no iteration ${id}; reload the page.`)
    return iteration
  }

  /** Before anything is written. @throws AppError 'no-project', 'project-locked', 'busy' */
  requireIdleWriter(): void {
    this.requireWriter()
    this.requireIdle()
  }

  /** @throws AppError 'no-project', 'project-locked' */
  requireWriter(): void {
    const { readOnly } = this.#opened
    if (readOnly !== null) throw new AppError('project-locked', readOnly)
  }

  /** @throws AppError 'busy' */
  requireIdle(): void {
    if (this.#job) throw new AppError('busy', `${basename(this.project.folder)} is at work (${this.#job.view().title ?? 'starting'}); pause it first.`)
    if (this.#aside) throw new AppError('busy', `${basename(this.project.folder)} is at work (${this.#aside.title}); let it end, or stop it first.`)
  }

  /** While a project is copied, moved or deleted, nothing else has it open. @throws AppError 'busy' */
  requireAtRest(folder: string): void {
    if (this.#closed?.folder === folder) throw beingMoved(folder)
  }

  /** Work beside the job, such as an export: while it lasts no job starts and the project stays open. */
  occupy(title: string, stop: () => void, ended: Promise<unknown>): void {
    const work = { title, stop, ended }
    this.#aside = work
    void ended.then(() => {
      if (this.#aside === work) this.#aside = null
    })
  }

  current(): OpenedProject | null {
    if (!this.#open) return null
    const { project, readOnly } = this.#open
    const { iterations, rounds } = railOf(project.db, this.run)
    const stages = iterations.flatMap((iteration) => iteration.stages)
    const inAll = stages.length + (rounds + 1 - iterations.length) * (iterations.at(-1)?.stages.length ?? 0)
    const done = stages.filter(({ status }) => status === 'done').length / inAll
    return { ...this.shelf.summaryOf(project.folder), readOnly, model: modelTitle(this.run.basePath), modelMissing: baseMissing(this.run), modelIsOwn: isOwn(project, this.run), filesMissing: filesMissing(this.run), prompts: countPrompts(project.db, this.run.id), done }
  }

  /** Opens a project's folder, read-only where another process has it; closes the one that was open. @throws AppError */
  openProject(folder: string): OpenedProject {
    if (this.#open?.project.folder === folder) return this.current()!
    this.requireAtRest(folder)
    if (!isProject(folder)) throw new AppError('bad-arguments', `${folder} holds no Creamery project; choose the folder of one.`)
    this.#endWork() // before the other one is locked: a refusal would leave it so
    const next = openWhatIsFree(folder)
    this.closeProject()
    this.#open = next
    if (this.#closed) this.#closed.opensAgain = false // a person is elsewhere by now
    this.#lastEnd = null
    this.shelf.remember(folder)
    const opened = this.current()!
    this.events.publish({ kind: 'project-opened', project: opened })
    this.events.publish({ kind: 'projects-changed' })
    return opened
  }

  /** @throws AppError 'busy' */
  closeProject(): void {
    if (!this.#open) return
    this.#endWork()
    this.#open.project.close()
    this.#open = null
    this.events.publish({ kind: 'project-closed' })
  }

  /** Nothing is at work on the open project any more. @throws AppError 'busy' */
  #endWork(): void {
    if (!this.#open) return
    this.requireIdle()
    releaseAside(this.#open.project.folder)
  }

  /**
   * Does something with a project's folder while nothing has it open. If it was open and nothing else was opened meanwhile, it is
   * opened again where it is then: at `to`, or where it was. @throws AppError 'busy', and as the work and that opening do
   */
  async whileClosed<T>(folder: string, work: () => Promise<T>, to = folder): Promise<T> {
    if (this.#closed) throw beingMoved(this.#closed.folder)
    const wasOpen = this.#open?.project.folder === folder
    if (wasOpen) this.closeProject()
    else releaseAside(folder)
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    const closed = (this.#closed = { folder, ended, opensAgain: wasOpen })
    try {
      return await work()
    } finally {
      this.#closed = null
      end()
      this.events.publish({ kind: 'projects-changed' })
      const place = [to, folder].find(isProject)
      if (closed.opensAgain && place !== undefined) this.openProject(place)
    }
  }

  /** Has it written aside; while it lasts no job starts and the project stays open. @throws AppError 'no-project', 'project-locked', 'busy', and as the write does */
  write<Name extends Write>(title: string, write: Name, params: WriteParams<Name>): Promise<WriteResult<Name>> {
    this.requireIdleWriter()
    const written = writeAside(this.project, write, params)
    this.occupy(title, () => {}, written.catch(() => undefined)) // the caller hears of it
    return written
  }

  /** Does it the first time that the key comes (null = every time), and gives that answer again; what failed may be tried again. */
  once<T>(key: string | null, work: () => T): T {
    if (key === null) return work()
    if (!this.#answers.has(key)) {
      const answer = work()
      this.#answers.set(key, answer)
      if (answer instanceof Promise) answer.catch(() => this.#answers.delete(key))
    }
    return this.#answers.get(key) as T
  }

  /** Starts the job; the same key again starts nothing. @throws AppError 'no-project', 'project-locked', 'busy' */
  startJob(key: string, aim: JobAim): JobView {
    return this.once(key, () => {
      this.requireIdleWriter()
      const job = new Job({ id: `job-${this.events.cursor.sequence + 1}`, project: this.project, run: this.run, ...aim, events: this.events, log: this.options.log })
      this.#job = job
      this.#lastAim = aim
      this.#lastEnd = null
      void job.ended.then((end) => {
        this.#job = null
        this.#lastEnd = end
        this.events.publish({ kind: 'job-ended', end })
      })
      return job.view()
    })
  }

  /** Goes on to where the last job was going. */
  resumeJob(key: string): JobView {
    return this.startJob(key, this.#lastAim)
  }

  snapshot(): { cursor: Cursor; snapshot: Snapshot } {
    return { cursor: this.events.cursor, snapshot: { project: this.current(), job: this.#job?.view() ?? null, lastEnd: this.#lastEnd } }
  }

  /** Aborted when all ends, for what nobody waits for. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** Stops the job at its next safe point, then closes everything. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#job?.pause()
    this.#aside?.stop()
    await Promise.all([this.#job?.ended, this.#aside?.ended, this.#closed?.ended])
    this.closeProject()
    await this.#sandbox?.close()
    await this.staging.close()
  }

  get #opened(): Open {
    if (!this.#open) throw new AppError('no-project', 'No project is open; open one or make a new one.')
    return this.#open
  }
}

const beingMoved = (folder: string): AppError => new AppError('busy', `${basename(folder)} is being copied, moved or deleted; try again when that is done.`)

function openWhatIsFree(folder: string): Open {
  const open = (project: Project, readOnly: string | null): Open => {
    try {
      return { project, readOnly, runId: soleRun(project).id }
    } catch (error) {
      project.close()
      throw error
    }
  }
  try {
    return open(openProject(folder), null)
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'project-locked') throw error
    return open(openProject(folder, { readOnly: true }), error.message)
  }
}
