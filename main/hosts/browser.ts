/**
 * The workbench in a browser, on loopback. `GET /enter?token=` trades the link's token for a cookie and a key; then
 * `POST /api/<noun>/<verb>` answers requests, `PUT /upload/<name>` takes files, `/events` is the stream of events, and
 * every other GET is a file of the renderer.
 */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { AppError } from '../../preload/contract/errors.ts'
import { Cursor } from '../../preload/contract/events.ts'
import { handlers } from '../ipc/handlers.ts'
import { type Log, noteFault, quoted } from '../ipc/log.ts'
import { createRouter } from '../ipc/router.ts'
import type { Workbench } from '../ipc/workbench.ts'
import { Admission, faultOfOrigin, faultOfSocket, isOurHost } from './admission.ts'
import { Refusal, readJson, storeUpload } from './bodies.ts'
import { type Stream, streamEvents } from './event-stream.ts'
import { contentPolicy, fileFor, sendFile } from './pages.ts'

export interface BrowserHostOptions {
  readonly workbench: Workbench
  /** 0 = any free one. */
  readonly port: number
  /** Where the renderer was built to. */
  readonly pages: string
  /** Where uploads are kept: runs read them long after. */
  readonly uploads: string
  readonly uploadLimit?: number
  readonly log: Log
}

export interface BrowserHost {
  readonly port: number
  /** A new link; the one before is void unless it was used. */
  link(): string
  close(): Promise<void>
}

const MESSAGE_LIMIT = 1 << 20 // bytes
const UPLOAD_LIMIT = 4 * 2 ** 30
const protocol = 'creamery'

/** @throws AppError 'bad-arguments' when the port is taken */
export async function openBrowserHost({ workbench, port, pages, uploads, uploadLimit = UPLOAD_LIMIT, log }: BrowserHostOptions): Promise<BrowserHost> {
  const admission = new Admission()
  const answer = createRouter<null>({ workbench, handlers, distrust: () => null, log }) // senders are checked below, before a body is read
  const server = createServer({ requestTimeout: 0, headersTimeout: 10_000 }, (request, response) => void serve(request, response))
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024, perMessageDeflate: false, handleProtocols: () => protocol })
  server.on('upgrade', upgrade)
  const bound = await listen(server, port)

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = request
    const url = urlOf(request)
    try {
      for (const [name, value] of safetyHeaders(isOurHost(headers.host) ? headers.host : '127.0.0.1')) response.setHeader(name, value)
      if (!url) throw new Refusal(400, 'malformed address')
      const fault = faultOfOrigin(method, headers)
      if (fault) throw new Refusal(403, fault)
      if (method === 'GET' && url.pathname === '/enter') enter(request, response, url)
      else if (!admission.hasCookie(headers)) throw new Refusal(401, 'no session')
      else if (method === 'GET') page(response, url)
      else await call(request, response, url)
    } catch (error) {
      if (error instanceof Refusal) refuse(request, response, error)
      else reply(response, 500, failed(error instanceof AppError ? error : noteFault(error, 'the browser host', log)))
    }
  }

  function enter({ headers }: IncomingMessage, response: ServerResponse, url: URL): void {
    // A browser's look ahead must not use the link up.
    if ('sec-purpose' in headers || headers['purpose'] === 'prefetch') throw new Refusal(403, 'entry by prefetch')
    const session = admission.enter(url.searchParams.get('token') ?? '')
    if (!session) throw new Refusal(403, 'wrong or used token')
    response.writeHead(303, { Location: `/#key=${session.key}`, 'Set-Cookie': `${admission.cookieName}=${session.cookie}; HttpOnly; SameSite=Strict; Path=/`, 'Cache-Control': 'no-store' })
    response.end()
  }

  function page(response: ServerResponse, { pathname }: URL): void {
    const file = fileFor(pages, pathname)
    if (file) return sendFile(response, file)
    if (pathname === '/') throw new Refusal(503, 'the renderer is not built: npm run build makes it')
    throw new Refusal(404, 'no such page')
  }

  async function call(request: IncomingMessage, response: ServerResponse, { pathname }: URL): Promise<void> {
    const { method, headers } = request
    if (!admission.hasKey(headers, single(headers['x-creamery-key']))) throw new Refusal(401, 'no key')
    if (method === 'POST' && pathname.startsWith('/api/')) {
      if (headers['content-type'] !== 'application/json') throw new Refusal(415, 'not JSON')
      const params = await readJson(request, MESSAGE_LIMIT)
      return reply(response, 200, await answer(pathname.slice('/api/'.length), params, null))
    }
    if (method === 'PUT' && pathname.startsWith('/upload/')) {
      const path = await storeUpload(request, { folder: uploads, name: nameIn(pathname), limit: uploadLimit })
      return reply(response, 200, { ok: true, value: workbench.places.entryOf(path) })
    }
    throw new Refusal(405, 'no such method here')
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = urlOf(request)
    // The key comes as a subprotocol: a browser sets no other header of a WebSocket.
    const [name, key] = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((part) => part.trim())
    const fault = faultOfSocket(request.headers)
      ?? (url?.pathname !== '/events' ? 'no such socket' : null)
      ?? (name !== protocol || !admission.hasKey(request.headers, key) ? 'socket without session' : null)
    if (fault) {
      note(request, fault)
      return void socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n')
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      const { searchParams } = url!
      const cursor = Cursor.safeParse({ epoch: searchParams.get('epoch'), sequence: Number(searchParams.get('after') ?? Number.NaN) })
      const stream: Stream = {
        send: (message) => client.send(JSON.stringify(message)),
        isBehind: () => client.bufferedAmount > 8 * MESSAGE_LIMIT,
        close: () => client.close(1013, 'too far behind; connect again'),
      }
      const end = streamEvents(workbench, cursor.success ? cursor.data : null, stream)
      client.on('close', end)
      client.on('error', () => note(request, 'malformed or oversized socket message')) // ws closes it by itself
      client.on('message', () => {
        note(request, 'message on the event stream')
        client.close(1008, 'this stream takes no messages')
      })
    })
  }

  function refuse(request: IncomingMessage, response: ServerResponse, { status, message }: Refusal): void {
    note(request, message)
    request.resume() // what is left of the body is read and dropped
    response.setHeader('Connection', 'close')
    const sentence = status === 401 || status === 403 ? 'This page may not talk to Creamery; open the link that it printed when it was started (Enter in its terminal prints a new one).' : `Creamery does not take this request: ${message}.`
    reply(response, status, failed(new AppError('refused', sentence)))
  }

  /** Never the query, a header or a body: they hold tokens, keys and prompts. */
  function note({ method = '', url = '' }: IncomingMessage, message: string): void {
    log({ level: 'refused', message, details: { method, path: quoted(url.split('?', 1)[0]) } })
  }

  return {
    port: bound,
    link: () => `http://127.0.0.1:${bound}/enter?token=${admission.issueToken()}`,
    async close() {
      for (const client of sockets.clients) client.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new AppError('bad-arguments', `Port ${port} of this machine cannot be used (${error.code}); name another with --port, or 0 for any.`, error)))
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

const safetyHeaders = (host: string): [string, string][] => [
  ['Content-Security-Policy', contentPolicy(host)], ['Referrer-Policy', 'no-referrer'], ['X-Content-Type-Options', 'nosniff'], ['X-Frame-Options', 'DENY'],
  ['Cross-Origin-Opener-Policy', 'same-origin'], ['Cross-Origin-Resource-Policy', 'same-origin'], ['Permissions-Policy', 'camera=(), microphone=(), geolocation=()'],
]

function reply(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return void response.destroy()
  const text = JSON.stringify(body)
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text), 'Cache-Control': 'no-store' }).end(text)
}

const failed = ({ code, message: sentence }: AppError) => ({ ok: false, error: { code, sentence } })
const single = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? undefined : value)

/** Null for what is no address; the path's dots are resolved, so none leads up. */
const urlOf = ({ url = '' }: IncomingMessage): URL | null => (url.startsWith('/') ? URL.parse(`http://creamery${url}`) : null)

function nameIn(pathname: string): string {
  try {
    return decodeURIComponent(pathname.slice('/upload/'.length))
  } catch {
    throw new Refusal(400, 'upload with a bad name')
  }
}
