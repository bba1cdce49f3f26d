/** Files that are read as wholes at this moment: how far each is, and how to end it. A newer reading of a file ends an older one. */
import type { CheckedParams, Result } from '../../preload/contract/requests.ts'
import type { Watch } from '../sandbox/host.ts'
import type { Workbench } from './workbench.ts'

type Subject = CheckedParams<'data/reading'>

interface Reading {
  reach: Result<'data/reading'>
  readonly stop: AbortController
}
const readings = new WeakMap<Workbench, Map<string, Reading>>()

function readingsOf(workbench: Workbench): Map<string, Reading> {
  const known = readings.get(workbench) ?? new Map<string, Reading>()
  readings.set(workbench, known)
  return known
}
const keyOf = ({ file, kind }: Subject): string => `${kind} ${file}`

export const reachOf = (workbench: Workbench, subject: Subject): Result<'data/reading'> => readingsOf(workbench).get(keyOf(subject))?.reach ?? null

export const stopReading = (workbench: Workbench, subject: Subject): void => readingsOf(workbench).get(keyOf(subject))?.stop.abort()

/** @throws AppError 'cancelled' when it was stopped */
export async function reading<T>(workbench: Workbench, subject: Subject, read: (watch: Watch) => Promise<T>): Promise<T> {
  stopReading(workbench, subject)
  const now: Reading = { reach: { bytes: 0, total: 0, rows: 0 }, stop: new AbortController() }
  const all = readingsOf(workbench)
  all.set(keyOf(subject), now)
  try {
    return await read({ signal: AbortSignal.any([now.stop.signal, workbench.closing]), onReach: (reach) => (now.reach = reach) })
  } finally {
    if (all.get(keyOf(subject)) === now) all.delete(keyOf(subject))
  }
}
