import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { textFault } from '../../main/sandbox/text-fault.ts'
import { openText } from '../../main/text/model.ts'
import { byteLevelFolder, sentencePieceFolder } from '../unit/text/fixtures.ts'
import { fuzz, fuzzBehindSandbox, jsonTokens } from './models.ts'
import type { Corpus } from './mutate.ts'

const folders = [byteLevelFolder(), sentencePieceFolder()]
const corpus: Corpus = {
  files: folders.map((folder) => readFileSync(join(folder, 'tokenizer.json'))),
  tokens: [...jsonTokens, '"type":"BPE"', '"type":"WordPiece"', '"type":"Unigram"', '"type":"Nope"', '"Regex":"["', '"Regex":"("', '"Regex":"a*"', '"merges":[["a","b"]],', '"merges":["a"],', '"vocab":{},', '"vocab":[["a",0]],', '"unk_token":"x",', '"added_tokens":[{}],', '"id":-1,', '"id":1e9,', '"model":null,', '"post_processor":{"type":"BertProcessing"},', '"pre_tokenizer":{"type":"Sequence","pretokenizers":[]},', '"normalizer":{"type":"Precompiled"},', '"decoder":null,', '"content":""'],
}

test.each([0, 1])('3 000 damaged tokenizers each, of two kinds (%d)', async (kind) => {
  const folder = folders[kind]!
  const outcome = await fuzz({ corpus: { ...corpus, files: [corpus.files[kind]!, corpus.files[kind]!, corpus.files[1 - kind]!] }, path: join(folder, 'tokenizer.json'), seed: 101 + kind, count: 3000 }, () => {
    try {
      const text = openText(folder) // as the child does it
      text.decode(text.encode('hello 2+2', { special: true }), { skipSpecial: false })
      return []
    } catch (error) {
      return [textFault(error, 'FOLDER').message]
    }
  })
  expect(outcome.accepted).toBeGreaterThan(100)
  expect(outcome.refused).toBeGreaterThan(500)
}, 300_000)

test('200 of them behind the sandbox, with all that is tried on them', async () => {
  const folder = byteLevelFolder()
  const outcome = await fuzzBehindSandbox({ corpus, path: join(folder, 'tokenizer.json'), seed: 111, count: 200, folder })
  expect(outcome.accepted + outcome.refused).toBe(200)
}, 600_000)
