import { join } from 'node:path'
import { expect, test } from 'vitest'
import { families, folderLike, fuzz, fuzzBehindSandbox, golden, jsonTokens, problemsOf, readGolden } from './models.ts'
import type { Corpus } from './mutate.ts'

const corpusOf = (family: string): Corpus => ({
  files: [readGolden(`${family}/adapter/adapter_config.json`), Buffer.from(JSON.stringify({ peft_type: 'LORA', r: 4, lora_alpha: 8, target_modules: ['q_proj', 'v_proj'] }))],
  tokens: [...jsonTokens, '"peft_type": "IA3",', '"use_dora": true,', '"r": 65537,', '"r": 0,', '"lora_alpha": -1,', '"lora_dropout": 1,', '"target_modules": "all-linear",', '"target_modules": ["lm_head"],', '"modules_to_save": ["embed_tokens"],', '"rank_pattern": {"a": 1},', '"bias": "all",', '"task_type": "SEQ_CLS",', '"init_lora_weights": "pissa",'],
})

test.each(families)('650 damaged adapter configs each, on 8 bases: %s', async (family) => {
  const [base, adapter] = [golden(family), join(folderLike(family), 'adapter')]
  const outcome = await fuzz({ corpus: corpusOf(family), path: join(adapter, 'adapter_config.json'), seed: 81 + families.indexOf(family), count: 650 }, problemsOf(base, adapter))
  expect(outcome.accepted).toBeGreaterThan(20)
  expect(outcome.refused).toBeGreaterThan(200)
}, 300_000)

test('100 of them behind the sandbox', async () => {
  const adapter = join(folderLike('llama/gqa-tied'), 'adapter')
  await fuzzBehindSandbox({ corpus: corpusOf('llama/gqa-tied'), path: join(adapter, 'adapter_config.json'), seed: 90, count: 100, folder: golden('llama/gqa-tied'), adapter })
}, 300_000)
