/** What a command's file and cli.ts share. A new command: a file with an `AddCommand`, and its name in cli.ts's list. */
import type { Command } from 'commander'
import { EngineHost } from '../engine/host.ts'
import { type Sandbox, startSandbox } from '../sandbox/host.ts'
import type { Progress } from './progress.ts'
import type { Terminal } from './terminal.ts'

/** What a running command is given. */
export interface Shell {
  readonly terminal: Terminal
  /** Aborted by Ctrl-C: stop at the next safe point and throw AppError 'cancelled' (engine calls do so by themselves). */
  readonly signal: AbortSignal
}

/** What a command does; `options` are as its file declares them, `args` the positional arguments. */
export type Work<Options> = (options: Options, shell: Shell, args: readonly string[]) => Promise<void>

/** Makes a commander action of a command's work. */
export type Act = <Options extends object>(work: Work<Options>) => (...args: unknown[]) => Promise<void>

/** Adds one command to the program; `--json` and `--help` come by themselves. */
export type AddCommand = (program: Command, act: Act) => void

/** Starts an engine for `work` and closes it whatever happens. */
export async function withEngine<T>(work: (engine: EngineHost) => Promise<T>): Promise<T> {
  const engine = EngineHost.start()
  try {
    return await work(engine)
  } finally {
    await engine.close()
  }
}

/** The sandbox's child starts with the first call, so a command that turns out to need none pays nothing. */
export async function withSandbox<T>(work: (sandbox: Sandbox) => Promise<T>): Promise<T> {
  const sandbox = startSandbox()
  try {
    return await work(sandbox)
  } finally {
    await sandbox.close()
  }
}

/** Work that tells how far it is only once it is at it. */
export async function withBar<T>(terminal: Terminal, label: string, unit: string, work: (progress: (done: number, total: number) => void) => Promise<T>): Promise<T> {
  let bar: Progress | null = null
  try {
    return await work((done, total) => (bar ??= terminal.progress(label, total, unit)).reach(done))
  } finally {
    ;(bar as Progress | null)?.finish()
  }
}
