/** Work on an engine that may die at any moment. */
import { AppError } from '../../preload/contract/errors.ts'
import type { EngineHost } from '../engine/host.ts'

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
