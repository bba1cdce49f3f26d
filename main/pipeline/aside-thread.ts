/** The thread that does what is asked aside. Where the next request is likely about the same rows, it keeps the project open, with what was read of it, until it is told to let go. */
import { join } from 'node:path'
import { parentPort } from 'node:worker_threads'
import { AppError } from '../../preload/contract/errors.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { databaseName } from '../store/project.ts'
import type { FromAside, Place, ToAside } from './aside.ts'
import { questions } from './aside-questions.ts'
import { writes } from './aside-writes.ts'

type Request = Exclude<ToAside, { kind: 'release' }>
type Answer = (db: Database, params: unknown) => unknown

const port = parentPort!
let open: (Place & { readonly db: Database }) | null = null

let before: Promise<void> = Promise.resolve()
port.on('message', (message: ToAside) => void (before = before.then(() => attend(message)))) // one at a time, in order

async function attend(message: ToAside): Promise<void> {
  if (message.kind !== 'release') return port.postMessage(await answer(message))
  letGo()
  Atomics.store(message.done, 0, 1)
  Atomics.notify(message.done, 0)
}

async function answer(request: Request): Promise<FromAside> {
  const { id } = request
  try {
    return { id, value: await (request.kind === 'ask' ? ask(request) : write(request)) }
  } catch (error) {
    return error instanceof AppError ? { id, refusal: { code: error.code, sentence: error.message } } : { id, fault: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

async function ask({ question, place, params }: Extract<Request, { kind: 'ask' }>): Promise<unknown> {
  const { answer: give, keepsOpen } = questions[question] as { answer: Answer; keepsOpen: boolean }
  if (keepsOpen) return await give(keepOpen(place), params)
  const db = openDatabase(join(place.folder, databaseName), { readOnly: true })
  try {
    return await give(db, params)
  } finally {
    db.close()
  }
}

/** Nothing is written but by a write: questions go through the same connection, which then refuses. */
async function write({ write: name, place, params }: Extract<Request, { kind: 'write' }>): Promise<unknown> {
  const db = keepOpen(place)
  db.pragma('query_only = OFF')
  try {
    return await (writes[name] as Answer)(db, params)
  } finally {
    db.pragma('query_only = ON')
  }
}

function keepOpen({ folder, readOnly }: Place): Database {
  if (open?.folder !== folder || open.readOnly !== readOnly) {
    letGo()
    open = { folder, readOnly, db: openDatabase(join(folder, databaseName), { readOnly }) }
    open.db.pragma('query_only = ON')
  }
  return open.db
}

function letGo(): void {
  open?.db.close()
  open = null
}
