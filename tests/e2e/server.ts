/** A Creamery of a test's own: `main/serve.ts` as a person starts it, with a home of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { compileCache } from '../compile-cache.ts'
import { root } from './electron.ts'

export class Server {
  readonly #child: ChildProcess
  /** Works once. */
  readonly link: string

  private constructor(child: ChildProcess, link: string) {
    this.#child = child
    this.link = link
  }

  static async start({ home, projects, port = 0 }: { home: string; projects: string; port?: number }): Promise<Server> {
    const child = spawn(process.execPath, [join(root, 'main/serve.ts'), '--port', String(port), '--projects', projects], {
      cwd: home, env: { PATH: process.env['PATH'], HOME: home, ...compileCache }, stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    for await (const line of createInterface(child.stdout)) {
      const link = /(http:\/\/127\.0\.0\.1:\S+)$/.exec(line)?.[1]
      if (link !== undefined) return new Server(child, link)
    }
    throw new Error(`serve ended before it printed its link: ${said}`)
  }

  get port(): number {
    return Number(new URL(this.link).port)
  }

  get pid(): number {
    return this.#child.pid!
  }

  get runs(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** SIGINT pauses a job and ends; SIGKILL is a power cut. */
  async stop(signal: 'SIGINT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
    if (!this.runs) return
    const ended = once(this.#child, 'exit')
    this.#child.kill(signal)
    await ended
  }
}

/** Processes of one program below a process, by what their command line holds. */
export function childrenOf(pid: number, program: string): number[] {
  const read = (one: string, file: string): string => {
    try {
      return readFileSync(`/proc/${one}/${file}`, 'utf8')
    } catch {
      return '' // it has just ended
    }
  }
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((one) => Number(/^PPid:\s*(\d+)$/m.exec(read(one, 'status'))?.[1]) === pid && read(one, 'cmdline').includes(program)).map(Number)
}
