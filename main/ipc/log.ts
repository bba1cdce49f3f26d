/** What main notes for whoever looks after it: refusals and faults, never a prompt, a response, a token or a key. */
import { randomUUID } from 'node:crypto'
import { AppError } from '../../preload/contract/errors.ts'

export interface LogEntry {
  readonly level: 'info' | 'refused' | 'fault'
  /** A sentence or phrase of ours, with no one else's words in it. */
  readonly message: string
  /** Names and numbers; a stranger's text is quoted and cut. */
  readonly details?: Readonly<Record<string, string | number>>
}
export type Log = (entry: LogEntry) => void

/** A stranger's text, fit for a log: quoted, printable, short. */
export const quoted = (text: unknown): string => JSON.stringify(typeof text === 'string' ? text.slice(0, 64) : typeof text).replace(/[^\x20-\x7e]/g, '?')

/** Where an error comes from: its class and frames. Its message may quote data, so it stays out unless asked for. */
export function framesOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)).map((line) => line.trim())
  const said = process.env['CREAMERY_DEBUG'] ? `: ${error.message}` : ''
  return [`${error.name}${said}`, ...frames.slice(0, 8)].join(' | ')
}

/** A fault of ours: the person gets a number, the log what belongs to it. */
export function noteFault(error: unknown, where: string, log: Log): AppError {
  const id = randomUUID().slice(0, 8)
  log({ level: 'fault', message: `fault ${id} in ${where}`, details: { error: framesOf(error) } })
  return new AppError('internal', `Creamery failed unexpectedly (fault ${id} in "${where}"); nothing committed is lost. Try again, and report what the log says of this fault.`, error)
}
