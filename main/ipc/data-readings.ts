/**
 * Files that are read as wholes at this moment: how far each is, and how to end it. Who asks the same of a file meanwhile
 * waits for the same reading (a page may ask twice, and its questions may overtake each other); asked otherwise, a newer
 * reading ends the older one.
 */
import type { CheckedParams, Result } from '../../preload/contract/requests.ts'
import type { Watch } from '../sandbox/host.ts'
import type { Workbench } from './workbench.ts'

type Subject = CheckedParams<'data/reading'>

interface Reading {
  readonly question: string | null
  readonly stop: AbortController
  reach: Result<'data/reading'>
  answer: Promise<unknown>
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

/** @param asked what is asked of the file, besides its use; null = never the same as before. @throws AppError 'cancelled' when it was stopped */
export async function reading<T>(workbench: Workbench, subject: Subject, asked: object | null, read: (watch: Watch) => Promise<T>): Promise<T> {
  const all = readingsOf(workbench)
  const before = all.get(keyOf(subject))
  const question = asked && JSON.stringify(asked)
  if (before && question !== null && before.question === question && !before.stop.signal.aborted) return before.answer as Promise<T>
  before?.stop.abort()

  const stop = new AbortController()
  const now: Reading = { question, stop, reach: { bytes: 0, total: 0, rows: 0 }, answer: Promise.resolve() }
  all.set(keyOf(subject), now)
  const answer = read({ signal: AbortSignal.any([stop.signal, workbench.closing]), onReach: (reach) => (now.reach = reach) })
  now.answer = answer
  try {
    return await answer
  } finally {
    if (all.get(keyOf(subject)) === now) all.delete(keyOf(subject))
  }
}
