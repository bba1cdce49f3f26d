/**
 * The first step of a child in Electron. A utility process talks through `parentPort`; the programs talk as forks do, by
 * `process.send` and 'message'. This file is the difference, then the program starts.
 */
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { type Child, type Program, startChildrenBy } from '../../children/start.ts'
import type { FromUtility, ToUtility } from './utility-messages.ts'

const programs: Readonly<Record<Program, () => Promise<unknown>>> = {
  engine: () => import('../../engine/worker.ts'),
  sandbox: () => import('../../sandbox/worker.ts'),
}

const { parentPort } = process
const post = (message: FromUtility): void => parentPort.postMessage(message)
const asked = new Map<number, AskedChild>()

/** A child that main started because this process asked for it. */
class AskedChild extends EventEmitter {
  readonly pid = undefined
  readonly stdout = new PassThrough()
  readonly stderr = null
  readonly #id: number
  connected = true

  constructor(id: number) {
    super()
    this.#id = id
  }

  send(message: unknown): boolean {
    post({ child: this.#id, message })
    return true
  }

  kill(): boolean {
    post({ child: this.#id, kill: true })
    return true
  }

  disconnect(): void {
    this.kill()
  }

  hear(message: Exclude<ToUtility, { own: unknown }>): void {
    if ('message' in message) this.emit('message', message.message)
    else if ('output' in message) this.stdout.write(message.output)
    else {
      this.connected = false
      asked.delete(this.#id)
      this.emit('exit', message.exit, message.signal)
      this.emit('close', message.exit, message.signal)
    }
  }
}

let lastAsked = 0
startChildrenBy(({ program, env, execArgv }) => {
  const id = ++lastAsked
  const child = new AskedChild(id)
  asked.set(id, child)
  post({ child: id, start: { program, env: { ...env }, execArgv } })
  return child as unknown as Child
})

const send = (message: unknown, ...rest: unknown[]): boolean => {
  post({ own: message })
  const sent = rest.at(-1)
  if (typeof sent === 'function') queueMicrotask(() => void sent(null))
  return true
}
Object.assign(process, { send, connected: true, disconnect: () => void process.emit('disconnect') })
parentPort.on('message', ({ data }: { data: ToUtility }) => {
  if ('own' in data) process.emit('message', data.own, undefined)
  else asked.get(data.child)?.hear(data)
})

const program = process.argv[2]
if (program === undefined || !Object.hasOwn(programs, program)) throw new Error(`there is no program ${String(program)}`)
await programs[program as Program]()
