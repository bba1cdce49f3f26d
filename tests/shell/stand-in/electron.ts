/**
 * A stand-in for Electron that fails like Electron: what comes too early or too late throws, what has no handler rejects,
 * values are cloned on every border, errors keep only their message, and a page whose window is not guarded does not load.
 */
import { EventEmitter } from 'node:events'
import { BaseWindow, type Frame, type WebContents, type WindowOptions, preventable } from './contents.ts'
import { overIpc } from './wire.ts'
import { forkUtility } from './utility-process.ts'

type Handler = (event: { sender: WebContents; senderFrame: Frame | null }, ...args: unknown[]) => unknown

export class App extends EventEmitter {
  readonly name = 'Creamery'
  readonly isPackaged = false
  readonly commandLine = { appendSwitch: (name: string) => { this.#before(`the switch ${name}`) } }
  readonly #electron: Electron
  #ready = false
  #quitting = false
  ended = false
  exitCode: number | null = null
  gpuInfo: unknown = {}

  constructor(electron: Electron) {
    super()
    this.#electron = electron
  }

  isReady(): boolean {
    return this.#ready
  }
  /** Electron becomes ready once the entry has run to its end, top-level awaits included. */
  becomeReady(): void {
    this.#ready = true
    this.emit('ready')
  }
  whenReady(): Promise<void> {
    return this.#ready ? Promise.resolve() : new Promise((resolve) => void this.once('ready', resolve))
  }
  enableSandbox(): void {
    this.#before('app.enableSandbox()')
  }
  setAppUserModelId(_: string): void {}
  requestSingleInstanceLock(): boolean {
    return this.#electron.isFirst
  }
  async getGPUInfo(level: string): Promise<unknown> {
    return level === 'complete' ? this.gpuInfo : {}
  }
  /** Twice at once is once, as in Electron; a prevented quit leaves everything as it is. */
  quit(): void {
    if (this.#quitting || this.ended) return
    const event = preventable({})
    this.emit('before-quit', event)
    if (event.defaultPrevented) return
    this.#quitting = true
    for (const window of this.#electron.windows.slice()) window.close() // closed ones leave the list
    this.#quitting = false
    if (this.#electron.windows.length > 0) return
    this.exit(0)
  }
  exit(code: number): void {
    this.ended = true
    this.exitCode = code
    this.emit('ended')
  }

  #before(what: string): void {
    if (this.#ready) throw new Error(`${what} must come before the app is ready`)
  }
}

class IpcMain extends EventEmitter {
  readonly #handlers = new Map<string, Handler>()

  handle(channel: string, handler: Handler): void {
    if (this.#handlers.has(channel)) throw new Error(`Attempted to register a second handler for '${channel}'`)
    this.#handlers.set(channel, handler)
  }

  /** `frame` null: the frame has gone while its message was under way. */
  async invoke(sender: WebContents, frame: Frame | null, channel: string, args: readonly unknown[]): Promise<unknown> {
    const copied = args.map(overIpc)
    const handler = this.#handlers.get(channel)
    try {
      if (!handler) throw new Error(`No handler registered for '${channel}'`)
      return overIpc(await handler({ sender, senderFrame: frame }, ...copied))
    } catch (error) {
      throw new Error(`Error invoking remote method '${channel}': ${String(error)}`) // all that is left of an error
    }
  }

  deliver(sender: WebContents, frame: Frame | null, channel: string, args: readonly unknown[]): void {
    this.emit(channel, { sender, senderFrame: frame }, ...args)
  }
}

type PermissionHandler = (contents: unknown, permission: string, answer: (granted: boolean) => void) => void
type RequestListener = (details: { url: string }, answer: (response: { cancel?: boolean }) => void) => void

class Session {
  readonly #schemes = new Map<string, (request: Request) => Promise<Response> | Response>()
  #permission: PermissionHandler | undefined
  #check: ((contents: unknown, permission: string) => boolean) | undefined
  #device: ((details: unknown) => boolean) | undefined
  #listener: RequestListener | undefined
  readonly protocol = {
    handle: (scheme: string, handler: (request: Request) => Promise<Response> | Response) => {
      if (this.#schemes.has(scheme)) throw new Error('The scheme has been intercepted already')
      this.#schemes.set(scheme, handler)
    },
  }
  readonly webRequest = { onBeforeRequest: (listener: RequestListener) => void (this.#listener = listener) }

  setPermissionRequestHandler(handler: PermissionHandler): void {
    this.#permission = handler
  }
  setPermissionCheckHandler(handler: (contents: unknown, permission: string) => boolean): void {
    this.#check = handler
  }
  setDevicePermissionHandler(handler: (details: unknown) => boolean): void {
    this.#device = handler
  }

  requireGuards(): void {
    if (!this.#permission || !this.#check || !this.#device) throw new Error('no permission handler is set: Electron grants everything')
    if (!this.#listener) throw new Error('no request is looked at: everything may be loaded from everywhere')
  }

  grants(permission: string): boolean {
    let granted = true
    this.#permission?.(null, permission, (answer) => (granted = answer))
    return granted || (this.#check?.(null, permission) ?? true) || (this.#device?.({}) ?? true)
  }

  /** @throws Error ERR_BLOCKED_BY_CLIENT for what a listener cancels, ERR_UNKNOWN_URL_SCHEME for a scheme nobody handles */
  async fetch(url: string, privileged: ReadonlySet<string>): Promise<Response> {
    let cancelled = false
    this.#listener?.({ url }, ({ cancel = false }) => (cancelled = cancel))
    if (cancelled) throw new Error(`ERR_BLOCKED_BY_CLIENT: ${url}`)
    const scheme = new URL(url).protocol.slice(0, -1)
    const handler = this.#schemes.get(scheme)
    if (!handler || !privileged.has(scheme)) throw new Error(`ERR_UNKNOWN_URL_SCHEME: ${url}`)
    return handler(new Request(url))
  }
}

/** Everything a test wants to see or to answer, and the modules main imports. */
export class Electron {
  /** Another Creamery holds the lock. */
  isFirst = true
  readonly windows: BaseWindow[] = []
  readonly dropped = new Map<object, string>()
  readonly notifications: { title: string; body: string }[] = []
  readonly awake = new Set<number>()
  readonly errors: string[] = []
  /** Answers to dialogs, in order; a dialog without one is a failure. */
  readonly answers: { readonly filePaths?: string[]; readonly response?: number }[] = []
  readonly questions: { readonly message?: string; readonly title?: string }[] = []
  menu: readonly MenuItem[] = []
  readonly #privileged = new Set<string>()
  readonly #session = new Session()

  readonly app = new App(this)
  readonly ipcMain = new IpcMain()
  readonly protocol = {
    registerSchemesAsPrivileged: (schemes: readonly { scheme: string; privileges?: { standard?: boolean; secure?: boolean } }[]) => {
      if (this.app.isReady()) throw new Error('protocol.registerSchemesAsPrivileged should be called before app is ready')
      for (const { scheme, privileges } of schemes) if (privileges?.standard && privileges.secure) this.#privileged.add(scheme)
    },
  }
  readonly session: { readonly defaultSession: Session }
  readonly BrowserWindow: new (options: WindowOptions) => BaseWindow
  readonly dialog = {
    showOpenDialog: async (...args: unknown[]) => {
      const { filePaths = [] } = this.#answerTo(args)
      return { canceled: filePaths.length === 0, filePaths }
    },
    showMessageBox: async (...args: unknown[]) => ({ response: this.#answerTo(args).response ?? 0 }),
    showErrorBox: (title: string, text: string) => void this.errors.push(`${title}: ${text}`),
  }
  readonly Menu = {
    buildFromTemplate: (template: readonly MenuItem[]) => {
      for (const item of template.flatMap(flatten)) if (!item.label && !item.role && item.type !== 'separator') throw new Error('Invalid template for MenuItem: must have label, role or type')
      return template
    },
    setApplicationMenu: (menu: readonly MenuItem[]) => void (this.menu = menu),
  }
  readonly Notification: unknown
  readonly powerSaveBlocker = {
    start: () => {
      const id = Math.max(0, ...this.awake) + 1
      this.awake.add(id)
      return id
    },
    stop: (id: number) => {
      if (!this.awake.delete(id)) throw new Error(`no power save blocker ${id}`)
    },
  }
  readonly screen: unknown
  readonly shell = { openPath: async () => '', showItemInFolder: () => {} }
  readonly utilityProcess = {
    fork: (...args: Parameters<typeof forkUtility>) => {
      if (!this.app.isReady()) throw new Error('utilityProcess cannot be created before app is ready')
      return forkUtility(...args)
    },
  }

  constructor() {
    // oxlint-disable-next-line typescript/no-this-alias
    const electron = this
    this.BrowserWindow = class extends BaseWindow {
      constructor(options: WindowOptions) {
        super(electron, options)
      }
    }
    this.Notification = class extends EventEmitter {
      readonly #options: { title: string; body: string }
      static isSupported = (): boolean => true
      constructor(options: { title: string; body: string }) {
        super()
        this.#options = options
      }
      show(): void {
        electron.notifications.push(this.#options)
      }
    }
    const display = { workArea: { x: 0, y: 0, width: 1920, height: 1080 }, workAreaSize: { width: 1920, height: 1080 } }
    this.screen = afterReady(this.app, 'screen', { getAllDisplays: () => [display], getPrimaryDisplay: () => display })
    this.session = afterReady(this.app, 'session', { defaultSession: this.#session })
  }

  fetch(url: string): Promise<Response> {
    return this.#session.fetch(url, this.#privileged)
  }

  #answerTo(args: unknown[]): { filePaths?: string[]; response?: number } {
    this.questions.push(args.at(-1) as { message?: string })
    const answer = this.answers.shift()
    if (!answer) throw new Error('a dialog nobody expected')
    return answer
  }
}

export interface MenuItem {
  readonly label?: string
  readonly role?: string
  readonly type?: string
  readonly accelerator?: string
  readonly click?: () => void
  readonly submenu?: readonly MenuItem[]
}
export const flatten = (item: MenuItem): MenuItem[] => [item, ...(item.submenu ?? []).flatMap(flatten)]

function afterReady<Module extends object>(app: App, name: string, module: Module): Module {
  return new Proxy(module, {
    get(target, key) {
      if (!app.isReady()) throw new Error(`The '${name}' module can't be used before the app 'ready' event`)
      return Reflect.get(target, key) as unknown
    },
  })
}
