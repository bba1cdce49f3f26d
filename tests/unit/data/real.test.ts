/** Real files; they live outside the repository, so the cases skip, saying so, where they are absent. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { DatasetKind } from '../../../main/data/read.ts'
import { readDataset } from '../../../main/data/read.ts'

const data = join(import.meta.dirname, '../../../../shared/assets/data')
const present = existsSync(data)

describe.skipIf(!present)(present ? 'real files' : 'real files (skipped: ../shared/assets is absent)', () => {
  it.each<[DatasetKind, string, string, number, number]>([
    ['tasks', 'gsm8k/test.jsonl', 'gsm8k', 1319, 0],
    ['prompts', 'gsm8k/train.jsonl', 'gsm8k', 7473, 0],
    ['tasks', 'arc-easy/test.json', 'llm-adapters', 2376, 0],
    ['tasks', 'arc-easy/train.json', 'llm-adapters', 2251, 0],
    ['tasks', 'openbookqa/test.json', 'llm-adapters', 500, 0],
    ['prompts', 'oasst1/prompt_lottery_en_250_text.jsonl', 'strings', 263, 0],
    ['prompts', 'oasst1/en_100_tree.jsonl', 'oasst-trees', 100, 0],
    ['sft', 'oasst1/en_100_tree.jsonl', 'oasst-trees', 100, 0],
    ['sft', 'llama-factory/alpaca_en_demo.json', 'alpaca', 999, 0],
    ['sft', 'llama-factory/v1_sft_demo.jsonl', 'messages', 500, 0],
  ])('%s from %s', async (kind, path, layout, taken, rejected) => {
    const reading = await readDataset(kind, join(data, path))
    expect({ layout: reading.layout, taken: reading.taken.length, rejected: reading.rejected.length }).toEqual({ layout, taken, rejected })
  })

  it('every ARC and OpenBookQA question has its choices split', async () => {
    for (const path of ['arc-easy/test.json', 'openbookqa/train.json']) {
      const { taken } = await readDataset('tasks', join(data, path))
      for (const item of taken) {
        expect(item.choices?.length ?? 0, item.question).toBeGreaterThanOrEqual(3)
        expect(item.question).not.toMatch(/Answer1:|Please choose/)
      }
    }
  })
})
