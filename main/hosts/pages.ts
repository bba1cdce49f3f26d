/** The renderer's files, as `npm run build` made them; nothing outside their folder, and no file for a path that is not plain. */
import { createReadStream, existsSync, realpathSync, statSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { extname, join, sep } from 'node:path'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.json': 'application/json', '.map': 'application/json',
  '.svg': 'image/svg+xml', '.png': 'image/png', '.ico': 'image/x-icon', '.woff2': 'font/woff2',
}

/** Nothing inline, nothing evaluated, nothing from elsewhere; the WebSocket, where there is one, goes to the host the page came from. */
export const contentPolicy = (host?: string): string => [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'", host === undefined ? "connect-src 'self'" : `connect-src 'self' ws://${host}`,
  "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
].join('; ')

/** A request's path to a file of the folder; null when there is none. */
export function fileFor(folder: string, pathname: string): string | null {
  let path: string
  try {
    path = decodeURIComponent(pathname)
  } catch {
    return null
  }
  if (!/^\/[\w./-]*$/.test(path) || path.split('/').some((part) => part.startsWith('.'))) return null
  const file = join(folder, path === '/' ? 'index.html' : path)
  if (!existsSync(file) || !statSync(file).isFile()) return null
  return realpathSync(file).startsWith(realpathSync(folder) + sep) ? file : null
}

export const typeOf = (file: string): string => types[extname(file)] ?? 'application/octet-stream'

/** Where the renderer was built to: beside a built main, in out/ of a checkout. */
export const builtPages = join(import.meta.dirname, extname(import.meta.filename) === '.ts' ? '../../out/renderer' : '../../renderer')

export function sendFile(response: ServerResponse, file: string): void {
  // Built files carry their hash in their name; the page itself does not.
  const cache = extname(file) === '.html' ? 'no-store' : 'private, max-age=3600'
  response.writeHead(200, { 'Content-Type': typeOf(file), 'Content-Length': statSync(file).size, 'Cache-Control': cache })
  createReadStream(file).on('error', () => response.destroy()).pipe(response)
}
