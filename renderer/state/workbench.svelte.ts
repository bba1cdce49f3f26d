/** What main says of itself, as reactive state: the open project, where its run stands, the one job, and what to tell the person. */
import { getContext, setContext } from 'svelte'
import type { EventMessage, WorkbenchEvent } from '../../preload/contract/events.ts'
import type { Bridge, Params, RequestName, Result } from '../../preload/contract/requests.ts'
import type { AppInfo } from '../../preload/contract/requests/app.ts'
import type { PlaceEntry } from '../../preload/contract/requests/place.ts'
import type { OpenedProject } from '../../preload/contract/requests/project.ts'
import type { IterationView, Job, JobEnd, RunSettings, RunStatus, SettingsView } from '../../preload/contract/requests/run.ts'
import type { Stage } from '../../preload/contract/domain.ts'
import { type Connection, type OpenBridge, Refused, ask, newKey } from '../api.ts'
import { upload } from '../bridges/browser.ts'
import { routeToTakeUp } from './rail.ts'
import { place } from './route.svelte.ts'

export interface Notice {
  readonly id: number
  readonly tone: 'info' | 'problem'
  readonly sentence: string
}

/** 'reset' comes after every reconnect: everything shown is fetched again. */
export type Heard = WorkbenchEvent | { readonly kind: 'reset' }

const MOST_NOTICES = 4

export class Workbench {
  readonly #bridge: Bridge
  readonly #listeners = new Set<(event: Heard) => void>()
  #notices = 0
  /** Questions for the run's status. */
  #asked = 0
  /** The last change of what will run: a start is sent behind it. */
  #changed: Promise<unknown> = Promise.resolve()
  connection = $state.raw<Connection>('connecting')
  info = $state.raw<AppInfo | null>(null)
  /** Undefined until main has said which one is open. */
  project = $state.raw<OpenedProject | null | undefined>(undefined)
  status = $state.raw<RunStatus | null>(null)
  job = $state.raw<Job | null>(null)
  lastEnd = $state.raw<JobEnd | null>(null)
  notices = $state.raw<readonly Notice[]>([])
  /** The last milestone, for people who hear the page. */
  spoken = $state('')

  constructor(open: OpenBridge) {
    this.#bridge = open((connection) => this.#connect(connection))
    this.#bridge.subscribe(null, (message) => this.#hear(message))
    void this.attempt(async () => void (this.info = await this.ask('app/info', {})))
  }

  /** @throws Refused */
  ask<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Result<Name>> {
    return ask(this.#bridge, name, params)
  }

  /** A file that a person dropped or chose in the page: named to main where it lies, else sent there. @throws Refused */
  async bring(file: File, onProgress: (sent: number) => void, signal?: AbortSignal): Promise<PlaceEntry> {
    const reply = await (this.#bridge.locate?.(file) ?? upload(file, onProgress, signal))
    if (!reply.ok) throw new Refused(reply.error.code, reply.error.sentence)
    return reply.value
  }

  /** Does something for the person; what main refuses becomes a notice. @returns what it gave, or undefined */
  async attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      this.tell('problem', error.message)
      return undefined
    }
  }

  /** @returns the end of it */
  listen(listener: (event: Heard) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  tell(tone: Notice['tone'], sentence: string): void {
    const others = this.notices.filter((notice) => notice.sentence !== sentence)
    this.notices = [...others, { id: ++this.#notices, tone, sentence }].slice(-MOST_NOTICES)
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id)
  }

  /** Nothing of the run can be changed or started: something runs, or the project is only read. */
  get isBusy(): boolean {
    return this.job !== null || this.project?.readOnly != null
  }

  /** Of the active path, then of the branches that are kept beside it. */
  get iterations(): readonly IterationView[] {
    return this.status ? [...this.status.iterations, ...this.status.others] : []
  }

  /** Of the active path, or of a branch that is kept beside it. */
  iteration(id: string): IterationView | undefined {
    return this.iterations.find(({ iterationId }) => iterationId === id)
  }

  /** Opens a project where it is to be taken up. */
  async open(project: string): Promise<void> {
    await this.attempt(async () => {
      await this.ask('project/open', { project })
      place.go(routeToTakeUp(await this.ask('run/status', {})))
    })
  }

  /** Carries the run on, through `until` or to where it has to wait. */
  async start(until?: Stage): Promise<Job | undefined> {
    await this.#changed
    const { route } = place
    const shown = route.page === 'round' ? this.iteration(route.iterationId) : undefined
    if (shown?.active === false && shown.stages.some(({ status }) => status !== 'done')) return void this.tell('problem', 'This branch is kept as it was left, so nothing of it runs. Make it active first (in the list of steps), then start again.')
    return this.attempt(() => this.ask('run/start', { key: newKey(), ...(until && { until }) }))
  }

  pause(): Promise<Job | null | undefined> {
    return this.attempt(() => this.ask('run/pause', {}))
  }

  /** As pause, but for good: the next start says anew how far to go. */
  stop(): Promise<Job | null | undefined> {
    return this.attempt(() => this.ask('run/stop', {}))
  }

  /** A setting of what is still to come; sent once the change before it is answered. @returns the settings, or undefined where main refuses */
  changeSetting<Name extends keyof RunSettings>(name: Name, value: RunSettings[Name]): Promise<SettingsView | undefined> {
    return this.#change(() => this.ask('run/change', { settings: { [name]: value } }))
  }

  /** Makes a branch the path that is carried on. */
  async activate(iterationId: string): Promise<void> {
    await this.#change(async () => void (this.status = await this.ask('run/activate', { iterationId })))
  }

  #change<T>(work: () => Promise<T>): Promise<T | undefined> {
    const change = this.#changed.then(() => this.attempt(work))
    this.#changed = change.catch(() => undefined) // a fault is heard of by who asked
    return change
  }

  /** Plans a round from the model that an iteration made, and goes there; how its responses are drawn can still be changed. */
  async planRound(from: string): Promise<void> {
    const status = await this.attempt(() => this.ask('run/continue', { key: newKey(), from }))
    const planned = status?.iterations.at(-1)
    if (!status || !planned) return
    this.status = status
    place.go({ page: 'round', step: 'sample', iterationId: planned.iterationId })
  }

  async resume(): Promise<Job | undefined> {
    await this.#changed
    return this.attempt(() => this.ask('run/resume', { key: newKey() }))
  }

  async refreshStatus(): Promise<void> {
    const mine = ++this.#asked // an answer that comes after a newer question is dropped
    if (!this.project) return void (this.status = null)
    const status = await this.attempt(() => this.ask('run/status', {}))
    if (status && mine === this.#asked) this.status = status
  }

  #connect(connection: Connection): void {
    const isBack = this.connection === 'lost' && connection === 'connected'
    this.connection = connection
    if (!isBack) return
    // Events that were missed come by themselves; what was asked meanwhile has failed.
    void this.refreshStatus()
    this.#pass({ kind: 'reset' })
  }

  #hear(message: EventMessage): void {
    if (message.kind === 'events') return message.events.forEach(({ event }) => this.#take(event))
    const { project, job, lastEnd } = message.snapshot
    this.project = project
    this.job = job
    this.lastEnd = lastEnd
    void this.refreshStatus()
    this.#pass({ kind: 'reset' })
  }

  #take(event: WorkbenchEvent): void {
    switch (event.kind) {
      case 'project-opened':
        if (event.project.handle !== this.project?.handle) this.lastEnd = null // its model may have been found or copied
        this.project = event.project
        break
      case 'project-closed':
        this.project = this.status = null
        break
      case 'job-changed':
        this.job = event.job
        this.lastEnd = null
        break
      case 'job-ended':
        this.job = null
        this.lastEnd = event.end
        if (event.end.error) this.tell('problem', event.end.error.sentence)
        this.spoken = event.end.error?.sentence ?? endings[event.end.how]
        break
      case 'progress':
        if (this.job) this.job = { ...this.job, iteration: event.iteration, stage: event.stage, progress: event.progress }
        break
      case 'stage-done':
        this.spoken = event.summary
        break
      case 'export-ended': {
        const { error, row } = event.end
        if (error) this.tell(error.code === 'cancelled' ? 'info' : 'problem', error.sentence)
        if (row) this.spoken = row.state === 'proved' ? `${row.path} is written and proven.` : `The proof of ${row.path} failed.`
        if (row && row.state !== 'proved') this.tell('problem', this.spoken)
        break
      }
      case 'engine-restarted':
        this.tell('info', `The engine process ${event.reason}; it was started again and goes on from the last checkpoint. Nothing is lost.`)
        break
      case 'notice':
        this.tell('info', event.message)
        break
      default:
    }
    if (changesStatus.has(event.kind)) void this.refreshStatus()
    this.#pass(event)
  }

  #pass(event: Heard): void {
    for (const listener of this.#listeners) listener(event)
  }
}

const endings: Readonly<Record<JobEnd['how'], string>> = {
  finished: 'Done; this run is complete.',
  stopped: 'Done; the next step waits for you.',
  waiting: 'The pairs are ready; the spot-check waits for you.',
  paused: 'Paused; everything so far is saved.',
  failed: 'Stopped by a problem.',
}

const changesStatus: ReadonlySet<WorkbenchEvent['kind']> = new Set(['project-opened', 'job-changed', 'job-ended', 'stage-started', 'stage-done', 'settings-changed', 'run-estimated', 'audit-changed', 'gate-decided'])

const workbenchKey = Symbol('workbench')
export const provideWorkbench = (workbench: Workbench): Workbench => setContext(workbenchKey, workbench)
export const useWorkbench = (): Workbench => getContext<Workbench>(workbenchKey)
