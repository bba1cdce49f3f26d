import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    pool: 'forks', // onnxruntime and better-sqlite3 are native modules
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
