/** The workbench on loopback, for a browser: `--port`, `--root`, one line with the link. Ctrl-C pauses the job and ends. */
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, CommanderError } from 'commander'
import { AppError, exitCodeOf } from '../preload/contract/errors.ts'
import { creameryVersion } from './cli/version.ts'
import { openBrowserHost } from './hosts/browser.ts'
import { builtPages } from './hosts/pages.ts'
import { projectsFolder, stateFolder } from './hosts/folders.ts'
import { logTo } from './hosts/log-file.ts'
import { Workbench } from './ipc/workbench.ts'

interface ServeOptions {
  readonly port: number
  readonly root: readonly string[]
  readonly projects: string
}

async function serve({ port, root, projects }: ServeOptions): Promise<void> {
  for (const folder of root) if (!existsSync(folder) || !statSync(folder).isDirectory()) throw new AppError('bad-arguments', `--root ${folder} is no folder; name one that is there.`)
  const state = stateFolder()
  const log = logTo(join(state, 'creamery.log'))
  mkdirSync(projects, { recursive: true })
  const workbench = new Workbench({ version: creameryVersion, host: 'browser', projectsFolder: projects, stateFolder: state, roots: [homedir(), projects, ...root], log })
  const host = await openBrowserHost({ workbench, port, pages: builtPages, uploads: join(projects, '.uploads'), log })
  const printLink = (): void => console.log(`Creamery: ${host.link()}`)
  printLink()
  // A link works once: for another browser there is another.
  if (process.stdin.isTTY) process.stdin.on('data', printLink)

  await new Promise<void>((end) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => end())
  })
  process.stdin.pause() // a terminal that is listened to would keep the process
  await host.close()
  await workbench.close()
}

function parse(argv: readonly string[]): ServeOptions {
  const command = new Command('creamery-serve')
    .description('Serves the workbench on loopback, for a browser on this machine or through "ssh -L".')
    .option('--port <n>', 'port on 127.0.0.1; 0 = any free one', '0')
    .option('--root <dir>', 'a folder besides home that may be browsed; may be repeated', (dir: string, before: string[]) => [...before, resolve(dir)], [])
    .option('--projects <dir>', 'where new projects go', projectsFolder())
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {}, outputError: () => {} })
    .parse(argv, { from: 'user' })
  const { port, root, projects } = command.opts<{ port: string; root: string[]; projects: string }>()
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) throw new AppError('bad-arguments', `--port should be a number from 0 to 65535, not ${port}.`)
  return { port: Number(port), root, projects: resolve(projects) }
}

try {
  await serve(parse(process.argv.slice(2)))
} catch (error) {
  const ended = error instanceof CommanderError && error.exitCode === 0 // --help
  if (!ended) console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = ended ? 0 : error instanceof CommanderError ? 2 : exitCodeOf(error)
}
