/** The way to main: the preload's bridge in Electron, HTTP and a WebSocket in a browser. Nothing else of the renderer knows which. */
import type { ErrorCode } from '../preload/contract/errors.ts'
import type { Bridge, Params, RequestName, Result } from '../preload/contract/requests.ts'
import { openBrowserBridge } from './bridges/browser.ts'

/** Is main reachable? 'refused' = this page has no session any more and needs a new link. */
export type Connection = 'connecting' | 'connected' | 'lost' | 'refused'

/** A bridge that also says whether anybody is at its other end. */
export type OpenBridge = (onConnection: (connection: Connection) => void) => Bridge

export const openBridge: OpenBridge = (onConnection) => {
  const { creamery } = globalThis as { creamery?: Bridge }
  if (!creamery) return openBrowserBridge(onConnection)
  onConnection('connected')
  return creamery
}

/** Main said no: a stable code, and a sentence for the person. */
export class Refused extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, sentence: string) {
    super(sentence)
    this.name = 'Refused'
    this.code = code
  }
}

/** @returns the request's result @throws Refused */
export async function ask<Name extends RequestName>(bridge: Bridge, name: Name, params: Params<Name>): Promise<Result<Name>> {
  const reply = await bridge.request(name, params)
  if (reply.ok) return reply.value
  throw new Refused(reply.error.code, reply.error.sentence)
}

/** For what may be done only once, however often the button is pressed or the request repeated. */
export const newKey = (): string => crypto.randomUUID()
