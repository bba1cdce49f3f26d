/** The built main and preload, started on the stand-in as Electron would start them: `electron` is its module, ready comes when the entry has run. */
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { constants, runInThisContext } from 'node:vm'
import type { EventMessage } from '../../preload/contract/events.ts'
import type { Bridge, Params, RequestName, Result } from '../../preload/contract/requests.ts'
import { temporaryFolder } from '../temporary.ts'
import type { BaseWindow } from './stand-in/contents.ts'
import { Electron } from './stand-in/electron.ts'

export const root = join(import.meta.dirname, '../..')
const names = ['app', 'BrowserWindow', 'dialog', 'ipcMain', 'Menu', 'Notification', 'powerSaveBlocker', 'protocol', 'screen', 'session', 'shell', 'utilityProcess'] as const
const built = pathToFileURL(join(root, 'out/')).href
let starts = 0
let current: Electron | undefined
Object.defineProperty(globalThis, 'standInForElectron', { get: () => current })

/** Every start loads the built modules anew: the query of the entry goes on to what it imports. */
registerHooks({
  resolve(specifier, context, next) {
    const start = /\?start=\d+$/.exec(context.parentURL ?? '')?.[0]
    if (start === undefined) return next(specifier, context)
    if (specifier === 'electron') return { url: `stand-in:electron${start}`, shortCircuit: true }
    const resolved = next(specifier, context)
    return resolved.url.startsWith(built) ? { ...resolved, url: resolved.url + start } : resolved
  },
  load(url, context, next) {
    if (!url.startsWith('stand-in:electron')) return next(url, context)
    const source = `const electron = globalThis.standInForElectron; export const { ${names.join(', ')} } = electron; export default electron`
    return { format: 'module', source, shortCircuit: true }
  },
})

export interface Started {
  readonly electron: Electron
  readonly folder: string
  readonly window: () => BaseWindow
  /** As the page has it. */
  readonly bridge: () => Bridge
  /** A request that has to succeed. */
  ask<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Result<Name>>
  /** Listens as the page does. */
  listen(): { readonly messages: EventMessage[]; until(is: (message: EventMessage) => boolean): Promise<void>; end(): void }
  /** Until the app has quit. */
  quit(): Promise<void>
}

/** @param prepare before the entry runs, to make the stand-in something else than a first start */
export async function startApp(prepare: (electron: Electron) => void = () => {}): Promise<Started> {
  const folder = temporaryFolder('shell')
  const electron = (current = new Electron())
  prepare(electron)
  const { argv, env } = process
  process.argv = [process.execPath, root, '--projects', join(folder, 'projects')]
  env['XDG_STATE_HOME'] = env['LOCALAPPDATA'] = join(folder, 'state')
  env['HOME'] = folder
  await nativeImport(`${built}main/index.js?start=${++starts}`)
  process.argv = argv
  electron.app.becomeReady()
  await new Promise((resolve) => setImmediate(resolve))
  const [first] = electron.windows
  await first?.loading
  const window = (): BaseWindow => electron.windows[0]!
  const bridge = (): Bridge => window().webContents.world['creamery'] as Bridge
  return {
    electron, folder, window, bridge,
    async ask(name, params) {
      const reply = await bridge().request(name, params)
      if (!reply.ok) throw new Error(`${name}: ${reply.error.code}: ${reply.error.sentence}`)
      return reply.value
    },
    listen() {
      const messages: EventMessage[] = []
      const checks = new Set<() => void>()
      const end = bridge().subscribe(null, (message) => {
        messages.push(message)
        for (const check of checks) check()
      })
      return {
        messages, end,
        until: (is) => new Promise((resolve) => {
          const check = (): void => {
            if (!messages.some(is)) return
            checks.delete(check)
            resolve()
          }
          checks.add(check)
          check()
        }),
      }
    },
    quit: () => new Promise((resolve) => {
      if (electron.app.ended) return resolve()
      electron.app.once('ended', () => resolve())
      electron.app.quit()
    }),
  }
}

/** Past the test runner's own loader. */
const nativeImport = runInThisContext('(url) => import(url)', { importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER }) as (url: string) => Promise<unknown>
