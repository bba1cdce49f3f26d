/** All behind the sandbox: a run-length of two thousand million values is three bytes of a Parquet file, and ends the child. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.ts'
import { fuzzBehindSandbox } from './data.ts'
import type { Corpus } from './mutate.ts'

const fixtures = join(import.meta.dirname, '../unit/data/parquet')
const corpus: Corpus = {
  files: readdirSync(fixtures).map((name) => readFileSync(join(fixtures, name))),
  tokens: ['PAR1', '\u0000\u0000\u0000\u0000', '\u007f', 'prompt', '\u0015\u0000', '\u0019', '\u0000'.repeat(64)],
}

it('5 000 damaged Parquet files: a preview or a sentence each', async () => {
  const outcome = await fuzzBehindSandbox({ corpus, folder: temporaryFolder('fuzz-parquet'), name: 'f.parquet', seed: 43, count: 5000 })
  expect(outcome.previews + outcome.refusals).toBe(5000)
  expect(outcome.previews).toBeGreaterThan(200)
  expect(outcome.imports).toBeGreaterThan(10)
  expect(outcome.deaths).toBeLessThan(50)
}, 900_000)
