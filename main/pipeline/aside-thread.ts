/** The thread that answers what is asked aside. Where the next question is likely about the same rows, it keeps the project open until it is told to let go. */
import { join } from 'node:path'
import { parentPort } from 'node:worker_threads'
import { AppError } from '../../preload/contract/errors.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { databaseName } from '../store/project.ts'
import type { FromAside, ToAside } from './aside.ts'
import { questions } from './aside-questions.ts'

const port = parentPort!
let open: { readonly folder: string; readonly db: Database } | null = null

let before: Promise<void> = Promise.resolve()
port.on('message', (message: ToAside) => void (before = before.then(() => attend(message)))) // one at a time, in order

async function attend(message: ToAside): Promise<void> {
  if (message.kind === 'ask') return port.postMessage(await answer(message))
  letGo()
  Atomics.store(message.done, 0, 1)
  Atomics.notify(message.done, 0)
}

async function answer({ id, folder, question, params }: Extract<ToAside, { kind: 'ask' }>): Promise<FromAside> {
  try {
    const { answer: give, keepsOpen } = questions[question] as { answer: (db: Database, params: unknown) => unknown; keepsOpen: boolean }
    if (keepsOpen) return { id, value: await give(keepOpen(folder), params) }
    const db = openDatabase(join(folder, databaseName), { readOnly: true })
    try {
      return { id, value: await give(db, params) }
    } finally {
      db.close()
    }
  } catch (error) {
    return error instanceof AppError ? { id, refusal: { code: error.code, sentence: error.message } } : { id, fault: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

function keepOpen(folder: string): Database {
  if (open?.folder !== folder) {
    letGo()
    open = { folder, db: openDatabase(join(folder, databaseName), { readOnly: true }) }
  }
  return open.db
}

function letGo(): void {
  open?.db.close()
  open = null
}
