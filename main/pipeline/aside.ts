/**
 * Asking aside: a thread of this process answers from a read-only connection of its own, so that neither a preview over
 * 20 000 prompts nor another project's figures hold up events and other requests. It starts with the first question.
 */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { AppError, type ErrorCode } from '../../preload/contract/errors.ts'
import type { AsideParams, AsideResult, Question } from './aside-questions.ts'

export type ToAside =
  | { readonly kind: 'ask'; readonly id: number; readonly folder: string; readonly question: Question; readonly params: unknown }
  | { readonly kind: 'release'; readonly done: Int32Array }
export type FromAside = { readonly id: number } & ({ readonly value: unknown } | { readonly refusal: { readonly code: ErrorCode; readonly sentence: string } } | { readonly fault: string })

interface Asked {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}
let thread: { readonly worker: Worker; readonly asked: Map<number, Asked> } | null = null
let lastId = 0

/** @throws AppError as the question does */
export function askAside<Name extends Question>(folder: string, question: Name, params: AsideParams<Name>): Promise<AsideResult<Name>> {
  const { worker, asked } = (thread ??= startThread())
  return new Promise((resolve, reject) => {
    const id = ++lastId
    asked.set(id, { resolve: resolve as (value: unknown) => void, reject })
    worker.ref()
    worker.postMessage({ kind: 'ask', id, folder, question, params } satisfies ToAside)
  })
}

/** Before a project's folder is moved, copied or deleted: returns when the thread has closed what it had open (within seconds, after what it is at). */
export function releaseAside(): void {
  if (!thread) return
  const done = new Int32Array(new SharedArrayBuffer(4))
  thread.worker.postMessage({ kind: 'release', done } satisfies ToAside)
  if (Atomics.wait(done, 0, 0, 5000) === 'timed-out') throw new AppError('busy', 'A figure of the project is still being worked out; try again in a few seconds.')
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
    if (thread?.worker === worker) thread = null
    for (const { reject } of asked.values()) reject(error instanceof Error ? error : new Error(String(error)))
    asked.clear()
  }
  return { worker, asked }
}
