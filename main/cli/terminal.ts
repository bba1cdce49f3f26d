/** What the command line shows: results on stdout; progress, remarks and errors on stderr. With `--json` all of it as JSON Lines. */
import type { AppError } from '../../preload/contract/errors.ts'
import { type Progress, trackProgress } from './progress.ts'

export interface Terminal {
  readonly json: boolean
  /** A person reads stdout: show text and tables. Otherwise results are JSON Lines. */
  readonly isRead: boolean
  /** A line on stdout. */
  print(text: string): void
  /** Text on stdout as it is, without a line's end. */
  write(text: string): void
  /** A JSON line on stdout. */
  object(value: unknown): void
  /** A remark beside the result. */
  note(sentence: string): void
  /** The sentence on stderr, and with `--json` {"error": {"code", "message"}} on stdout. The stack only with CREAMERY_DEBUG=1. */
  fail(error: AppError): void
  /** Shows how long work comes along. `total` counts `unit`s; `done` of them were there before. */
  progress(label: string, total: number, unit: string, done?: number): Progress
}

export function openTerminal({ json }: { json: boolean }): Terminal {
  const { stdout, stderr, env } = process
  // A reader that has seen enough (`| head`) is no fault.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
  let bar: Progress | null = null
  const aside = (text: string): void => {
    bar?.hide()
    stderr.write(`${text}\n`)
  }
  return {
    json,
    isRead: stdout.isTTY && !json,
    print: (text) => void stdout.write(`${text}\n`),
    write: (text) => void stdout.write(text),
    object: (value) => void stdout.write(`${JSON.stringify(value)}\n`),
    note: (sentence) => aside(json ? JSON.stringify({ note: sentence }) : sentence),
    fail(error) {
      aside(error.message)
      if (json) stdout.write(`${JSON.stringify({ error: { code: error.code, message: error.message } })}\n`)
      if (env['CREAMERY_DEBUG'] === '1') aside(stackOf(error))
    },
    progress(label, total, unit, done = 0) {
      const form = json ? 'json' : stderr.isTTY && env['TERM'] !== 'dumb' ? 'bar' : 'lines'
      const color = form === 'bar' && !env['NO_COLOR']
      bar = trackProgress({ label, total, unit, done }, { form, color, width: stderr.columns ?? 80, write: (text) => void stderr.write(text) })
      return bar
    },
  }
}

/** With the causes; the engine's own stack travels as a string. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? String(error.stack) : `${error.stack}\ncaused by ${stackOf(error.cause)}`
}
