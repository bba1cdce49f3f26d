/** The Electron shell, built and run on the stand-in: what it shows, what it refuses, and that nothing is lost when it quits. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildWhereStale } from '../../main/cli/build.ts'
import type { EventMessage, WorkbenchEvent } from '../../preload/contract/events.ts'
import { type Started, startApp } from './app.ts'
import type { Frame } from './stand-in/contents.ts'
import { flatten } from './stand-in/electron.ts'
import { forked } from './stand-in/utility-process.ts'

beforeAll(() => buildWhereStale({ note: console.log }, 'all'), 120_000)

let app: Started
beforeAll(async () => {
  app = await startApp()
}, 60_000)
afterAll(() => app?.quit())

const small = { preset: 'ci', settings: { evaluation: { scorer: 'exact', samples: 0, maxNewTokens: 16 } } } as const
const tells = (kind: WorkbenchEvent['kind'], is: (event: WorkbenchEvent) => boolean = () => true) => (message: EventMessage): boolean =>
  message.kind === 'events' && message.events.some(({ event }) => event.kind === kind && is(event))
const logged = (): string[] => readFileSync(join(app.folder, 'state/creamery/creamery.log'), 'utf8').trimEnd().split('\n').map((line) => (JSON.parse(line) as { message: string }).message)

describe('the window', () => {
  it('opens on a page of our own scheme, in its first size, with a bridge and nothing else', async () => {
    await app.window().loading
    expect(app.electron.windows).toHaveLength(1)
    expect(app.window().webContents.mainFrame.url).toBe('app://creamery/')
    expect(app.window().options).toMatchObject({ width: 1440, height: 900, show: false })
    expect(Object.keys(app.window().webContents.world)).toEqual(['creamery'])
    expect(Object.keys(app.bridge()).toSorted()).toEqual(['locate', 'request', 'subscribe'])
    expect(app.electron.errors).toEqual([])
  })

  it('gets its files with their types and policy, and no other file', async () => {
    const page = await app.electron.fetch('app://creamery/')
    expect(page.headers.get('content-type')).toContain('text/html')
    const html = await page.text()
    const assets = [...html.matchAll(/(?:src|href)="\.(\/assets\/[^"]+)"/g)].map(([, path]) => path!)
    expect(assets.length).toBeGreaterThan(1)
    for (const path of assets) {
      const { status, headers } = await app.electron.fetch(`app://creamery${path}`)
      expect({ status, type: headers.get('content-type') }).toEqual({ status: 200, type: expect.stringMatching(/javascript|css/) as string })
    }
    for (const url of ['app://creamery/nothing.js', 'app://creamery/../main/index.js', 'app://creamery/%2e%2e/main/index.js', 'app://other/']) {
      await expect(app.electron.fetch(url).then(({ status }) => status).catch(String)).resolves.toSatisfy((found: unknown) => found === 404 || String(found).includes('BLOCKED'))
    }
  })

  it('loads nothing from elsewhere, permits nothing but copying, and stays where it is', async () => {
    for (const url of ['https://example.org/', 'http://127.0.0.1:9/', 'file:///etc/passwd', 'ws://127.0.0.1:9/', 'app://creamery.example.org/', 'blob:https://example.org/1']) await expect(app.electron.fetch(url), url).rejects.toThrow('BLOCKED')
    for (const permission of ['media', 'geolocation', 'notifications', 'openExternal', 'clipboard-read', 'hid', 'fileSystem']) expect(app.electron.session.defaultSession.grants(permission), permission).toBe(false)
    const { webContents } = app.window()
    for (const what of ['will-navigate', 'will-frame-navigate', 'will-redirect', 'will-attach-webview'] as const) expect(webContents.attempt(what, 'https://example.org/?q=secret'), what).toBe(false)
    expect(webContents.attempt('will-attach-webview', 'app://creamery/')).toBe(false)
    expect(webContents.attempt('will-navigate', 'app://creamery/')).toBe(true) // a reload
    expect(webContents.attemptWindow('app://creamery/')).toBe(false)
    expect(logged()).toEqual(expect.arrayContaining(['navigation', 'redirect', 'webview', 'new window', 'request to elsewhere']))
    expect(readFileSync(join(app.folder, 'state/creamery/creamery.log'), 'utf8')).not.toContain('secret')
  })

  it('is one: a second start shows the first and ends', async () => {
    const window = app.window()
    window.minimized = true
    app.electron.app.emit('second-instance')
    expect({ windows: app.electron.windows.length, minimized: window.minimized, focused: window.focused }).toEqual({ windows: 1, minimized: false, focused: true })
    const second = await startApp((electron) => (electron.isFirst = false))
    expect({ ended: second.electron.app.ended, windows: second.electron.windows.length }).toEqual({ ended: true, windows: 0 })
  })

  it('has a menu whose items all have a key, and lead to pages', () => {
    const items = app.electron.menu.flatMap(flatten).filter(({ click }) => click)
    expect(items.map(({ label }) => label)).toEqual(expect.arrayContaining(['New project…', 'Projects…', 'Pause', 'Settings…']))
    for (const { label, accelerator } of items) expect(accelerator, label).toMatch(/^CmdOrCtrl\+(Shift\+)?[A-Z.,]$/)
    expect(new Set(items.map(({ accelerator }) => accelerator)).size).toBe(items.length)
    items.find(({ label }) => label === 'Settings…')!.click!()
    expect(app.window().webContents.mainFrame.url).toBe('app://creamery/#/settings')
    items.find(({ label }) => label === 'Resume')!.click!() // nothing to resume: a sentence, no crash
    expect(app.electron.errors.splice(0)).toEqual(['Creamery: No project is open; open one or make a new one.'])
  })
})

describe('the bridge', () => {
  it('answers requests with plain values, and refusals as values', async () => {
    const info = await app.ask('app/info', {})
    expect(info).toMatchObject({ host: 'electron', projectsFolder: join(app.folder, 'projects') })
    expect(Object.getPrototypeOf(info)).toBe(Object.prototype)
    const { request } = app.bridge() as unknown as { request(name: unknown, params: unknown): Promise<unknown> }
    expect(await request('app/quit', {})).toMatchObject({ ok: false, error: { code: 'bad-arguments' } })
    expect(await request('__proto__', {})).toMatchObject({ ok: false, error: { code: 'bad-arguments' } })
    expect(await request('place/list', { folder: '/etc' })).toMatchObject({ ok: false, error: { code: 'bad-arguments' } })
    expect(await request('app/info', () => {})).toMatchObject({ ok: false, error: { code: 'internal', sentence: expect.stringContaining('Reload') as string } }) // cannot be cloned
    expect(await request('run/status', {})).toMatchObject({ ok: false, error: { code: 'no-project' } })
  })

  it('listens to our own page alone', async () => {
    const { webContents } = app.window()
    const from = (url: string, parent: Frame | null = null): Frame => ({ url, parent })
    const ours = from('app://creamery/')
    const ask = (frame: Frame | null): Promise<unknown> => app.electron.ipcMain.invoke(webContents, frame, 'creamery:request', ['app/info', {}])
    expect(await ask(ours)).toMatchObject({ ok: true })
    for (const frame of [null, from('https://example.org/'), from('app://creamery.example.org/'), from('app://creamery/', ours)]) expect(await ask(frame)).toMatchObject({ ok: false, error: { code: 'refused' } })
    expect(await app.electron.ipcMain.invoke(webContents, null, 'creamery:locate', [app.folder])).toMatchObject({ ok: false })
    const sent = vi.spyOn(webContents, 'send')
    app.electron.ipcMain.deliver(webContents, null, 'creamery:subscribe', [99, null])
    expect(sent).not.toHaveBeenCalled()
    app.electron.ipcMain.deliver(webContents, ours, 'creamery:subscribe', [99, { epoch: 7 }]) // a cursor that is none: from now
    expect(sent).toHaveBeenCalledWith('creamery:events', 99, expect.objectContaining({ kind: 'snapshot' }))
    app.electron.ipcMain.deliver(webContents, ours, 'creamery:unsubscribe', [99])
    sent.mockRestore()
    expect(logged()).toEqual(expect.arrayContaining(['sender is gone', 'sender is a foreign page', 'sender is a frame in a page']))
  })

  it('names dropped files, and nothing that was not dropped', async () => {
    const file = new File(['{}'], 'prompts.jsonl')
    writeFileSync(join(app.folder, 'prompts.jsonl'), '{"prompt":"2+2"}\n')
    app.electron.dropped.set(file, join(app.folder, 'prompts.jsonl'))
    const located = await app.bridge().locate!(file)
    expect(located).toMatchObject({ ok: true, value: { name: 'prompts.jsonl', kind: 'file', bytes: 17 } })
    if (!located.ok) throw new Error('not located')
    expect(await app.ask('data/preview', { file: located.value.handle, kind: 'prompts' })).toMatchObject({ usable: 1 })
    expect(await app.bridge().locate!(new File([], 'made-up'))).toMatchObject({ ok: false, error: { code: 'bad-arguments' } })
  })

  it('opens the system\'s dialogs', async () => {
    app.electron.answers.push({ filePaths: [app.folder] }, {})
    expect(await app.ask('place/choose', { what: 'folder', title: 'A model' })).toMatchObject({ kind: 'folder' })
    expect(app.electron.questions.at(-1)).toMatchObject({ title: 'A model', properties: ['openDirectory'] })
    expect(await app.ask('place/choose', { what: 'file', title: 'Prompts' })).toBeNull()
  })

  it('tries devices in processes of their own, started by main, and names the adapter', async () => {
    app.electron.app.gpuInfo = { auxAttributes: { glRenderer: 'ANGLE (NVIDIA, NVIDIA GeForce RTX 3080 (0x00002206) Direct3D11 vs_5_0 ps_5_0, D3D11)' } }
    const before = forked.length
    const devices = await app.ask('app/devices', { again: true })
    expect(devices.map(({ device }) => device)).toEqual(['cpu', 'webgpu'])
    expect(devices[0]).toMatchObject({ available: true })
    expect(devices[1]!.name).toBe('NVIDIA GeForce RTX 3080')
    if (!devices[1]!.available) expect(devices[1]!.reason).toMatch(/WebGPU|driver/)
    expect(forked.slice(before).map(({ name }) => name)).toEqual(['Creamery engine', 'Creamery engine'])
  }, 60_000)
})

describe('a run', () => {
  it('is told of over a reload, keeps the machine awake, is asked about at quitting, and is found paused', async () => {
    const events = app.listen()
    await events.until(({ kind }) => kind === 'snapshot')
    await app.ask('project/create', { name: 'Demo', from: { kind: 'preset', ...small } })
    expect(app.electron.awake.size).toBe(0)
    await app.ask('run/start', { key: 'key-of-start' })
    await events.until(tells('stage-started'))
    expect(app.electron.awake.size).toBe(1)

    const seen = events.messages.length
    await app.window().webContents.reload()
    const again = app.listen()
    await again.until(({ kind }) => kind === 'snapshot')
    expect(again.messages[0]).toMatchObject({ kind: 'snapshot', snapshot: { project: { name: 'Demo' }, job: { state: expect.any(String) as string } } })
    await again.until(tells('progress'))
    expect(events.messages.length).toBeLessThanOrEqual(seen + 1) // the page that is gone hears nothing any more

    app.electron.answers.push({ response: 0 }, { response: 1 })
    app.window().close() // keep working
    await expect.poll(() => app.electron.questions.length).toBeGreaterThan(0)
    await new Promise((resolve) => setImmediate(resolve))
    expect({ windows: app.electron.windows.length, ended: app.electron.app.ended }).toEqual({ windows: 1, ended: false })
    expect((await app.ask('run/status', {})).job).not.toBeNull()

    app.window().focused = false
    await app.quit() // pause and quit
    expect(app.electron.questions.at(-1)).toMatchObject({ message: 'A run is at work.' })
    expect({ exitCode: app.electron.app.exitCode, awake: app.electron.awake.size, windows: app.electron.windows.length }).toEqual({ exitCode: 0, awake: 0, windows: 0 })
    expect(app.electron.notifications).toEqual([{ title: 'Creamery: Demo', body: 'The run is paused; it resumes where it stands.' }])
    expect(existsSync(join(app.folder, 'projects/Demo/project.lock'))).toBe(false)
    expect(JSON.parse(readFileSync(join(app.folder, 'state/creamery/window.json'), 'utf8'))).toMatchObject({ bounds: { x: 10, y: 20 }, maximized: false })
    await expect.poll(() => forked.filter(({ process }) => process.pid !== undefined).length, { timeout: 15_000 }).toBe(0)
  }, 180_000)
})
