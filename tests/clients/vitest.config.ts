import { defineConfig } from 'vitest/config'

/** The programs that load what was exported; they are installed here, apart from the product. */
export default defineConfig({
  test: {
    include: ['tests/clients/*.client.ts'],
    pool: 'forks', // native modules, one more ONNX Runtime among them
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
})
