/** What looking at a damaged model may do: give a card or what was asked for, or one typed error with a sentence; soon, and in little memory. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { ModelError } from '../../native-models/weights/error.ts'
import { inspectCheckpoint } from '../../native-models/weights/inspect.ts'
import { inspectModel } from '../../main/pipeline/open-model.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { ModelCard } from '../../preload/contract/requests/place.ts'
import { temporaryFolder } from '../temporary.ts'
import { type Corpus, mutant } from './mutate.ts'
import { longest, startTimed } from './timed.ts'

export const golden = (name: string): string => join(import.meta.dirname, '../golden', name)
export const readGolden = (name: string): Buffer => readFileSync(golden(name))
export const families = ['llama/gqa-tied', 'llama/llama3-rope', 'families/gemma2', 'families/gemma3', 'families/mistral-window', 'families/phi3-window', 'families/qwen2-yarn', 'families/qwen3-headdim']

/** Words that mean something in every JSON file. */
export const jsonTokens = ['"', '\\u', '\\ud800', '{', '}', '[', ']', ',', ':', 'null', 'true', '-1', '0', '1e999', '1e308', '-0', '0.5', '2147483648', '9007199254740993', '"__proto__":{"a":1},', '"constructor":', '[[[[[[[[', '[]', '{}', '"\\u0000"', '9'.repeat(400), '['.repeat(20_000), '{"a":'.repeat(5000)]

export interface Outcome {
  accepted: number
  refused: number
}

/** A model's folder that the file is one of. */
export function folderLike(name: string): string {
  const folder = join(temporaryFolder('fuzz-model'), 'model')
  cpSync(golden(name), folder, { recursive: true })
  return folder
}

export function checkSentence(sentence: string, where: string): void {
  expect(sentence, where).toMatch(/[.…)"]$/)
  // The tokenizer's library has words of its own, which are passed on.
  if (!sentence.startsWith('The tokenizer')) expect(sentence, where).not.toMatch(/undefined|\[object|NaN bytes|is not a function|is not iterable|Cannot read/)
  expect(sentence.length, where).toBeLessThan(4000)
}

/** In this process, where a crash would be the test's. `look` returns the sentences of what it refuses. */
export async function fuzz({ corpus, path, seed, count }: { corpus: Corpus; path: string; seed: number; count: number }, look: (where: string) => string[]): Promise<Outcome> {
  const outcome: Outcome = { accepted: 0, refused: 0 }
  const before = process.memoryUsage.rss()
  for (let i = 0; i < count; i++) {
    const where = `seed ${seed}, mutation ${i}`
    writeFileSync(path, mutant(corpus, seed, i))
    const began = performance.now()
    const sentences = refusalsOf(() => look(where), where)
    expect(performance.now() - began, where).toBeLessThan(longest)
    for (const sentence of sentences) checkSentence(sentence, where)
    if (sentences.length === 0) outcome.accepted++
    else outcome.refused++
    if (i % 200 === 0) await new Promise(setImmediate)
  }
  expect(process.memoryUsage.rss() - before).toBeLessThan(1e9)
  return outcome
}

function refusalsOf(look: () => string[], where: string): string[] {
  try {
    return look()
  } catch (error) {
    if (error instanceof ModelError || error instanceof AppError) return [error.message]
    throw new Error(`${where}: ${error instanceof Error ? error.stack : String(error)}`, { cause: error })
  }
}

export const problemsOf = (folder: string, adapter: string | null = null) => (): string[] => inspectCheckpoint(folder, adapter).problems

/** As the app looks: headers, tokenizer and template behind the sandbox, no call of which may take long. */
export async function fuzzBehindSandbox({ corpus, path, seed, count, folder, adapter = null }: { corpus: Corpus; path: string; seed: number; count: number; folder: string; adapter?: string | null }): Promise<Outcome> {
  const sandbox = startTimed()
  const outcome: Outcome = { accepted: 0, refused: 0 }
  try {
    for (let i = 0; i < count; i++) {
      const where = `seed ${seed}, mutation ${i}, behind the sandbox`
      writeFileSync(path, mutant(corpus, seed, i))
      const card = await inspectModel(sandbox, folder, adapter)
      expect(ModelCard.safeParse(card).error?.issues ?? [], where).toEqual([])
      expect(card.supported, where).toBe(card.problems.length === 0)
      for (const sentence of [...card.problems, ...card.warnings]) checkSentence(sentence, where)
      outcome[card.supported ? 'accepted' : 'refused']++
    }
  } finally {
    await sandbox.close()
  }
  return outcome
}
