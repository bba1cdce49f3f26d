import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { compileCache } from './tests/compile-cache.ts'
import { SlowestFirst } from './tests/order.ts'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    pool: 'forks', // onnxruntime and better-sqlite3 are native modules
    maxWorkers: availableParallelism(), // they wait for engines and other processes most of the time
    sequence: { sequencer: SlowestFirst },
    env: compileCache,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
