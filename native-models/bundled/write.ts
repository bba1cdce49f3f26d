/** Writes the committed data sets and the weightless files of the bundled model: `npx node native-models/bundled/write.ts`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundledWorld, drawSets } from './generate.ts'
import { configJson, generationConfigJson, tokenizerConfigJson, tokenizerJson } from './tokenizer.ts'

export const bundledSizes = { sft: 2000, prompts: 1200, tasks: 400 }

/** Relative path → content, so that a test can compare them with what is committed. */
export function bundledFiles(): Map<string, string> {
  const lines = (rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  const pretty = (value: object): string => `${JSON.stringify(value, null, 2)}\n`
  const sets = drawSets(bundledWorld, bundledSizes)
  return new Map([
    ['data/sft.jsonl', lines(sets.sft)],
    ['data/prompts.jsonl', lines(sets.prompts)],
    ['data/tasks.jsonl', lines(sets.tasks)],
    ['model/config.json', pretty(configJson())],
    ['model/generation_config.json', pretty(generationConfigJson())],
    ['model/tokenizer.json', pretty(tokenizerJson())],
    ['model/tokenizer_config.json', pretty(tokenizerConfigJson())],
  ])
}

if (import.meta.main) {
  for (const folder of ['data', 'model']) mkdirSync(join(import.meta.dirname, folder), { recursive: true })
  for (const [path, content] of bundledFiles()) writeFileSync(join(import.meta.dirname, path), content)
}
