/** utilityProcess over a forked Node that has no `process.send`: only `parentPort`, as in Electron. */
import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { overIpc } from './wire.ts'

const bootstrap = fileURLToPath(new URL('./utility-child.ts', import.meta.url))
/** Of this test's processes, by service name. */
export const forked: { readonly name: string; readonly process: UtilityProcess }[] = []

export interface UtilityOptions {
  readonly env?: Record<string, string>
  readonly execArgv?: string[]
  readonly stdio?: ['ignore', 'pipe' | 'ignore', 'pipe' | 'ignore']
  readonly serviceName?: string
}

export function forkUtility(modulePath: string, args: string[] = [], { env, execArgv = [], stdio = ['ignore', 'ignore', 'ignore'], serviceName = '' }: UtilityOptions = {}): UtilityProcess {
  if (!existsSync(modulePath)) throw new Error(`Cannot find module ${modulePath}`)
  if (Object.values(env ?? {}).some((value) => typeof value !== 'string')) throw new TypeError("Invalid value for 'env'")
  const child = fork(bootstrap, [modulePath, ...args], { env: { ...(env ?? process.env) }, execArgv, serialization: 'advanced', stdio: [...stdio, 'ipc'] })
  const utility = new UtilityProcess(child)
  forked.push({ name: serviceName, process: utility })
  return utility
}

export class UtilityProcess extends EventEmitter {
  readonly #child: ChildProcess
  /** Undefined until it has spawned, and again once it is gone. */
  pid: number | undefined

  constructor(child: ChildProcess) {
    super()
    this.#child = child
    child.on('spawn', () => {
      this.pid = child.pid
      this.emit('spawn')
    })
    child.on('message', (message) => this.emit('message', message))
    child.on('exit', (code, signal) => {
      this.pid = undefined
      this.emit('exit', code ?? (signal === 'SIGKILL' ? 9 : 15))
    })
  }

  get stdout(): ChildProcess['stdout'] {
    return this.#child.stdout
  }
  get stderr(): ChildProcess['stderr'] {
    return this.#child.stderr
  }
  postMessage(message: unknown): void {
    if (this.#child.connected) this.#child.send({ carried: overIpc(message) })
  }
  kill(): boolean {
    return this.#child.kill('SIGTERM')
  }
}
