/** The bridge of a browser page: requests by HTTP, events by a WebSocket that reconnects from the last event it has seen. */
import type { Cursor, EventMessage } from '../../preload/contract/events.ts'
import type { Bridge, Params, Reply, RequestName, Result } from '../../preload/contract/requests.ts'
import type { PlaceEntry } from '../../preload/contract/requests/place.ts'
import type { Connection } from '../api.ts'

const KEY = 'creamery-key'
const [FIRST_WAIT, LONGEST_WAIT] = [250, 4000] // milliseconds between attempts to connect

export function openBrowserBridge(onConnection: (connection: Connection) => void): Bridge {
  const key = takeKey()
  let isRefused = false
  const tell = (connection: Connection): void => {
    if (isRefused) return // for good: only a new link gives this page a session again
    isRefused = connection === 'refused'
    onConnection(connection)
  }
  if (key === null) queueMicrotask(() => tell('refused'))
  return {
    request: (name, params) => post(key ?? '', name, params, tell),
    subscribe: (from, listener) => (key === null ? () => {} : listen(key, from, listener, tell, () => isRefused)),
  }
}

/** A file of this computer, sent to main. @returns its entry, as if it had been picked there */
export async function upload(file: File, onProgress: (sent: number) => void, signal?: AbortSignal): Promise<Reply<PlaceEntry>> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest() // fetch reports no progress of what is sent
    const fail = (sentence: string): void => resolve({ ok: false, error: { code: 'bad-arguments', sentence } })
    request.upload.addEventListener('progress', ({ loaded }) => onProgress(loaded))
    request.addEventListener('load', () => {
      try {
        resolve(JSON.parse(request.responseText) as Reply<PlaceEntry>)
      } catch {
        fail(`${file.name} was sent, but the answer could not be read (status ${request.status}); send it again.`)
      }
    })
    request.addEventListener('error', () => fail(`${file.name} could not be sent: Creamery does not answer. Is it still running?`))
    request.addEventListener('abort', () => fail(`${file.name} was not sent: you stopped it.`))
    signal?.addEventListener('abort', () => request.abort(), { once: true })
    request.open('PUT', `/upload/${encodeURIComponent(file.name)}`)
    request.setRequestHeader('X-Creamery-Key', localStorage.getItem(KEY) ?? '')
    request.send(file)
  })
}

/** The key came in the fragment, which no server sees; it leaves the address bar at once and stays with this origin. */
function takeKey(): string | null {
  const given = /^#key=([\w-]+)$/.exec(location.hash)?.[1]
  if (given !== undefined) {
    localStorage.setItem(KEY, given)
    history.replaceState(null, '', '/')
  }
  return localStorage.getItem(KEY)
}

async function post<Name extends RequestName>(key: string, name: Name, params: Params<Name>, onConnection: (connection: Connection) => void): Promise<Reply<Result<Name>>> {
  try {
    const response = await fetch(`/api/${name}`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Creamery-Key': key }, body: JSON.stringify(params) })
    if (response.status === 401 || response.status === 403) onConnection('refused')
    return (await response.json()) as Reply<Result<Name>>
  } catch {
    return { ok: false, error: { code: 'cancelled', sentence: 'Creamery does not answer; is it still running where you started it? This page connects again by itself.' } }
  }
}

function listen(key: string, from: Cursor | null, listener: (message: EventMessage) => void, onConnection: (connection: Connection) => void, isRefused: () => boolean): () => void {
  let cursor = from
  let wait = FIRST_WAIT
  let ended = false
  let socket: WebSocket | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  const connect = (): void => {
    if (isRefused()) return
    const place = cursor ? `?${new URLSearchParams({ epoch: cursor.epoch, after: String(cursor.sequence) })}` : ''
    let wasOpen = false
    socket = new WebSocket(`ws://${location.host}/events${place}`, ['creamery', key])
    socket.addEventListener('open', () => {
      wait = FIRST_WAIT
      wasOpen = true
      onConnection('connected')
    })
    socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      const message = JSON.parse(data) as EventMessage
      cursor = message.kind === 'snapshot' ? message.cursor : { epoch: message.epoch, sequence: message.events.at(-1)?.sequence ?? cursor?.sequence ?? 0 }
      listener(message)
    })
    socket.addEventListener('close', () => {
      if (ended || isRefused()) return
      onConnection('lost')
      // A socket is not told why it is turned away: is nobody there, or has this page no session?
      if (!wasOpen) void post(key, 'app/info', {}, onConnection)
      timer = setTimeout(connect, wait)
      wait = Math.min(2 * wait, LONGEST_WAIT)
    })
  }
  connect()
  return () => {
    ended = true
    clearTimeout(timer)
    socket?.close()
  }
}
