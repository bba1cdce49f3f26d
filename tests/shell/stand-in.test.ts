/** The stand-in fails where Electron fails: otherwise the shell's tests would prove nothing. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.ts'
import type { Preferences } from './stand-in/contents.ts'
import { Electron } from './stand-in/electron.ts'
import { overBridge, overIpc } from './stand-in/wire.ts'

let electron: Electron
beforeEach(() => {
  electron = new Electron()
})

describe('before and after ready', () => {
  it('refuses what comes too late', () => {
    electron.protocol.registerSchemesAsPrivileged([{ scheme: 'app' }])
    electron.app.becomeReady()
    expect(() => electron.protocol.registerSchemesAsPrivileged([{ scheme: 'app' }])).toThrow('before app is ready')
    expect(() => electron.app.enableSandbox()).toThrow('before the app is ready')
  })

  it('refuses what comes too early', () => {
    expect(() => electron.session.defaultSession).toThrow("before the app 'ready' event")
    expect(() => new electron.BrowserWindow({})).toThrow('before app is ready')
    expect(() => electron.utilityProcess.fork('x.js')).toThrow('before app is ready')
  })
})

describe('a window', () => {
  const preferences = { contextIsolation: true, sandbox: true, nodeIntegration: false, webviewTag: false, spellcheck: false } as const
  const policy = "default-src 'none'; script-src 'self'"

  /** A window that is guarded in every way, but for what a test leaves out. */
  function open({ without = '', preload = 'exports.x = 1', over = {}, csp = policy }: { without?: string; preload?: string | null; over?: Preferences; csp?: string } = {}): Promise<void> {
    electron.protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true } }])
    electron.app.on('web-contents-created', (_, contents: InstanceType<Electron['BrowserWindow']>['webContents']) => {
      for (const name of ['will-navigate', 'will-redirect', 'will-attach-webview']) if (name !== without) contents.on(name, () => {})
      if (without !== 'window-open') contents.setWindowOpenHandler(() => ({ action: 'deny' }))
    })
    electron.app.becomeReady()
    const { defaultSession } = electron.session
    if (without !== 'permission') defaultSession.setPermissionRequestHandler((_, __, answer) => answer(false))
    defaultSession.setPermissionCheckHandler(() => false)
    defaultSession.setDevicePermissionHandler(() => false)
    if (without !== 'requests') defaultSession.webRequest.onBeforeRequest((_, answer) => answer({}))
    if (without !== 'scheme') defaultSession.protocol.handle('app', () => new Response('', { headers: { 'content-security-policy': csp } }))
    const file = join(temporaryFolder('preload'), 'index.cjs')
    if (preload !== null) writeFileSync(file, preload)
    return new electron.BrowserWindow({ webPreferences: { ...preferences, preload: file, ...over } }).loadURL('app://creamery/')
  }

  it('loads when everything is set', () => expect(open()).resolves.toBeUndefined())

  it.each([
    ['will-navigate', 'will-navigate'], ['will-redirect', 'will-redirect'], ['will-attach-webview', 'will-attach-webview'],
    ['window-open', 'window open handler'], ['permission', 'grants everything'], ['requests', 'no request is looked at'], ['scheme', 'ERR_UNKNOWN_URL_SCHEME'],
  ])('does not load without a handler for %s', (without, message) => expect(open({ without })).rejects.toThrow(message))

  it.each([{ sandbox: false }, { contextIsolation: false }, { nodeIntegration: true }, { spellcheck: true }, { webviewTag: true }])('does not load with %j', (over) => expect(open({ over })).rejects.toThrow('without isolation'))

  it('does not load a page without a policy, or with a lax one', async () => {
    await expect(open({ csp: "default-src 'self' 'unsafe-inline'" })).rejects.toThrow('without a strict policy')
  })

  it.each([
    ['is not there', null, 'Unable to load preload script'],
    ['is no CommonJS', "import { x } from 'electron'", 'import statement outside a module'],
    ['requires a foreign module', "require('zod')", 'module not found: zod'],
    ['requires Node\'s modules', "require('node:fs')", 'module not found: node:fs'],
    ['uses Node\'s globals', 'process.exit()', 'process is not defined'],
  ])('does not load with a preload that %s', (_, preload, message) => expect(open({ preload })).rejects.toThrow(message))
})

describe('on the wire', () => {
  it('an invoke keeps of an error only its message, and needs a handler', async () => {
    electron.ipcMain.handle('fails', () => {
      throw Object.assign(new TypeError('it broke'), { code: 'E_BROKE' })
    })
    const error = await electron.ipcMain.invoke(null as never, null, 'fails', []).catch((reason: unknown) => reason)
    expect(error).toEqual(new Error("Error invoking remote method 'fails': TypeError: it broke"))
    expect(error).not.toHaveProperty('code')
    await expect(electron.ipcMain.invoke(null as never, null, 'missing', [])).rejects.toThrow('No handler registered')
    expect(() => electron.ipcMain.handle('fails', () => null)).toThrow('second handler')
  })

  it('values are cloned, and functions cannot be', () => {
    class Point {
      x = 1
      length(): number {
        return this.x
      }
    }
    expect(overIpc(new Point())).not.toBeInstanceOf(Point)
    expect(() => overIpc({ call: () => 1 })).toThrow('could not be cloned')
    const over = overBridge(new Point()) as Point
    expect(over).toEqual({ x: 1 })
    expect(over.length).toBeUndefined()
  })

  it('a function behind the bridge is another one, and what it throws loses its class', async () => {
    class Special extends Error {}
    const fail = (): never => {
      throw new Special('no')
    }
    const api = overBridge({ fail, later: async () => fail() }) as { fail(): void; later(): Promise<void> }
    expect(api.fail).not.toBe(fail)
    expect(() => api.fail()).toThrow(expect.not.objectContaining({ constructor: Special }))
    await expect(api.later()).rejects.not.toBeInstanceOf(Special)
  })
})
