/**
 * Who may talk to the browser host. Any page on this machine or the web can send requests to loopback, and any program
 * here can connect: so a request must come from our own origin, carry our cookie, and for the API a key as well. The
 * cookie alone proves little, since browsers send a host's cookies to every port of it.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** Names of this machine as a browser may write them; any port, so that `ssh -L` works. */
export const isOurHost = (host: string | undefined): host is string => host !== undefined && /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/.test(host)

/** Where a request says it comes from; every fault as a phrase for the log, null when there is none. */
export function faultOfOrigin(method: string, headers: IncomingHttpHeaders): string | null {
  const { host, origin } = headers
  const site = headers['sec-fetch-site']
  if (!isOurHost(host)) return 'wrong Host'
  if (method !== 'GET' && origin === undefined) return 'no Origin'
  if (origin !== undefined && origin !== `http://${host}`) return 'foreign Origin'
  if (method === 'GET' ? site !== 'same-origin' && site !== 'none' : site !== undefined && site !== 'same-origin') return 'foreign site'
  return null
}

/** WebSockets are GETs that browsers let through from any page: their Origin is all there is. */
export function faultOfSocket(headers: IncomingHttpHeaders): string | null {
  const { host, origin } = headers
  if (!isOurHost(host)) return 'wrong Host'
  return origin === `http://${host}` ? null : 'foreign Origin'
}

/** What a browser gets for a link's token. */
interface Session {
  /** Goes with every request, from JavaScript unreadable. */
  readonly cookie: string
  /** Goes with every call, known to the page alone: it travelled in a fragment, which no server sees. */
  readonly key: string
}

const MOST_SESSIONS = 32
const secret = (): string => randomBytes(32).toString('base64url')

export class Admission {
  /** Cookies are shared by all ports of a host: two Creameries must not overwrite each other's. */
  readonly cookieName = `creamery-${randomBytes(6).toString('hex')}`
  readonly #sessions: Session[] = []
  readonly #tokens = new Set<string>()

  /** A token for one entry. */
  issueToken(): string {
    const token = secret()
    this.#tokens.clear() // an older link that nobody used is void
    this.#tokens.add(token)
    return token
  }

  /** Takes a token, once. */
  enter(token: string): Session | null {
    const known = [...this.#tokens].find((one) => isSame(one, token))
    if (known === undefined) return null
    this.#tokens.delete(known)
    const session = { cookie: secret(), key: secret() }
    this.#sessions.push(session)
    if (this.#sessions.length > MOST_SESSIONS) this.#sessions.shift()
    return session
  }

  /** Does the request carry a session's cookie? */
  hasCookie(headers: IncomingHttpHeaders): boolean {
    return this.#sessionOf(headers) !== undefined
  }

  /** Does it carry the cookie and the key of one session? */
  hasKey(headers: IncomingHttpHeaders, key: string | undefined): boolean {
    const session = this.#sessionOf(headers)
    return session !== undefined && key !== undefined && isSame(session.key, key)
  }

  #sessionOf({ cookie = '' }: IncomingHttpHeaders): Session | undefined {
    const values = cookie.split(';').flatMap((part) => {
      const [name, value] = part.trim().split('=', 2)
      return name === this.cookieName && value !== undefined ? [value] : []
    })
    return this.#sessions.find((session) => values.some((value) => isSame(session.cookie, value)))
  }
}

/** In a time that says nothing of where they differ. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
