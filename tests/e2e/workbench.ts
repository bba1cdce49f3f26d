/**
 * The nouns of every spec: `workbench`, a Creamery of the test's own, its `page`, and the `person` before it. The projects
 * folder is empty, or holds the project "Demo" as `test.use({ scene })` names it. A test fails on any console error, page error, violation of the page's policy, and request to elsewhere, unless it says before
 * that it expects one.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import chromium from '@sparticuz/chromium'
import { type Browser, type ElectronApplication, type Page, _electron, test as base, chromium as playwright, expect } from '@playwright/test'
import type { Params, Reply, RequestName, Result } from '../../preload/contract/requests.ts'
import { delayAll } from './delays.ts'
import { electronBinary, root } from './electron.ts'
import { Person } from './person.ts'
import { type Scene, sceneOf } from './scenes.ts'
import { Server, childrenOf } from './server.ts'

export { expect }
export interface HostOptions {
  readonly host: 'browser' | 'electron'
}

export abstract class Workbench {
  /** Home of this Creamery; nothing outside of it is touched. */
  readonly home: string
  readonly projects: string
  readonly #problems: string[] = []
  readonly #expected: RegExp[] = []
  #page: Page | undefined

  /** @param scene folder of a project to begin with */
  constructor(scene: string | null) {
    this.home = mkdtempSync(join(tmpdir(), 'creamery-e2e-'))
    this.projects = join(this.home, 'projects')
    mkdirSync(this.projects)
    if (scene !== null) cpSync(scene, join(this.projects, 'Demo'), { recursive: true })
  }

  get page(): Page {
    if (!this.#page) throw new Error('the workbench is not open')
    return this.#page
  }

  /** A problem that belongs to what the test does: a lost connection while the server is down. */
  expectProblem(pattern: RegExp): void {
    this.#expected.push(pattern)
  }

  /** Asks main directly, past the page: to set a scene, never to do what the spec is about. */
  abstract ask<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Result<Name>>
  /** Ends Creamery ('SIGINT' pauses a job first, 'SIGKILL' is a power cut), starts it again on the same folders and opens its page. */
  abstract restart(signal?: 'SIGINT' | 'SIGKILL'): Promise<void>
  /** Kills the process that computes, as a lack of memory does. @returns how many there were */
  abstract killEngine(): Promise<number>
  abstract end(): Promise<void>

  /** A file of the person's, in their home. @returns its path */
  write(name: string, content: string): string {
    const path = join(this.home, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    return path
  }

  /** What main noted: refusals and faults. */
  log(): { level: string; message: string }[] {
    try {
      return readFileSync(join(this.home, '.local/state/creamery/creamery.log'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { level: string; message: string })
    } catch {
      return []
    }
  }

  checkProblems(): void {
    const faults = this.log().filter(({ level }) => level === 'fault').map(({ message }) => `main: ${message}`)
    expect([...this.#problems, ...faults].filter((problem) => !this.#expected.some((pattern) => pattern.test(problem)))).toEqual([])
  }

  protected async watch(page: Page): Promise<void> {
    this.#page = page
    page.on('console', (message) => {
      if (message.type() === 'error') this.#problems.push(`console: ${message.text()} (${message.location().url})`)
    })
    page.on('pageerror', (error) => this.#problems.push(`page error: ${error.stack ?? error.message}`))
    page.on('crash', () => this.#problems.push('the page crashed'))
    page.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url())
      if (!['data:', 'blob:', 'app:'].includes(protocol) && hostname !== '127.0.0.1') this.#problems.push(`request to ${request.url()}`)
    })
    await page.addInitScript(() => document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile, lineNumber }) => {
      console.error(`securitypolicyviolation: ${violatedDirective} ${blockedURI} in ${sourceFile}:${lineNumber}`)
    }))
  }

  protected cleanUp(): void {
    rmSync(this.home, { recursive: true, force: true })
  }
}

class InBrowser extends Workbench {
  #server!: Server
  readonly #browser: Browser

  private constructor(browser: Browser, scene: string | null) {
    super(scene)
    this.#browser = browser
  }

  static async start(browser: Browser, scene: string | null): Promise<InBrowser> {
    const workbench = new InBrowser(browser, scene)
    workbench.#server = await Server.start(workbench)
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    await delayAll(context)
    await workbench.watch(await context.newPage())
    await workbench.open()
    return workbench
  }

  async open(): Promise<void> {
    await this.page.goto(this.#server.link)
  }

  async ask<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Result<Name>> {
    const reply = await this.page.evaluate(async ([path, body]) => {
      const key = localStorage.getItem('creamery-key') ?? ''
      const response = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Creamery-Key': key }, body })
      return (await response.json()) as unknown
    }, [`/api/${name}`, JSON.stringify(params)] as const)
    return valueOf(name, reply as Reply<Result<Name>>)
  }

  async restart(signal: 'SIGINT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
    this.expectProblem(/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|\b40[13]\b/) // while it is away, and of the session that went with it
    const { port } = this.#server
    await this.#server.stop(signal)
    this.#server = await Server.start({ home: this.home, projects: this.projects, port })
    await this.open()
  }

  async killEngine(): Promise<number> {
    const engines = childrenOf(this.#server.pid, 'main/engine/worker')
    for (const pid of engines) process.kill(pid, 'SIGKILL')
    return engines.length
  }

  async end(): Promise<void> {
    await Promise.all(this.#browser.contexts().map((context) => context.close()))
    await this.#server.stop('SIGKILL')
    this.cleanUp()
  }
}

class InElectron extends Workbench {
  #app!: ElectronApplication

  static async start(scene: string | null): Promise<InElectron> {
    const workbench = new InElectron(scene)
    await workbench.#launch()
    return workbench
  }

  async #launch(): Promise<void> {
    this.#app = await _electron.launch({ executablePath: electronBinary.binary!, args: [root, '--projects', this.projects], cwd: this.home, env: { ...process.env, HOME: this.home } as Record<string, string> })
    await this.watch(await this.#app.firstWindow())
  }

  async ask<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Result<Name>> {
    const reply = await this.page.evaluate(([channel, args]) => (globalThis as unknown as { creamery: { request(name: string, params: unknown): Promise<unknown> } }).creamery.request(channel, args), [name, params] as const)
    return valueOf(name, reply as Reply<Result<Name>>)
  }

  async restart(signal: 'SIGINT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
    if (signal === 'SIGKILL') this.#app.process().kill('SIGKILL')
    else await this.#app.close()
    await this.#launch()
  }

  async killEngine(): Promise<number> {
    const engines = await this.#app.evaluate(({ app }) => app.getAppMetrics().filter(({ name, serviceName }) => (name ?? serviceName) === 'Creamery engine').map(({ pid }) => pid))
    for (const pid of engines) process.kill(pid, 'SIGKILL')
    return engines.length
  }

  async end(): Promise<void> {
    this.#app.process().kill('SIGKILL')
    this.cleanUp()
  }
}

function valueOf<Value>(name: string, reply: Reply<Value>): Value {
  if (!reply.ok) throw new Error(`${name}: ${reply.error.code}: ${reply.error.sentence}`)
  return reply.value
}

/** Chromium's own sandbox needs rights that a container has not; the pages under test are ours. */
const flags = ['--no-sandbox', '--no-zygote', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none']

interface Fixtures {
  scene: Scene | null
  sceneFolder: string | null
  workbench: Workbench
  person: Person
}

export const test = base.extend<Fixtures, HostOptions & { ownBrowser: Browser | null }>({
  host: ['browser', { option: true, scope: 'worker' }],
  ownBrowser: [async ({ host }, use) => {
    const browser = host === 'electron' ? null : await playwright.launch({ executablePath: await chromium.executablePath(), args: flags })
    await use(browser)
    await browser?.close()
  }, { scope: 'worker' }],
  scene: [null, { option: true }],
  // The first test of a run that needs it makes it.
  sceneFolder: [async ({ scene }, use) => use(scene && (await sceneOf(scene))), { timeout: 600_000 }],
  workbench: async ({ ownBrowser, sceneFolder }, use) => {
    const workbench = ownBrowser === null ? await InElectron.start(sceneFolder) : await InBrowser.start(ownBrowser, sceneFolder)
    await use(workbench)
    try {
      workbench.checkProblems()
    } finally {
      await workbench.end()
    }
  },
  person: async ({ workbench, scene }, use) => {
    const person = new Person(workbench)
    if (scene !== null) await person.opens('Demo')
    await use(person)
  },
  // Playwright's own page would be another browser's.
  page: async ({ workbench }, use) => use(workbench.page),
})
