import { expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.ts'
import { fuzzBehindSandbox, fuzzHere } from './data.ts'
import type { Corpus } from './mutate.ts'

const cell = (value: unknown): string => `"${JSON.stringify(value).replaceAll('"', '""')}"`
const turns = [{ role: 'user', content: 'Why?' }, { role: 'assistant', content: 'So, "yes".' }]
const corpus: Corpus = {
  files: [
    Buffer.from(`id,prompt,response,answer\r\n${Array.from({ length: 60 }, (_, i) => `${i},"What, is ""${i}""?\r\nü",${i},${i}`).join('\r\n')}\r\n`),
    Buffer.from(`messages;note\n${cell(turns)};a\n${cell(turns)};b\n`),
    Buffer.from(`question\tchoices\tanswerKey\nq\t${cell({ text: ['a', 'b'], label: ['A', 'B'] })}\tA\n`),
    Buffer.from('prompt|chosen|rejected\np|a|b\nq|c|d\n'),
    Buffer.from('\uFEFFinstruction,input,output\n a , b , c \n\n,,\n'),
  ],
  tokens: ['"', '""', '"""', ',', ';', '\t', '|', '\n', '\r', '\r\n', '\u0000', '\uFEFF', '"\n"', `${','.repeat(3000)}`, '"'.repeat(999), '[{"role":', '=cmd()', '\n'.repeat(2000), 'prompt,', '__proto__'],
}
const fuzzing = { corpus, folder: temporaryFolder('fuzz-csv'), seed: 42 }

it.each(['f.csv', 'f.tsv', 'f'])('5 000 damaged CSV files in all: %s', async (name) => {
  const count = name === 'f.csv' ? 3000 : 1000
  const outcome = await fuzzHere({ ...fuzzing, name, from: { 'f.csv': 0, 'f.tsv': 3000, f: 4000 }[name]!, count })
  expect(outcome.previews + outcome.refusals).toBe(count)
  expect(outcome.previews).toBeGreaterThan(count / 10)
  expect(outcome.refusals).toBeGreaterThan(count / 100)
  expect(outcome.imports).toBeGreaterThan(0)
}, 300_000)

it('200 of them behind the sandbox stop no child', async () => {
  expect(await fuzzBehindSandbox({ ...fuzzing, name: 'f.csv', from: 5000, count: 200 })).toMatchObject({ deaths: 0 })
}, 300_000)
