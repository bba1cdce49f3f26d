/** Real files; they live outside the repository, so the cases skip, saying so, where they are absent. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { previewDataset } from '../../../main/data/preview.ts'
import type { ColumnRoles, DataUse } from '../../../preload/contract/requests/place.ts'
import { readDataset } from '../../../main/data/read.ts'

const data = join(import.meta.dirname, '../../../../shared/assets/data')
const present = existsSync(data)

describe.skipIf(!present)(present ? 'real files' : 'real files (skipped: ../shared/assets is absent)', () => {
  const asked = { prompt: 'instruction', answer: 'answer' }
  const alpaca = { prompt: 'instruction', input: 'input', response: 'output' }
  const ranking = { prompt: 'conversations', chosen: 'chosen', rejected: 'rejected' }
  const tree = { id: 'message_tree_id', prompt: 'prompt' }
  const solved = { prompt: 'question', answer: 'answer' }

  /** The table of docs/data.md: use, file, layout, roles, rows taken, rejected, repeated. No column is named by hand. */
  it.each<[DataUse, string, string, ColumnRoles, number, number, number]>([
    ['tasks', 'arc-easy/train.json', 'llm-adapters', asked, 2251, 0, 0],
    ['tasks', 'arc-easy/test.json', 'llm-adapters', asked, 2376, 0, 0],
    ['prompts', 'arc-easy/train.json', 'llm-adapters', asked, 2251, 0, 0],
    ['tasks', 'openbookqa/train.json', 'llm-adapters', asked, 4957, 0, 5],
    ['tasks', 'openbookqa/test.json', 'llm-adapters', asked, 500, 0, 0],
    ['prompts', 'gsm8k/train.jsonl', 'gsm8k', solved, 7473, 0, 0],
    ['tasks', 'gsm8k/test.jsonl', 'gsm8k', solved, 1319, 0, 0],
    ['sft', 'gsm8k/train.jsonl', 'columns', { prompt: 'question', response: 'answer' }, 7473, 0, 0],
    ['sft', 'oasst1/en_100_tree.jsonl', 'oasst-trees', tree, 100, 0, 0],
    ['prompts', 'oasst1/en_100_tree.jsonl', 'oasst-trees', tree, 100, 0, 0],
    ['preferences', 'oasst1/en_100_tree.jsonl', 'oasst-trees', tree, 754, 0, 0],
    ['prompts', 'oasst1/prompt_lottery_en_250_text.jsonl', 'strings', {}, 263, 0, 0],
    ['sft', 'llama-factory/alpaca_en_demo.json', 'alpaca', alpaca, 999, 0, 14],
    ['sft', 'llama-factory/v1_sft_demo.jsonl', 'messages', { messages: 'messages' }, 500, 0, 2],
    ['preferences', 'llama-factory/dpo_en_demo.json', 'llama-factory-ranking', ranking, 300, 0, 5],
    ['sft', 'llama-factory/dpo_en_demo.json', 'llama-factory-ranking', ranking, 300, 0, 5],
    ['prompts', 'llama-factory/dpo_en_demo.json', 'llama-factory-ranking', ranking, 300, 0, 5],
  ])('%s from %s', async (use, path, layout, roles, usable, rejected, repeated) => {
    expect(await previewDataset(use, join(data, path), { rows: 1 })).toMatchObject({ layout, roles, usable, rejected, repeated, problem: null })
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
