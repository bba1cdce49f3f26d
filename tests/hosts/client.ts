/** A browser host on a free port, and a browser as far as the wire shows one: every header can be set, also the forbidden. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import type { Cursor, EventMessage, SequencedEvent, WorkbenchEvent } from '../../preload/contract/events.ts'
import type { Params, Reply, RequestName, Result } from '../../preload/contract/requests.ts'
import { type BrowserHost, openBrowserHost } from '../../main/hosts/browser.ts'
import type { LogEntry } from '../../main/ipc/log.ts'
import { Workbench } from '../../main/ipc/workbench.ts'

export interface TestHost {
  readonly folder: string
  readonly host: BrowserHost
  readonly workbench: Workbench
  readonly log: LogEntry[]
  close(): Promise<void>
}

export async function openTestHost({ uploadLimit = 1000 }: { uploadLimit?: number } = {}): Promise<TestHost> {
  const folder = mkdtempSync(join(tmpdir(), 'creamery-host-'))
  for (const name of ['projects', 'pages/assets', 'home/models', 'outside']) mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, 'pages/index.html'), '<!doctype html><title>Creamery</title>')
  writeFileSync(join(folder, 'pages/assets/app-1a2b.js'), 'export {}')
  writeFileSync(join(folder, 'outside/secret.txt'), 'a secret')
  const log: LogEntry[] = []
  const workbench = new Workbench({ version: '0.0.0', host: 'browser', projectsFolder: join(folder, 'projects'), stateFolder: join(folder, 'state'), roots: [join(folder, 'home')], log: (entry) => log.push(entry) })
  const host = await openBrowserHost({ workbench, port: 0, pages: join(folder, 'pages'), uploads: join(folder, 'uploads'), uploadLimit, log: (entry) => log.push(entry) })
  return {
    folder, host, workbench, log,
    async close() {
      await host.close()
      await workbench.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export type Headers = Readonly<Record<string, string | undefined>>
export interface Answer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
}

/** One HTTP request, exactly as given: a header set to undefined is left out. */
export function send(port: number, { method = 'GET', path = '/', headers = {}, body }: { method?: string; path?: string; headers?: Headers; body?: string | Buffer }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const given = Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
    const request = httpRequest({ host: '127.0.0.1', port, method, path, headers: given, setHost: false, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part)).on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: text }))
    })
    request.on('error', reject).end(body)
  })
}

/** A page of ours in a browser. */
export class Page {
  readonly port: number
  readonly #cookie: string
  readonly #key: string

  private constructor(port: number, cookie: string, key: string) {
    this.port = port
    this.#cookie = cookie
    this.#key = key
  }

  /** Opens the printed link as a person does. */
  static async open(host: Pick<BrowserHost, 'port' | 'link'>): Promise<Page> {
    const link = new URL(host.link())
    const answer = await send(host.port, { path: link.pathname + link.search, headers: { Host: link.host, 'Sec-Fetch-Site': 'none' } })
    const [cookie] = answer.headers['set-cookie'] as string[]
    return new Page(host.port, cookie!.split(';')[0]!, new URL(answer.headers['location'] as string, link).hash.slice('#key='.length))
  }

  get own(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Headers of a GET, as a browser sends them from our page. */
  reading(over: Headers = {}): Headers {
    return { Host: this.own, Cookie: this.#cookie, 'Sec-Fetch-Site': 'same-origin', ...over }
  }

  /** Headers of a call. */
  calling(over: Headers = {}): Headers {
    return { ...this.reading(), Origin: `http://${this.own}`, 'Content-Type': 'application/json', 'X-Creamery-Key': this.#key, ...over }
  }

  async request<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Reply<Result<Name>>> {
    const { body } = await send(this.port, { method: 'POST', path: `/api/${name}`, headers: this.calling(), body: JSON.stringify(params) })
    return JSON.parse(body) as Reply<Result<Name>>
  }

  /** A request that has to succeed. */
  async ask<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Result<Name>> {
    const reply = await this.request(name, params)
    if (!reply.ok) throw new Error(`${name}: ${reply.error.code}: ${reply.error.sentence}`)
    return reply.value
  }

  socket({ from = null, headers = {}, protocols = ['creamery', this.#key], path = '/events' }: { from?: Cursor | null; headers?: Headers; protocols?: string[]; path?: string } = {}): WebSocket {
    const query = from ? `?epoch=${from.epoch}&after=${from.sequence}` : ''
    const { Host, Cookie, Origin } = { ...this.calling(), ...headers }
    return new WebSocket(`ws://127.0.0.1:${this.port}${path}${query}`, protocols, { headers: { ...(Host && { Host }), ...(Cookie && { Cookie }), ...(Origin && { Origin }) } })
  }

  /** Listens from a cursor on (null: from now, with a snapshot first). */
  listen(from: Cursor | null = null): Listener {
    return new Listener(this.socket({ from }))
  }
}

export class Listener {
  readonly messages: EventMessage[] = []
  readonly events: SequencedEvent[] = []
  readonly #socket: WebSocket
  readonly #checks = new Set<() => void>()

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString('utf8')) as EventMessage
      this.messages.push(message)
      if (message.kind === 'events') this.events.push(...message.events)
      for (const check of this.#checks) check()
    })
  }

  /** Waits until an event, past or to come, is what is looked for. */
  until(kind: WorkbenchEvent['kind'], is: (event: SequencedEvent) => boolean = () => true): Promise<SequencedEvent> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = this.events.find((one) => one.event.kind === kind && is(one))
        if (!found) return
        this.#checks.delete(check)
        resolve(found)
      }
      this.#checks.add(check)
      this.#socket.on('close', () => reject(new Error(`the stream ended before ${kind} came`)))
      check()
    })
  }

  async firstMessage(): Promise<EventMessage> {
    while (this.messages.length === 0) await new Promise<void>((resolve) => this.#checks.add(resolve))
    return this.messages[0]!
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.once('close', () => resolve())
      this.#socket.close()
    })
  }
}

/** How the opening of a socket ends: 'open', or the refusal's HTTP status. */
export function openingOf(socket: WebSocket): Promise<'open' | number> {
  return new Promise((resolve) => {
    socket.on('open', () => resolve('open'))
    socket.on('unexpected-response', (_, response) => resolve(response.statusCode!))
    socket.on('error', () => {})
  })
}
