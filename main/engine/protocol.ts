/**
 * What main and the engine say to each other over the child's IPC channel (structured clone: typed arrays cross as bytes).
 * A new call: a row in `EngineCalls` here, a handler in worker.ts's table; the compiler leads.
 */
import type { Device } from '../../preload/contract/domain.ts'
import { AppError, type ErrorCode } from '../../preload/contract/errors.ts'

export type Nothing = Record<string, never>

/** One call: what goes in, what comes back, and the events that arrive meanwhile (`never`: none). */
export interface Call {
  params: unknown
  result: unknown
  event: unknown
}

/** Constrains an interface of calls. */
export type CallMap<Calls> = { [Name in keyof Calls]: Call }

export interface EngineCalls {
  /** Who answers. */
  hello: { params: Nothing; result: Hello; event: never }
  /** Which devices really run a graph here. */
  probe: { params: Nothing; result: DeviceReport[]; event: never }
  /** Runs a tiny graph on a device and checks its numbers; a bad driver may end the process, so `probe` asks a process of its own. */
  tryDevice: { params: { device: Device }; result: { milliseconds: number }; event: never }
  memory: { params: Nothing; result: MemoryReport; event: never }
}

export interface Hello {
  readonly pid: number
  readonly node: string
  readonly onnxruntime: string
}

export interface DeviceReport {
  readonly device: Device
  readonly name: string
  readonly available: boolean
  /** Why it is not available, as a sentence. */
  readonly reason: string | null
  readonly details: Readonly<Record<string, string | number>>
}

/** Resident memory of the engine process, in bytes. */
export interface MemoryReport {
  readonly rss: number
  readonly peakRss: number
}

export type ToEngine =
  | { readonly kind: 'call'; readonly id: number; readonly name: string; readonly params: unknown }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'shutdown' }

export type FromEngine =
  | { readonly kind: 'event'; readonly id: number; readonly event: unknown }
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: WireError }

/** An error in transit. Structured clone would lose the class and the code. */
export interface WireError {
  readonly code: ErrorCode | null
  readonly message: string
  readonly stack: string
}

export function packError(error: unknown): WireError {
  if (!(error instanceof Error)) return { code: null, message: String(error), stack: '' }
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack}` : ''
  return { code: error instanceof AppError ? error.code : null, message: error.message, stack: `${error.stack}${cause}` }
}

/** The engine's stack travels as the cause, so that a log shows both sides. */
export function unpackError({ code, message, stack }: WireError, call: string): AppError {
  return code ? new AppError(code, message, stack) : new AppError('internal', `The engine failed in "${call}": ${message}`, stack)
}
