import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSafetensors } from '../../native-models/weights/safetensors.ts'
import { fileOf } from '../unit/weights/fixtures.ts'
import { temporaryFolder } from '../temporary.ts'
import { folderLike, fuzz, fuzzBehindSandbox, jsonTokens, readGolden } from './models.ts'
import type { Corpus } from './mutate.ts'

const tensor = (dtype: string, shape: number[], begin: number, end: number) => ({ dtype, shape, data_offsets: [begin, end] })
const corpus: Corpus = {
  files: [
    fileOf({ __metadata__: { format: 'pt' }, a: tensor('F32', [2, 2], 0, 16), b: tensor('BF16', [4], 16, 24) }, 24),
    fileOf({ a: tensor('F64', [1], 0, 8), b: tensor('I64', [0], 8, 8), c: tensor('BOOL', [3], 8, 11), d: tensor('U8', [], 11, 12) }, 12),
    fileOf({ 'model.embed_tokens.weight': tensor('F16', [3, 2], 0, 12), 'lm_head.weight': tensor('F16', [3, 2], 12, 24) }, 24),
    fileOf('{}   '),
  ].map((bytes) => Buffer.from(bytes)),
  tokens: [...jsonTokens, '"dtype":"F32"', '"F8_E4M3"', '"data_offsets":[0,16]', '[4294967296,4294967296]', '"shape":[-1]', '"__metadata__":', 'version https://git-lfs', '\u00ff\u00ff\u00ff\u00ff', '[0,0]', '9007199254740991'],
}

test('10 000 damaged safetensors headers: whole tensors or a sentence', async () => {
  const path = join(temporaryFolder('fuzz'), 'model.safetensors')
  const outcome = await fuzz({ corpus, path, seed: 51, count: 10_000 }, () => {
    const file = openSafetensors(path)
    try {
      for (const [name, { shape }] of file.tensors) expect(file.readTensor(name).length).toBe(shape.reduce((product, size) => product * size, 1))
    } finally {
      file.close()
    }
    return []
  })
  expect(outcome.accepted).toBeGreaterThan(100)
  expect(outcome.refused).toBeGreaterThan(5000)
}, 300_000)

test('150 damaged weights of a model, behind the sandbox', async () => {
  const folder = folderLike('llama/gqa-tied')
  const path = join(folder, 'model.safetensors')
  const whole = readGolden('llama/gqa-tied/model.safetensors')
  expect(await fuzzBehindSandbox({ corpus: { files: [whole.subarray(0, 8 + Number(whole.readBigUInt64LE(0)) + 200), whole], tokens: corpus.tokens }, path, seed: 52, count: 150, folder })).toMatchObject({ accepted: 0 }) // it has no tokenizer
}, 300_000)
