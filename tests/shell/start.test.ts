/** `npm start` without Electron: one line with the reason and the link, nothing fetched, and Ctrl-C ends it. */
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildWhereStale } from '../../main/cli/build.ts'
import { whatOpens } from '../../main/cli/electron.ts'
import { fromRoot, startCli } from '../cli/run-cli.ts'
import { Page, send } from '../hosts/client.ts'
import { temporaryFolder } from '../temporary.ts'

beforeAll(() => buildWhereStale({ note: console.log }, 'renderer'), 120_000)

describe('what opens the workbench', () => {
  it('is Electron where its binary and a screen are there', () => {
    const folder = temporaryFolder('electron')
    expect(whatOpens(folder, { DISPLAY: ':0' }, 'linux')).toEqual({ binary: null, why: "Electron's binary is not installed" })
    mkdirSync(join(folder, 'dist'))
    writeFileSync(join(folder, 'path.txt'), 'electron')
    expect(whatOpens(folder, { DISPLAY: ':0' }, 'linux').why).toMatch(/is not there$/)
    writeFileSync(join(folder, 'dist/electron'), '')
    const binary = join(folder, 'dist/electron')
    expect(whatOpens(folder, { DISPLAY: ':0' }, 'linux')).toEqual({ binary, why: null })
    expect(whatOpens(folder, { WAYLAND_DISPLAY: 'wayland-0' }, 'linux')).toEqual({ binary, why: null })
    expect(whatOpens(folder, {}, 'darwin')).toEqual({ binary, why: null })
    expect(whatOpens(folder, {}, 'linux')).toEqual({ binary: null, why: 'this session has no screen' })
  })
})

describe('npm start', () => {
  it('builds nothing that is fresh', async () => {
    const page = fromRoot('out/renderer/index.html')
    const before = statSync(page).mtimeMs
    const notes: string[] = []
    await buildWhereStale({ note: (sentence) => notes.push(sentence) }, 'renderer')
    expect({ notes, at: statSync(page).mtimeMs }).toEqual({ notes: [], at: before })
  })

  it.each(['start', 'serve'])('as creamery %s serves the built pages and ends on Ctrl-C', async (command) => {
    const home = temporaryFolder('start')
    const electron = readdirSync(fromRoot('node_modules/electron'))
    const { child, outcome } = startCli([command, '--projects', join(home, 'projects'), ...(command === 'start' ? ['--browser'] : [])], { env: { HOME: home } })
    const line = await new Promise<string>((resolve) => child.stdout!.once('data', resolve))
    const [, link] = /(http:\/\/127\.0\.0\.1:\d+\/enter\?token=[\w-]+)\n$/.exec(line) ?? []
    if (command === 'start') expect(line).toBe(`Creamery runs on loopback (the browser was asked for); open: ${link}\n`)
    const port = Number(new URL(link!).port)
    const page = await Page.open({ port, link: () => link! })
    const { headers, body } = await send(port, { headers: page.reading() })
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    expect(body).toMatch(/<script type="module"[^>]* src="\.\/assets\//)
    child.kill('SIGINT')
    const { code, stdout } = await outcome
    expect({ code, stdout }).toEqual({ code: 0, stdout: line })
    expect(readdirSync(fromRoot('node_modules/electron'))).toEqual(electron) // nothing was fetched
  })

  it.each([
    [['serve', '--port', '70000'], /--port should be a whole number of at least 0 and at most 65535/],
    [['serve', '--root', '/no/such/folder'], /--root \/no\/such\/folder is no folder; name one that is there\./],
  ])('refuses %j in a sentence', async (args, sentence) => {
    const { code, stderr } = await startCli(args, { env: { HOME: temporaryFolder('start') } }).outcome
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(sentence) as string })
  })
})
