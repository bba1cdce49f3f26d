/** Work on child processes that may die at any moment. */
import { AppError } from '../../preload/contract/errors.ts'
import type { EngineHost } from '../engine/host.ts'
import type { RunContext } from './context.ts'

/**
 * Does idempotent work again from its start when the engine died in it: a fresh engine holds nothing of what was loaded.
 * @throws AppError 'engine-died' when the host gives up after too many deaths; every other error of the work
 */
export async function survivingTheEngine<T>(engine: EngineHost, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'engine-died') throw error
      await engine.call('hello', {}) // starts a fresh one, or throws the host's refusal
    }
  }
}

/** What makes the sandbox hang or run out of memory does so every time; a death from outside does not come thrice. */
const SANDBOX_DEATHS = 3

/** The same for the sandbox, whose next call starts a fresh one. @throws AppError 'sandbox-died' at the third death of a stage */
export async function survivingTheChildren<T>({ engine, emit }: Pick<RunContext, 'engine' | 'emit'>, work: () => Promise<T>): Promise<T> {
  for (let deaths = 1; ; deaths++) {
    try {
      return await survivingTheEngine(engine, work)
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'sandbox-died' || deaths >= SANDBOX_DEATHS) throw error
      emit({ kind: 'notice', message: `${error.message} The stage is entered again.` })
    }
  }
}
