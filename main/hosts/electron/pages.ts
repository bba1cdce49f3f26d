/** The renderer's files under a scheme of our own: no server, no file: address, and the same policy as in a browser. */
import { readFile } from 'node:fs/promises'
import type { CustomScheme, Session } from 'electron'
import { contentPolicy, fileFor, typeOf } from '../pages.ts'

/** To be registered before the app is ready. */
export const scheme: CustomScheme = { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true } }
export const origin = 'app://creamery'

export const isOurs = (url: string): boolean => url === origin || url.startsWith(`${origin}/`)

export function servePages({ protocol }: Session, folder: string): void {
  protocol.handle(scheme.scheme, async ({ method, url }) => {
    const file = method === 'GET' && isOurs(url) ? fileFor(folder, new URL(url).pathname) : null
    if (!file) return new Response(null, { status: 404 })
    return new Response(new Uint8Array(await readFile(file)), {
      headers: { 'Content-Type': typeOf(file), 'Content-Security-Policy': contentPolicy(), 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', 'Cross-Origin-Opener-Policy': 'same-origin' },
    })
  })
}
