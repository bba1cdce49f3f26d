import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from './workbench.ts'

test('a page on another port of this computer gets nothing, with the person’s cookie in the same browser', async ({ page, workbench, host }) => {
  test.skip(host !== 'browser', 'in Electron nothing is served')
  const origin = new URL(page.url()).origin
  const stranger = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Stranger</title>'))
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
  try {
    const other = await page.context().newPage()
    await other.goto(`http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`)
    const tried = await other.evaluate(async (victim) => {
      const attempt = async (path: string, init: RequestInit): Promise<string> => {
        try {
          const response = await fetch(victim + path, { credentials: 'include', ...init })
          return response.type === 'opaque' ? 'unreadable' : `${response.status}`
        } catch {
          return 'refused'
        }
      }
      const socket = (): Promise<string> => new Promise((resolve) => {
        const ws = new WebSocket(`${victim.replace('http', 'ws')}/events`, ['creamery', 'guessed'])
        ws.addEventListener('open', () => resolve('open'))
        ws.addEventListener('error', () => resolve('refused'))
      })
      return {
        json: await attempt('/api/project/list', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Creamery-Key': 'guessed' }, body: '{}' }),
        plain: await attempt('/api/project/list', { method: 'POST', mode: 'no-cors', body: '{}' }),
        page: await attempt('/', { mode: 'no-cors' }),
        socket: await socket(),
      }
    }, origin)
    expect(tried).toEqual({ json: 'refused', plain: 'refused', page: 'refused', socket: 'refused' })
    await other.close()
  } finally {
    stranger.close()
  }
  // Each of them was turned away by main, not only kept from being read.
  const refused = workbench.log().filter(({ level }) => level === 'refused')
  expect(refused.length).toBeGreaterThanOrEqual(4)
  expect(await workbench.ask('project/list', {})).toEqual([]) // the person's own page goes on
})
