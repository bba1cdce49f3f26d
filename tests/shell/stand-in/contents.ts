/** Windows and their pages, as strict as the real ones. */
import { EventEmitter } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { compileFunction, createContext } from 'node:vm'
import type { Electron } from './electron.ts'
import { overBridge, overIpc } from './wire.ts'

export interface Frame {
  readonly url: string
  readonly parent: Frame | null
}

export interface Preventable {
  readonly defaultPrevented: boolean
  preventDefault(): void
}

export function preventable<Extra extends object>(extra: Extra): Preventable & Extra {
  let prevented = false
  return Object.defineProperty({ ...extra, preventDefault: () => void (prevented = true) }, 'defaultPrevented', { get: () => prevented }) as Preventable & Extra
}

type WindowOpenHandler = (details: { url: string }) => { action: 'allow' | 'deny' }

export class WebContents extends EventEmitter {
  readonly #electron: Electron
  readonly #preferences: Preferences
  #openHandler: WindowOpenHandler | undefined
  #destroyed = false
  #url = ''
  /** The page's global object after its preload has run. */
  world: Record<string, unknown> = {}
  /** How messages find the page's preload. */
  #renderer = new EventEmitter()

  constructor(electron: Electron, preferences: Preferences) {
    super()
    this.#electron = electron
    this.#preferences = preferences
  }

  get mainFrame(): Frame {
    return { url: this.#url, parent: null }
  }

  setWindowOpenHandler(handler: WindowOpenHandler): void {
    this.#openHandler = handler
  }

  isDestroyed(): boolean {
    return this.#destroyed
  }

  send(channel: string, ...args: unknown[]): void {
    if (this.#destroyed) throw new TypeError('Object has been destroyed')
    const copied = args.map(overIpc)
    setImmediate(() => this.#renderer.emit(channel, {}, ...copied))
  }

  async loadURL(url: string): Promise<void> {
    this.#requireGuards()
    const [before, after] = [this.#url.split('#')[0], url.split('#')[0]]
    this.#url = url
    if (before === after) return // only the fragment: nothing is loaded
    const response = await this.#electron.fetch(url)
    if (response.status !== 200) throw new Error(`ERR_FAILED (${response.status}) loading '${url}'`)
    const policy = response.headers.get('content-security-policy') ?? ''
    if (!policy.includes("default-src 'none'") || /unsafe|\*/.test(policy)) throw new Error(`a page without a strict policy: ${policy}`)
    this.#runPreload()
    this.emit('did-navigate', {}, url)
  }

  /** As View › Reload does: the old page and its listeners are gone. */
  async reload(): Promise<void> {
    const url = this.#url
    this.#url = ''
    await this.loadURL(url)
  }

  /** What a page, or somebody in it, may try. @returns whether it was let through */
  attempt(what: 'will-navigate' | 'will-frame-navigate' | 'will-redirect' | 'will-attach-webview', url: string): boolean {
    const event = preventable({ url })
    this.emit(what, event, url)
    return !event.defaultPrevented
  }

  attemptWindow(url: string): boolean {
    return this.#openHandler?.({ url }).action !== 'deny'
  }

  destroy(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    this.emit('destroyed')
  }

  /** Without these a page can leave, or worse; Electron would let it, so the stand-in does not begin. */
  #requireGuards(): void {
    const { contextIsolation, sandbox, nodeIntegration, webviewTag, spellcheck } = this.#preferences
    if (contextIsolation !== true || sandbox !== true || nodeIntegration !== false || webviewTag !== false || spellcheck !== false) throw new Error('a window without isolation, sandbox, or with more than a page needs')
    for (const name of ['will-navigate', 'will-redirect', 'will-attach-webview']) if (this.listenerCount(name) === 0) throw new Error(`nothing listens to ${name}`)
    if (!this.#openHandler) throw new Error('no window open handler is set')
    this.#electron.session.defaultSession.requireGuards()
  }

  /** As a sandboxed renderer does: one CommonJS file that can require electron and nothing else. */
  #runPreload(): void {
    const { preload } = this.#preferences
    if (!preload || !isAbsolute(preload)) throw new Error('preload must be an absolute path')
    if (!existsSync(preload)) throw new Error(`Unable to load preload script: ${preload}`)
    const renderer = (this.#renderer = new EventEmitter())
    const world: Record<string, unknown> = (this.world = {})
    const electron = {
      contextBridge: { exposeInMainWorld: (name: string, api: unknown) => void Object.defineProperty(world, name, { value: overBridge(api), enumerable: true }) },
      ipcRenderer: {
        on: (channel: string, listener: (...args: unknown[]) => void) => void renderer.on(channel, listener),
        send: (channel: string, ...args: unknown[]) => this.#electron.ipcMain.deliver(this, this.mainFrame, channel, args.map(overIpc)),
        invoke: (channel: string, ...args: unknown[]) => this.#electron.ipcMain.invoke(this, this.mainFrame, channel, args),
      },
      webUtils: { getPathForFile: (file: object) => this.#electron.dropped.get(file) ?? '' },
    }
    const require = (name: string): unknown => {
      if (name === 'electron') return electron
      throw new Error(`module not found: ${name}`)
    }
    // A context of its own: no process, no module loader, none of Node's globals.
    const context = createContext({ console, setTimeout, clearTimeout, queueMicrotask })
    compileFunction(readFileSync(preload, 'utf8'), ['require', 'module', 'exports'], { filename: preload, parsingContext: context })(require, { exports: {} }, {})
  }
}

export interface Preferences {
  readonly preload?: string
  readonly contextIsolation?: boolean
  readonly sandbox?: boolean
  readonly nodeIntegration?: boolean
  readonly webviewTag?: boolean
  readonly spellcheck?: boolean
}

export interface WindowOptions {
  readonly width?: number
  readonly height?: number
  readonly x?: number
  readonly y?: number
  readonly show?: boolean
  readonly webPreferences?: Preferences
}

export abstract class BaseWindow extends EventEmitter {
  readonly webContents: WebContents
  readonly options: WindowOptions
  focused = false
  minimized = false
  /** What went wrong while its page loaded. */
  loading: Promise<void> = Promise.resolve()
  readonly #electron: Electron

  constructor(electron: Electron, options: WindowOptions) {
    super()
    if (!electron.app.isReady()) throw new Error('Cannot create BrowserWindow before app is ready')
    this.#electron = electron
    this.options = options
    this.webContents = new WebContents(electron, options.webPreferences ?? {})
    electron.windows.push(this)
    electron.app.emit('web-contents-created', {}, this.webContents)
  }

  loadURL(url: string): Promise<void> {
    this.loading = this.webContents.loadURL(url).then(() => void this.emit('ready-to-show'))
    return this.loading
  }

  show(): void {}
  focus(): void {
    this.focused = true
  }
  restore(): void {
    this.minimized = false
  }
  maximize(): void {}
  isFocused(): boolean {
    return this.focused
  }
  isMinimized(): boolean {
    return this.minimized
  }
  isMaximized(): boolean {
    return false
  }
  isDestroyed(): boolean {
    return this.webContents.isDestroyed()
  }
  getNormalBounds(): { x: number; y: number; width: number; height: number } {
    return { x: 10, y: 20, width: this.options.width ?? 800, height: this.options.height ?? 600 }
  }

  close(): void {
    const event = preventable({})
    this.emit('close', event)
    if (event.defaultPrevented) return
    this.webContents.destroy()
    this.#electron.windows.splice(this.#electron.windows.indexOf(this), 1)
    this.emit('closed')
    if (this.#electron.windows.length === 0) this.#electron.app.emit('window-all-closed')
  }
}
