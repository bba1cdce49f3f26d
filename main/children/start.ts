/** How child processes are started: Node forks them, Electron has utility processes. Either way they look like a fork. */
import { type ChildProcess, fork } from 'node:child_process'

/** The programs that run in a process of their own. */
export type Program = 'engine' | 'sandbox'

/** A started process, as far as anyone here looks at it. */
export type Child = Pick<ChildProcess, 'pid' | 'connected' | 'stdout' | 'stderr' | 'send' | 'kill' | 'disconnect' | 'on' | 'once' | 'off'>

export interface StartOptions {
  readonly program: Program
  /** The program's file. */
  readonly entry: URL
  readonly env: Readonly<Record<string, string | undefined>>
  /** Node's flags; this process's own are not passed on: a test runner's or debugger's are not for a child. */
  readonly execArgv: readonly string[]
  readonly stdout: 'pipe' | 'ignore'
}
export type StartChild = (options: StartOptions) => Child

const forkNode: StartChild = ({ entry, env, execArgv, stdout }) => fork(entry, [], { env: { ...env }, execArgv: [...execArgv], serialization: 'advanced', stdio: ['ignore', stdout, 'pipe', 'ipc'] })

let start = forkNode

export const startChild: StartChild = (options) => start(options)

/** From now on children are started this way. */
export function startChildrenBy(other: StartChild): void {
  start = other
}
