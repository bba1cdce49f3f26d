/** `serve`: the workbench on loopback, for a browser. Ctrl-C pauses the job and ends. */
import { once } from 'node:events'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { AppError } from '../../preload/contract/errors.ts'
import { openBrowserHost } from '../hosts/browser.ts'
import { projectsFolder, stateFolder } from '../hosts/folders.ts'
import { logTo } from '../hosts/log-file.ts'
import { builtPages } from '../hosts/pages.ts'
import { Workbench } from '../ipc/workbench.ts'
import { buildWhereStale } from './build.ts'
import { integer } from './options.ts'
import type { AddCommand, Shell } from './shell.ts'
import { creameryVersion } from './version.ts'

export interface ServeOptions {
  readonly port: number
  readonly root: readonly string[]
  readonly projects: string
}

export const addServe: AddCommand = (program, act) => {
  addServeOptions(program.command('serve').description('Serves the workbench on loopback, for a browser on this machine or through "ssh -L".'))
    .action(act<ServeOptions>(async (options, shell) => {
      await buildWhereStale(shell.terminal, 'renderer')
      await serve(options, shell)
    }))
}

export const addServeOptions = (command: Command): Command => command
  .option('--port <n>', 'port on 127.0.0.1; 0 = any free one', integer('--port', { min: 0, max: 65535 }), 0)
  .option('--root <dir>', 'a folder besides home that may be browsed; may be repeated', (dir: string, before: string[]) => [...before, resolve(dir)], [])
  .option('--projects <dir>', 'where new projects go', (dir: string) => resolve(dir), projectsFolder())

/** Serves until it is stopped. `greeting` comes before the link, in one line with it. */
export async function serve({ port, root, projects }: ServeOptions, { terminal, signal }: Shell, greeting = 'Creamery'): Promise<void> {
  for (const folder of root) if (!existsSync(folder) || !statSync(folder).isDirectory()) throw new AppError('bad-arguments', `--root ${folder} is no folder; name one that is there.`)
  const state = stateFolder()
  const log = logTo(join(state, 'creamery.log'))
  mkdirSync(projects, { recursive: true })
  const workbench = new Workbench({ version: creameryVersion, host: 'browser', projectsFolder: projects, stateFolder: state, roots: [homedir(), projects, ...root], log })
  const host = await openBrowserHost({ workbench, port, pages: builtPages, uploads: join(projects, '.uploads'), log })
  const printLink = (): void => (terminal.json ? terminal.object({ link: host.link() }) : terminal.print(`${greeting}: ${host.link()}`))
  printLink()
  // A link works once: for another browser there is another.
  if (process.stdin.isTTY) process.stdin.on('data', printLink)

  if (!signal.aborted) await once(signal, 'abort')
  process.stdin.pause() // a terminal that is listened to would keep the process
  await host.close()
  await workbench.close()
}
