/** `start`, which is what `npm start` runs: a window where Electron is installed and there is a screen, else loopback. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError } from '../../preload/contract/errors.ts'
import { buildWhereStale, keepBuilt } from './build.ts'
import { whatOpens } from './electron.ts'
import { type ServeOptions, addServeOptions, serve } from './serve.ts'
import type { AddCommand } from './shell.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

export const addStart: AddCommand = (program, act) => {
  addServeOptions(program.command('start').description('Opens the workbench: in a window where Electron is installed, else on loopback for a browser.'))
    .option('--browser', 'on loopback even where Electron is installed', false)
    .option('--watch', 'on loopback, and build the pages again whenever their sources change', false)
    .action(act<ServeOptions & { readonly browser: boolean; readonly watch: boolean }>(async (options, shell) => {
      const electron = options.browser || options.watch ? { binary: null, why: 'the browser was asked for' } : whatOpens(join(root, 'node_modules/electron'), process.env)
      await buildWhereStale(shell.terminal, electron.binary === null ? 'renderer' : 'all')
      if (electron.binary === null) {
        const built = options.watch ? keepBuilt(shell.terminal, shell.signal) : null
        await serve(options, shell, `Creamery runs on loopback (${electron.why}); open`)
        return void (await built)
      }
      const window = spawn(electron.binary, [root, '--projects', options.projects], { stdio: 'inherit' })
      shell.signal.addEventListener('abort', () => window.kill('SIGINT'))
      const [code, signal] = (await once(window, 'exit')) as [number | null, NodeJS.Signals | null]
      if (code !== 0 && !shell.signal.aborted) throw new AppError('internal', `Electron ended with ${signal ?? `exit code ${code}`}; "npm start -- --browser" opens the workbench without it.`)
    }))
}
