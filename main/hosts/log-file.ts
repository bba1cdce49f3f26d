/** The log as JSON Lines in one file; at its limit the file before it goes. */
import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Log } from '../ipc/log.ts'

const LARGEST = 1 << 20 // bytes

/** Losing a line must not stop the work: a log that cannot be written is silent. */
export function logTo(file: string): Log {
  return (entry) => {
    try {
      mkdirSync(dirname(file), { recursive: true })
      if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LARGEST) renameSync(file, `${file}.1`)
      appendFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), ...entry })}\n`)
    } catch {
      // nothing to be done about it here
    }
  }
}
