import { expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.ts'
import { fuzzBehindSandbox, fuzzHere } from './data.ts'
import type { Corpus } from './mutate.ts'

const lines = (...rows: unknown[]): Buffer => Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n'))
const turns = [{ role: 'user', content: 'Why? 🧀' }, { role: 'assistant', content: 'So.' }]
const reply = { text: 'a', role: 'assistant', rank: 0, replies: [] }
const corpus: Corpus = {
  files: [
    lines(...Array.from({ length: 60 }, (_, i) => ({ id: i, prompt: `What is ${i}?`, response: `${i}`, answer: i, task: 't' }))),
    lines({ messages: turns }, { messages: turns.slice(0, 1) }),
    lines({ prompt: 'p', chosen: 'a', rejected: 'b' }, { chosen: '\n\nHuman: a\n\nAssistant: b', rejected: '\n\nHuman: a\n\nAssistant: c' }),
    lines({ conversations: [{ from: 'human', value: 'a' }], chosen: { from: 'gpt', value: 'b' }, rejected: { from: 'gpt', value: 'c' } }),
    lines({ message_tree_id: 't', prompt: { text: 'q', role: 'prompter', replies: [reply, { ...reply, rank: 1, text: 'b' }] } }),
    lines({ question: { stem: 's', choices: [{ text: 'a', label: 'A' }, { text: 'b', label: 'B' }] }, answerKey: 'A' }, { question: 'q', choices: { text: ['a', 'b'], label: ['1', '2'] }, answerKey: '2' }),
    lines({ question: 'q', answer: 'x #### 7' }, { instruction: 'Please choose the correct answer to the question: q\n\nAnswer1: a Answer2: b\n\nAnswer format: answer1/answer2', answer: 'answer2', output: 'o' }),
    Buffer.from(JSON.stringify(Array.from({ length: 40 }, (_, i) => ({ uuid: `u${i}`, question: 'q', label: 'A' })), null, 1)),
    Buffer.from(JSON.stringify({ u1: turns, u2: ['a', 'b'], u3: { selected: turns, rejected: [turns[0], { role: 'assistant', content: 'No.' }] }, u4: { prompt: 'p', response: ['a', 'b'], reward: [1, 2] } })),
    lines('a text', 'another', ''),
  ],
  tokens: ['"', '\\', '\\u', '\\ud800', '{', '}', '[', ']', ',', ':', '\n', '\r\n', '\u0000', 'null', '1e999', '-', '"messages":', '"chosen":', '{"__proto__":{"a":1}}', '"constructor":', '[[[[[[[[[[[[[[[[', '\uFEFF', '\uD83D', '"role":"tool"', '9'.repeat(400), '['.repeat(20_000), '{"a":'.repeat(5000)],
}
const fuzzing = { corpus, folder: temporaryFolder('fuzz-jsonl'), seed: 41 }

it.each(['f.jsonl', 'f.json', 'f'])('5 000 damaged JSON files in all: %s', async (name) => {
  const count = name === 'f.jsonl' ? 3000 : 1000
  const outcome = await fuzzHere({ ...fuzzing, name, from: { 'f.jsonl': 0, 'f.json': 3000, f: 4000 }[name]!, count })
  expect(outcome.previews + outcome.refusals).toBe(count)
  expect(outcome.previews).toBeGreaterThan(count / 10) // not all is refused
  expect(outcome.refusals).toBeGreaterThan(count / 100)
  expect(outcome.imports).toBeGreaterThan(0)
}, 300_000)

it('200 of them behind the sandbox stop no child', async () => {
  expect(await fuzzBehindSandbox({ ...fuzzing, name: 'f.jsonl', from: 5000, count: 200 })).toMatchObject({ deaths: 0 })
}, 300_000)
