/** Children as Electron's utility processes, which look like forks: a packaged Creamery has no Node to fork. */
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { finished } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { type UtilityProcess, utilityProcess } from 'electron'
import type { Child, StartChild, StartOptions } from '../../children/start.ts'
import type { FromUtility, ToUtility } from './utility-messages.ts'

const entry = fileURLToPath(new URL('./child.js', import.meta.url)) // only a build runs in Electron
const LAST_WORDS = 1000 // milliseconds for the output of a process that is gone

export const startUtility: StartChild = (options) => new UtilityChild(options) as unknown as Child

/** The part of a ChildProcess that `Child` names, with its events: message, exit, close, error. */
class UtilityChild extends EventEmitter {
  readonly #process: UtilityProcess
  readonly #asked = new Map<number, Child>()
  #signal: NodeJS.Signals | null = null
  readonly stderr = new PassThrough()
  connected = true

  constructor({ program, env, execArgv, stdout }: Omit<StartOptions, 'entry'>) {
    super()
    this.#process = utilityProcess.fork(entry, [program], { env: definedOf(env), execArgv: [...execArgv], stdio: ['ignore', stdout, 'pipe'], serviceName: `Creamery ${program}` })
    this.#process.on('message', (message: FromUtility) => this.#hear(message))
    this.#process.stderr?.pipe(this.stderr, { end: false })
    // A fatal error of V8, such as a full heap: said where a death's cause is looked for; the exit follows.
    this.#process.on('error', (type, location) => void this.stderr.write(`${type}: ${location}\n`))
    this.#process.once('exit', (code) => void this.#end(code))
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  get stdout(): NodeJS.ReadableStream | null {
    return this.#process.stdout
  }

  send(message: unknown, ...rest: unknown[]): boolean {
    if (this.connected) this.#process.postMessage({ own: message } satisfies ToUtility)
    const sent = rest.at(-1)
    if (typeof sent === 'function') queueMicrotask(() => void sent(this.connected ? null : new Error('the process is gone')))
    return this.connected
  }

  /** At once: a program that hangs hears no request. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    this.#signal = signal
    const { pid } = this.#process
    if (signal !== 'SIGKILL' || pid === undefined) return this.#process.kill()
    try {
      return process.kill(pid, signal)
    } catch {
      return false // gone already
    }
  }

  /** The programs leave by themselves when nobody listens any more; a utility process is told so by its end. */
  disconnect(): void {
    if (!this.connected) return
    this.connected = false
    this.kill()
  }

  #hear(message: FromUtility): void {
    if ('own' in message) this.emit('message', message.own)
    else if ('start' in message) this.#startFor(message.child, message.start)
    else if ('kill' in message) this.#asked.get(message.child)?.kill('SIGKILL')
    else this.#asked.get(message.child)?.send(message.message as never)
  }

  #startFor(id: number, { program, env, execArgv }: Pick<StartOptions, 'program' | 'env' | 'execArgv'>): void {
    const child = new UtilityChild({ program, env, execArgv, stdout: 'pipe' })
    this.#asked.set(id, child as unknown as Child)
    const tell = (message: ToUtility): void => void (this.connected && this.#process.postMessage(message))
    child.on('message', (message) => tell({ child: id, message }))
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (output: string) => tell({ child: id, output }))
    child.on('close', (exit: number | null, signal: NodeJS.Signals | null) => {
      this.#asked.delete(id)
      tell({ child: id, exit, signal })
    })
  }

  async #end(code: number): Promise<void> {
    this.connected = false
    for (const child of this.#asked.values()) child.kill('SIGKILL')
    const how = this.#signal === null ? ([code, null] as const) : ([null, this.#signal] as const)
    this.emit('exit', ...how)
    const ends = [this.#process.stdout, this.#process.stderr].map((stream) => stream && finished(stream))
    await Promise.race([Promise.allSettled(ends), new Promise((resolve) => setTimeout(resolve, LAST_WORDS).unref())])
    this.stderr.end()
    this.emit('close', ...how)
  }
}

const definedOf = (env: StartOptions['env']): Record<string, string> => Object.fromEntries(Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined))
