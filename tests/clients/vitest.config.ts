import { defineConfig } from 'vitest/config'
import { compileCache } from '../compile-cache.ts'

/** The programs that load what was exported; they are installed here, apart from the product. */
export default defineConfig({
  test: {
    include: ['tests/clients/*.client.ts'],
    pool: 'forks', // native modules, one more ONNX Runtime among them
    maxWorkers: 2,
    env: compileCache,
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
})
