/** What the browser host refuses, and that it notes it without a secret. Each refusal is the change of one thing in a request that works. */
import { mkdirSync, readdirSync, renameSync, symlinkSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, type Headers, Page, type TestHost, openTestHost, openingOf, send } from './client.ts'

let test: TestHost
let page: Page
let port: number
beforeAll(async () => {
  test = await openTestHost()
  page = await Page.open(test.host)
  port = test.host.port
})
afterAll(() => test.close())

const asked = (over: { path?: string; method?: string; body?: string; headers?: Headers }): Promise<Answer> =>
  send(port, { method: 'POST', path: '/api/app/info', body: '{}', ...over, headers: page.calling(over.headers) })

/** The request is answered with this status and an error as a value, and the log says this of it. */
async function expectRefused(answer: Promise<Answer>, status: number, reason: string): Promise<void> {
  const before = test.log.length
  const { status: found, body } = await answer
  expect(found).toBe(status)
  expect(JSON.parse(body)).toMatchObject({ ok: false, error: { code: 'refused' } })
  expect(test.log.slice(before)).toEqual([expect.objectContaining({ level: 'refused', message: reason })])
}

describe('a request that works', () => {
  it('is a call with cookie, key, Origin and Host, by any name of this machine and any port', async () => {
    for (const own of [page.own, 'localhost:9000', '[::1]:1', '127.0.0.1']) {
      const { status, body } = await asked({ headers: { Host: own, Origin: `http://${own}` } })
      expect(status).toBe(200)
      expect(JSON.parse(body)).toMatchObject({ ok: true, value: { host: 'browser', version: '0.0.0' } })
    }
  })

  it('is a page with headers that let nothing in or out', async () => {
    const { status, headers, body } = await send(port, { headers: page.reading() })
    expect(status).toBe(200)
    expect(body).toContain('<title>Creamery</title>')
    const policy = headers['content-security-policy'] as string
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
    expect(policy).toContain(`connect-src 'self' ws://${page.own}`)
    expect(policy).not.toMatch(/unsafe|\*/)
    expect(headers).toMatchObject({ 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff', 'cross-origin-resource-policy': 'same-origin', 'cache-control': 'no-store' })
    expect((await send(port, { path: '/assets/app-1a2b.js', headers: page.reading() })).headers['content-type']).toContain('text/javascript')
  })
})

describe('the link', () => {
  const enter = (link: string, over: Headers = {}): Promise<Answer> => {
    const { pathname, search } = new URL(link)
    return send(port, { path: pathname + search, headers: { Host: page.own, 'Sec-Fetch-Site': 'none', ...over } })
  }

  it('is traded for a cookie that scripts cannot read and a key in a fragment, and works once', async () => {
    const link = test.host.link()
    const { status, headers } = await enter(link)
    expect(status).toBe(303)
    expect(headers['location']).toMatch(/^\/#key=[\w-]{43}$/)
    expect(headers['set-cookie']).toEqual([expect.stringMatching(/^creamery-\w+=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/$/)])
    expect(headers['referrer-policy']).toBe('no-referrer')
    await expectRefused(enter(link), 403, 'wrong or used token')
  })

  it('is void with a wrong token, and once a newer one was made', async () => {
    const old = test.host.link()
    test.host.link()
    await expectRefused(enter(old), 403, 'wrong or used token')
    await expectRefused(enter(`${test.host.link().slice(0, -1)}!`), 403, 'wrong or used token')
    await expectRefused(enter(`http://${page.own}/enter`), 403, 'wrong or used token')
  })

  it('survives a browser that only looks ahead, and a page elsewhere that found it', async () => {
    const link = test.host.link()
    await expectRefused(enter(link, { 'Sec-Purpose': 'prefetch' }), 403, 'entry by prefetch')
    await expectRefused(enter(link, { 'Sec-Fetch-Site': 'cross-site' }), 403, 'foreign site')
    expect((await enter(link)).status).toBe(303)
  })
})

describe('refused calls', () => {
  it.each<[string, Headers, string]>([
    ['another Host (DNS rebinding)', { Host: 'creamery.example', Origin: 'http://creamery.example' }, 'wrong Host'],
    ['a Host that only begins like ours', { Host: '127.0.0.1.example', Origin: 'http://127.0.0.1.example' }, 'wrong Host'],
    ['no Host', { Host: undefined }, 'wrong Host'],
    ['an Origin on the web', { Origin: 'https://example.org' }, 'foreign Origin'],
    ['a page on another port of this host', { Origin: 'http://127.0.0.1:5173' }, 'foreign Origin'],
    ['the same port by another name', { Host: 'localhost', Origin: 'http://127.0.0.1' }, 'foreign Origin'],
    ['https where we are http', { Origin: 'https://127.0.0.1' }, 'foreign Origin'],
    ['an opaque Origin', { Origin: 'null' }, 'foreign Origin'],
    ['no Origin', { Origin: undefined }, 'no Origin'],
    ['a site of the same host', { 'Sec-Fetch-Site': 'same-site' }, 'foreign site'],
  ])('from %s', async (_, headers, reason) => {
    if ('Host' in headers && headers['Host'] === undefined) {
      expect((await asked({ headers })).status).toBe(400) // HTTP itself refuses it
      return
    }
    await expectRefused(asked({ headers }), 403, reason)
  })

  it.each([
    ['without a cookie', { Cookie: undefined }, 'no session'],
    ['with a wrong cookie', { Cookie: 'creamery-0=guess' }, 'no session'],
    ['with the cookie alone: other ports get it too', { 'X-Creamery-Key': undefined }, 'no key'],
    ['with a wrong key', { 'X-Creamery-Key': 'a'.repeat(43) }, 'no key'],
  ])('%s', (_, headers, reason) => expectRefused(asked({ headers }), 401, reason))

  it('with the key of another session', async () => {
    const other = await Page.open(test.host)
    await expectRefused(asked({ headers: { 'X-Creamery-Key': other.calling()['X-Creamery-Key'] } }), 401, 'no key')
  })

  it('as a form, by another method, or as no JSON at all', async () => {
    await expectRefused(asked({ headers: { 'Content-Type': 'text/plain' } }), 415, 'not JSON')
    await expectRefused(asked({ method: 'PATCH' }), 405, 'no such method here')
    await expectRefused(asked({ body: '{"a":' }), 400, 'malformed message')
  })

  it('past a megabyte, whatever Content-Length says', async () => {
    await expectRefused(asked({ body: JSON.stringify({ a: 'x'.repeat(1 << 20) }) }), 413, 'oversized message')
    expect((await asked({})).status).toBe(200)
  })
})

describe('refused channels and params', () => {
  async function expectFault(path: string, body: string, reason: string): Promise<string> {
    const before = test.log.length
    const answer = await asked({ path, body })
    expect(answer.status).toBe(200)
    const { ok, error } = JSON.parse(answer.body) as { ok: boolean; error: { code: string; sentence: string } }
    expect({ ok, code: error.code }).toEqual({ ok: false, code: 'bad-arguments' })
    expect(test.log.slice(before)).toEqual([expect.objectContaining({ level: 'refused', message: reason })])
    return error.sentence
  }

  it.each(['app/nothing', 'constructor', '__proto__', 'app%2Finfo', '', 'app/info/'])('the channel "%s"', async (channel) => {
    await expectFault(`/api/${channel}`, '{}', 'unknown channel')
  })

  it('params of another shape: too much, too little, a path for a handle', async () => {
    await expectFault('/api/app/info', '{"extra":1}', 'malformed params')
    await expectFault('/api/run/start', '{}', 'malformed params')
    await expectFault('/api/app/info', 'null', 'malformed params')
    for (const folder of ['/etc', '../..', 'place-../../etc', 'C:\\']) {
      const sentence = await expectFault('/api/place/list', JSON.stringify({ folder }), 'malformed params')
      expect(sentence).not.toContain(folder) // what was sent is not echoed: it could be a prompt
    }
  })
})

describe('refused pages', () => {
  it.each([
    ['cross-site', { 'Sec-Fetch-Site': 'cross-site' }, 403, 'foreign site'],
    ['from another port of this host', { 'Sec-Fetch-Site': 'same-site' }, 403, 'foreign site'],
    ['from what says nothing of itself', { 'Sec-Fetch-Site': undefined }, 403, 'foreign site'],
    ['under another Host', { Host: 'example.org' }, 403, 'wrong Host'],
    ['without a session', { Cookie: undefined }, 401, 'no session'],
  ])('%s', (_, headers, status, reason) => expectRefused(send(port, { headers: page.reading(headers) }), status, reason))

  it('outside of the built pages', async () => {
    symlinkSync(join(test.folder, 'outside'), join(test.folder, 'pages/assets/link'))
    for (const path of ['/../outside/secret.txt', '/%2e%2e/outside/secret.txt', '/..%2foutside/secret.txt', '/assets/..%5c..%5coutside/secret.txt', '/assets/link/secret.txt', '/.env', '/assets', '/%00', '/%zz']) {
      const answer = send(port, { path, headers: page.reading() })
      await expectRefused(answer, 404, 'no such page')
      expect((await answer).body).not.toContain('a secret')
    }
  })
})

describe('the event stream', () => {
  it('opens for our page', async () => {
    const socket = page.socket()
    expect(await openingOf(socket)).toBe('open')
    expect(socket.protocol).toBe('creamery') // the key is not sent back
    socket.terminate()
  })

  it.each<[string, Parameters<Page['socket']>[0], string]>([
    ['a page on another port of this host', { headers: { Origin: 'http://127.0.0.1:5173' } }, 'foreign Origin'],
    ['no page at all', { headers: { Origin: undefined } }, 'foreign Origin'],
    ['another Host', { headers: { Host: 'example.org', Origin: 'http://example.org' } }, 'wrong Host'],
    ['no session', { headers: { Cookie: undefined } }, 'socket without session'],
    ['the cookie alone', { protocols: ['creamery'] }, 'socket without session'],
    ['a wrong key', { protocols: ['creamery', 'a'.repeat(43)] }, 'socket without session'],
    ['another path', { path: '/api' }, 'no such socket'],
  ])('stays shut for %s', async (_, options, reason) => {
    const before = test.log.length
    expect(await openingOf(page.socket(options))).toBe(403)
    expect(test.log.slice(before)).toEqual([expect.objectContaining({ level: 'refused', message: reason })])
  })

  it.each([
    ['any message', 'hello', 1008, 'message on the event stream'],
    ['an oversized one', 'x'.repeat(5000), 1009, 'malformed or oversized socket message'],
  ])('ends at %s', async (_, message, code, reason) => {
    const socket = page.socket()
    await openingOf(socket)
    const before = test.log.length
    socket.send(message)
    expect(await new Promise((resolve) => socket.on('close', resolve))).toBe(code)
    expect(test.log.slice(before)).toEqual([expect.objectContaining({ message: reason })])
  })
})

describe('browsing folders', () => {
  it('stays below the roots: links that lead out are neither shown nor followed, also when made later', async () => {
    const home = join(test.folder, 'home')
    symlinkSync(join(test.folder, 'outside'), join(home, 'way-out'))
    symlinkSync(join(home, 'models'), join(home, 'way-in'))
    mkdirSync(join(home, 'moves'))
    const [root] = await page.ask('place/roots', {})
    const listing = await page.ask('place/list', { folder: root!.handle })
    expect(listing.entries.map(({ name }) => name)).toEqual(['models', 'moves', 'way-in'])
    expect(listing.trail).toEqual([{ handle: root!.handle, name: 'home' }])
    expect(JSON.stringify(listing)).not.toContain(test.folder)

    const { handle } = listing.entries.find(({ name }) => name === 'moves')!
    renameSync(join(home, 'moves'), join(home, 'moved'))
    symlinkSync(join(test.folder, 'outside'), join(home, 'moves'))
    for (const name of ['place/list', 'model/inspect'] as const) expect(await page.request(name, { folder: handle })).toMatchObject({ ok: false, error: { code: 'refused' } })
  })

  it('knows only handles that it gave', async () => {
    expect(await page.request('place/list', { folder: 'place-000000000000000000000000' })).toMatchObject({ ok: false, error: { code: 'refused' } })
    // A project's handle is not a way into folders.
    const outside = test.workbench.places.give(join(test.folder, 'outside'))
    expect(await page.request('place/list', { folder: outside })).toMatchObject({ ok: false, error: { code: 'refused' } })
  })
})

describe('uploads', () => {
  const upload = (name: string, body: string, headers: Headers = {}): Promise<Answer> => send(port, { method: 'PUT', path: `/upload/${name}`, headers: page.calling({ 'Content-Type': 'application/octet-stream', ...headers }), body })

  it('go to a folder of their own and come back as a handle that previews', async () => {
    const { status, body } = await upload('questions%20(1).jsonl', '{"prompt":"What is 1 + 1?","answer":"2"}\n')
    expect(status).toBe(200)
    const { value } = JSON.parse(body) as { value: { handle: string; name: string; bytes: number } }
    expect(value).toMatchObject({ name: 'questions (1).jsonl', kind: 'file', bytes: 41 })
    expect(await page.ask('data/preview', { file: value.handle, kind: 'prompts' })).toMatchObject({ usable: 1, rows: [{ prompt: 'What is 1 + 1?', answer: '2' }] })
  })

  it.each(['..%2fevil', '..%5cevil', 'a%00b', '', '.hidden', '%zz'])('under the name "%s" are refused', (name) => expectRefused(upload(name, 'x'), 400, 'upload with a bad name'))

  it('past the limit are refused and leave nothing, announced or not', async () => {
    const before = readdirSync(join(test.folder, 'uploads')).length
    await expectRefused(upload('big.jsonl', 'x'.repeat(1001)), 413, 'oversized upload')
    await expectRefused(upload('big.jsonl', 'x'.repeat(1001), { 'Transfer-Encoding': 'chunked' }), 413, 'oversized upload')
    expect(readdirSync(join(test.folder, 'uploads'))).toHaveLength(before)
  })

  it('cannot leave /upload by dots: the address is resolved first', () => expectRefused(upload('%2e%2e', 'x'), 405, 'no such method here'))

  it('need the key', () => expectRefused(upload('a.jsonl', 'x', { 'X-Creamery-Key': undefined }), 401, 'no key'))
})

describe('the host itself', () => {
  it('listens on loopback only', async () => {
    const others = Object.values(networkInterfaces()).flat().filter((one) => one && !one.internal && one.family === 'IPv4').map((one) => one!.address)
    for (const address of others) {
      const outcome = await new Promise((resolve) => connect({ host: address, port, timeout: 2000 }, () => resolve('open')).on('error', () => resolve('shut')).on('timeout', () => resolve('shut')))
      expect(outcome, address).toBe('shut')
    }
    expect((test.host.link().startsWith('http://127.0.0.1:'))).toBe(true)
  })

  it('notes no secret, no query and no body', async () => {
    const told = 'a prompt that must not leave'
    await asked({ path: '/api/place/list', body: JSON.stringify({ folder: told }) })
    await send(port, { path: `/enter?token=${'t'.repeat(43)}`, headers: page.reading() })
    const noted = JSON.stringify(test.log)
    const { Cookie, 'X-Creamery-Key': key } = page.calling()
    for (const secret of [Cookie!.split('=')[1]!, key!, told, 't'.repeat(43), 'token=']) expect(noted).not.toContain(secret)
    expect(test.log.length).toBeGreaterThan(50)
  })
})
