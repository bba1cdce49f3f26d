/**
 * Aside: a thread of this process does what reads or writes a whole iteration's rows, over a connection of its own, so that
 * neither a preview over 20 000 prompts nor ranking them anew holds up events and other requests. It starts with the first
 * request and takes one at a time, in order. What is written is one transaction, and the project's lock is this process's.
 */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { AppError, type ErrorCode } from '../../preload/contract/errors.ts'
import type { Project } from '../store/project.ts'
import type { AsideParams, AsideResult, Question } from './aside-questions.ts'
import type { Write, WriteParams, WriteResult } from './aside-writes.ts'

export type ToAside =
  | ({ readonly kind: 'ask'; readonly question: Question } & AsideRequest)
  | ({ readonly kind: 'write'; readonly write: Write } & AsideRequest)
  | { readonly kind: 'release'; readonly done: Int32Array }
interface AsideRequest {
  readonly id: number
  readonly place: Place
  readonly params: unknown
}
/** The project; `readOnly` where this process does not hold its lock. */
export type Place = Pick<Project, 'folder' | 'readOnly'>
export type FromAside = { readonly id: number } & ({ readonly value: unknown } | { readonly refusal: { readonly code: ErrorCode; readonly sentence: string } } | { readonly fault: string })

interface Asked {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}
let thread: { readonly worker: Worker; readonly asked: Map<number, Asked> } | null = null
let lastId = 0
/** Folders that it was asked about since it last let go. */
const held = new Set<string>()

/** @throws AppError as the question does */
export function askAside<Name extends Question>({ folder, readOnly }: Place, question: Name, params: AsideParams<Name>): Promise<AsideResult<Name>> {
  return send({ folder, readOnly }, (id, place) => ({ kind: 'ask', id, place, question, params }))
}

let lastWrite: Promise<unknown> = Promise.resolve()

/** Only for who holds the project for writing. @throws AppError as the write does: nothing of it is then kept */
export function writeAside<Name extends Write>({ folder, readOnly }: Place, write: Name, params: WriteParams<Name>): Promise<WriteResult<Name>> {
  const written = send<WriteResult<Name>>({ folder, readOnly }, (id, place) => ({ kind: 'write', id, place, write, params }))
  lastWrite = written.catch(() => undefined) // whoever asked for it hears of it
  return written
}

/** Fulfilled when nothing is being written aside: until then the database would make another writer wait, and its loop with it. */
export const untilWritten = async (): Promise<void> => void (await lastWrite)

function send<Result>(place: Place, message: (id: number, place: Place) => ToAside): Promise<Result> {
  const { worker, asked } = (thread ??= startThread())
  held.add(place.folder)
  return new Promise((resolve, reject) => {
    const id = ++lastId
    asked.set(id, { resolve: resolve as (value: unknown) => void, reject })
    worker.ref()
    worker.postMessage(message(id, place))
  })
}

/** Before a project's folder is moved, copied or deleted: returns when the thread has closed what it had open of it (within seconds, after what it is at). @throws AppError 'busy' */
export function releaseAside(folder: string): void {
  if (!thread || !held.has(folder)) return // what it does for another project keeps nobody waiting
  const done = new Int32Array(new SharedArrayBuffer(4))
  thread.worker.postMessage({ kind: 'release', done } satisfies ToAside)
  if (Atomics.wait(done, 0, 0, 5000) === 'timed-out') throw new AppError('busy', 'A figure of the project is still being worked out; try again in a few seconds.')
  held.clear()
}

function startThread(): NonNullable<typeof thread> {
  const worker = new Worker(new URL(`./aside-thread${extname(import.meta.url)}`, import.meta.url))
  const asked = new Map<number, Asked>()
  worker.on('message', (reply: FromAside) => {
    const { resolve, reject } = asked.get(reply.id)!
    asked.delete(reply.id)
    if (asked.size === 0) worker.unref() // an idle thread keeps no process alive
    if ('value' in reply) resolve(reply.value)
    else reject('refusal' in reply ? new AppError(reply.refusal.code, reply.refusal.sentence) : new Error(reply.fault))
  })
  worker.on('error', (error) => end(error))
  worker.on('exit', () => end(new Error('the thread that works out figures ended')))
  const end = (error: unknown): void => {
    if (thread?.worker === worker) {
      thread = null
      held.clear()
    }
    for (const { reject } of asked.values()) reject(error instanceof Error ? error : new Error(String(error)))
    asked.clear()
  }
  return { worker, asked }
}
