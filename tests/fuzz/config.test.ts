import { join } from 'node:path'
import { expect, test } from 'vitest'
import { families, folderLike, fuzz, fuzzBehindSandbox, jsonTokens, problemsOf, readGolden } from './models.ts'
import type { Corpus } from './mutate.ts'

const corpusOf = (family: string): Corpus => ({
  files: [...Array<Buffer>(4).fill(readGolden(`${family}/config.json`)), readGolden(`${families[(families.indexOf(family) + 1) % families.length]!}/config.json`), readGolden('config-v5/qwen2-yarn.json')],
  tokens: [...jsonTokens, '"num_hidden_layers": 10000,', '"num_hidden_layers": 9007199254740991,', '"vocab_size": 2147483647,', '"head_dim": 3,', '"rope_scaling": {"rope_type": "longrope"},', '"rope_parameters": {},', '"rope_type": "yarn",', '"factor": 0,', '"architectures": ["GPT2LMHeadModel"],', '"architectures": "x",', '"quantization_config": {"quant_method": "awq"},', '"layer_types": ["sliding_attention"],', '"eos_token_id": [1, -2],', '"tie_word_embeddings": "yes",', '"sliding_window": 1,', '"auto_map": {"AutoModel": "evil.Evil"},'],
})

test.each(families)('800 damaged configs each, of 8 families: %s', async (family) => {
  const folder = folderLike(family)
  const outcome = await fuzz({ corpus: corpusOf(family), path: join(folder, 'config.json'), seed: 61 + families.indexOf(family), count: 800 }, problemsOf(folder))
  expect(outcome.accepted).toBeGreaterThan(20)
  expect(outcome.refused).toBeGreaterThan(200)
}, 300_000)

test('100 of them behind the sandbox', async () => {
  const folder = folderLike('families/gemma3')
  await fuzzBehindSandbox({ corpus: corpusOf('families/gemma3'), path: join(folder, 'config.json'), seed: 70, count: 100, folder })
}, 300_000)
