import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { DatasetKind, ReadOptions } from '../../../main/data/read.ts'
import { readDataset } from '../../../main/data/read.ts'
import { temporaryFolder } from '../../temporary.ts'

const folder = temporaryFolder('data')
const file = (name: string, content: string | Buffer): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const lines = (...rows: unknown[]): string => rows.map((row) => JSON.stringify(row)).join('\n')
let written = 0
const read = <K extends DatasetKind>(kind: K, content: string | Buffer, options?: ReadOptions) => readDataset(kind, file(`f${written++}.jsonl`, content), options)
/** The one row of a file of one row, without its id. */
const one = async <K extends DatasetKind>(kind: K, row: unknown) => {
  const { taken, rejected } = await readDataset(kind, file('one.jsonl', lines(row)))
  expect(rejected).toEqual([])
  expect(taken).toHaveLength(1)
  return taken[0]
}

describe('files', () => {
  const rows = [{ prompt: 'a', response: 'b' }, { prompt: 'ä\u2028🧀', response: 'd' }]
  const expected = [{ id: 'seed:1', ...rows[0] }, { id: 'seed:2', ...rows[1] }]

  it.each<[string, string | Buffer]>([
    ['seed.jsonl', lines(...rows)],
    ['seed.jsonl', `${lines(...rows)}\n`],
    ['seed.json', `\uFEFF${lines(...rows).replaceAll('\n', '\r\n')}\r\n`],
    ['seed.json', JSON.stringify(rows, null, 2)],
    ['seed.jsonl.gz', gzipSync(lines(...rows))],
    ['seed.json.gz', gzipSync(JSON.stringify(rows))],
  ])('%s reads the same rows', async (name, content) => {
    expect(await readDataset('sft', file(name, content))).toEqual({ layout: 'prompt/response', taken: expected, rejected: [] })
  })

  it('longer than one chunk keep their lines whole', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => ({ prompt: `question ${i} ${'ü'.repeat(i % 97)}`, response: String(i) }))
    const { taken } = await read('sft', lines(...many))
    expect(taken.map(({ prompt, response }) => ({ prompt, response }))).toEqual(many)
  })

  it('give the line of every rejected row, with a reason', async () => {
    const bad = Buffer.concat([
      Buffer.from('{"prompt": "a", "response": "b"}\n\n{"prompt": "a"}\n{broken\n{"prompt": " ", "response": "b"}\n{"prompt": "a", "response": 3}\n"text"\n'),
      Buffer.from([0x22, 0xff, 0x22, 0x0a]),
      Buffer.from('{"id": 7, "prompt": "c", "response": "d"}\n{"id": "7", "prompt": "e", "response": "f"}'),
    ])
    const { taken, rejected } = await read('sft', bad)
    expect(taken.map(({ id }) => id)).toEqual([expect.stringMatching(/:1$/), '7'])
    expect(rejected).toEqual([
      { row: 3, reason: expect.stringContaining('layout prompt/response') },
      { row: 4, reason: 'is not valid JSON' },
      { row: 5, reason: 'is empty in "prompt"' },
      { row: 6, reason: 'has no text in "response"' },
      { row: 7, reason: expect.stringContaining('layout') },
      { row: 8, reason: 'is not UTF-8 text' },
      { row: 10, reason: 'has the id "7" of row 9' },
    ])
  })

  it('stop at the limit of taken rows', async () => {
    const { taken, rejected } = await read('prompts', lines('a', '', 'b', 'c'), { limit: 2 })
    expect(taken.map(({ prompt }) => prompt)).toEqual(['a', 'b'])
    expect(rejected).toEqual([{ row: 2, reason: 'is empty' }])
  })

  it.each<[string, string | Buffer, RegExp]>([
    ['no rows', '\n \n', /no rows/],
    ['an empty file', '', /no rows/],
    ['an empty array', '[]', /no rows/],
    ['prose', 'Once upon a time\nthere was', /not JSON/],
    ['a damaged array', '[{"prompt": "a"', /not valid JSON/],
    ['pretty objects one after the other', '{\n  "a": 1\n}\n{\n  "a": 2\n}', /over several lines each/],
    ['an unknown layout', lines({ foo: 1, bar: 2 }), /"foo", "bar".*"prompt": …, "response": …/],
    ['only rejected rows', lines({ prompt: 'a', response: '' }), /Not one row.*row 1 is empty in "response"/],
    ['UTF-16', Buffer.from('\uFEFF{"prompt": "a", "response": "b"}', 'utf16le'), /UTF-16/],
    ['damaged gzip', Buffer.concat([gzipSync(lines({ prompt: 'a', response: 'b' })).subarray(0, 20), Buffer.from('nonsense')]), /gzip/],
  ])('refuse %s with a sentence', async (_, content, sentence) => {
    await expect(read('sft', content)).rejects.toMatchObject({ code: 'bad-data', message: expect.stringMatching(sentence) })
  })

  it('refuse a path that is not there', async () => {
    await expect(readDataset('sft', join(folder, 'nowhere.jsonl'))).rejects.toMatchObject({ code: 'bad-data', message: expect.stringContaining('does not exist') })
    await expect(readDataset('sft', folder)).rejects.toMatchObject({ code: 'bad-data', message: expect.stringContaining('is a folder') })
  })
})

const user = (content: string) => ({ role: 'user' as const, content })
const assistant = (content: string) => ({ role: 'assistant' as const, content })
const node = (role: string, text: string, replies: unknown[] = [], more = {}) => ({ role, text, replies, deleted: false, review_result: true, ...more })
const tree = {
  message_tree_id: 't1',
  prompt: node('prompter', 'Q', [
    node('assistant', 'second', [], { rank: 1 }),
    node('assistant', 'first', [node('prompter', 'more?', [node('assistant', 'unranked'), node('assistant', 'best', [node('prompter', 'thanks')], { rank: 0 })])], { rank: 0 }),
    node('assistant', 'deleted', [], { rank: -1, deleted: true }),
  ]),
}

describe('seed layouts', () => {
  it.each<[string, unknown, unknown]>([
    ['prompt/response', { uuid: 'u', prompt: [user('a')], response: 'b' }, { id: 'u', prompt: [user('a')], response: 'b' }],
    ['prompt/completion', { prompt: 'a', completion: ' b' }, { id: 'one:1', prompt: 'a', response: ' b' }],
    ['conversational prompt/completion', { prompt: [user('a')], completion: [assistant('b')] }, { id: 'one:1', prompt: [user('a')], response: 'b' }],
    ['messages', { messages: [user('a'), assistant('b'), user('c'), assistant('d')] }, { id: 'one:1', prompt: [user('a'), assistant('b'), user('c')], response: 'd' }],
    ['messages in parts', { messages: [{ role: 'user', content: [{ type: 'text', value: 'a' }] }, { role: 'assistant', content: [{ type: 'text', text: 'b' }] }] }, { id: 'one:1', prompt: [user('a')], response: 'b' }],
    ['alpaca', { instruction: 'do', input: 'this', output: 'b' }, { id: 'one:1', prompt: 'do\n\nthis', response: 'b' }],
    ['alpaca without input', { instruction: 'do', input: '', output: 'b' }, { id: 'one:1', prompt: 'do', response: 'b' }],
    ['oasst', tree, { id: 't1', prompt: [user('Q'), assistant('first'), user('more?')], response: 'best' }],
  ])('%s', async (_, row, expected) => expect(await one('sft', row)).toEqual(expected))

  it('say why a conversation cannot be used', async () => {
    const conversations = [[user('a')], [assistant('b')], [user('a'), { role: 'tool', content: 'x' }], [user('a'), assistant('')], []]
    const { rejected } = await read('sft', lines({ messages: [user('a'), assistant('b')] }, ...conversations.map((messages) => ({ messages }))))
    expect(rejected.map(({ reason }) => reason)).toEqual([
      'does not end with a message of the assistant',
      'has no message of the user before the answer',
      'has a message of role "tool"; only system, user and assistant are taken',
      'has an empty answer',
      'has no messages in "messages"',
    ])
  })
})

const arc = { id: 'Q1', question: 'Red planet?', choices: { text: ['Venus', 'Mars'], label: ['1', '2'] }, answerKey: '2' }
const arcItem = { id: 'Q1', task: 'one', question: 'Red planet?', choices: [{ label: '1', text: 'Venus' }, { label: '2', text: 'Mars' }], answer: '2' }
const adapters = {
  instruction: 'Please choose the correct answer to the question: Red planet?\n\nAnswer1: Venus Answer2: Mars\n\nAnswer format: answer1/answer2',
  input: '', output: 'the correct answer is answer2', answer: 'answer2',
}
const lettered = [{ label: 'A', text: 'Venus' }, { label: 'B', text: 'Mars' }]

describe('task layouts', () => {
  it.each<[string, unknown, unknown]>([
    ['arc, hub form', arc, arcItem],
    ['openbookqa, hub form', { ...arc, question: undefined, question_stem: arc.question }, arcItem],
    ['arc, stem form', { id: 'Q1', question: { stem: 'Red planet?', choices: arcItem.choices }, answerKey: '2' }, arcItem],
    ['siqa', { context: 'C.', question: 'Q?', answerA: 'x', answerB: 'y', answerC: 'z', label: '3' }, { id: 'one:1', task: 'one', question: 'C. Q?', choices: [{ label: 'A', text: 'x' }, { label: 'B', text: 'y' }, { label: 'C', text: 'z' }], answer: 'C' }],
    ['gsm8k', { question: 'How many?', answer: 'So 1,000+72.\n#### 1,072' }, { id: 'one:1', task: 'one', question: 'How many?', answer: '1072' }],
    ['llm-adapters', adapters, { id: 'one:1', task: 'one', question: 'Red planet?', choices: lettered, answer: 'B' }],
    ['llm-adapters, yes or no', { instruction: 'Is it red?', output: 'the correct answer is true', answer: 'true' }, { id: 'one:1', task: 'one', question: 'Is it red?', answer: 'true' }],
    ['cream', { uuid: 'u', question: 'Q?', label: 'B' }, { id: 'u', task: 'one', question: 'Q?', answer: 'B' }],
    ['own', { id: 5, prompt: '12+30=', answer: 42, task: 'sum' }, { id: '5', task: 'sum', question: '12+30=', answer: '42' }],
  ])('%s', async (_, row, expected) => {
    const { prompt, ...item } = (await one('tasks', row))!
    expect(item).toEqual(expected)
    expect(prompt.startsWith(item.question)).toBe(true)
  })

  it('reject an answer that is none of the choices, and a lost label', async () => {
    const { rejected } = await read('tasks', lines(arc, { ...arc, id: 'Q2', answerKey: 'E' }))
    expect(rejected).toEqual([{ row: 2, reason: 'names the answer "E", which is none of its choices' }])
    await expect(read('tasks', lines({ context: 'C', question: 'Q', answerA: 'x', answerB: 'y', answerC: 'z' }))).rejects.toThrow(/\.lst/)
  })

  it('take the task’s name from the caller before the file', async () => {
    const { taken } = await read('tasks', lines(arc), { task: 'arc-easy' })
    expect(taken[0]?.task).toBe('arc-easy')
  })

  it('ask a question with its choices', async () => {
    expect(await one('tasks', arc)).toMatchObject({ prompt: 'Red planet?\n1. Venus\n2. Mars' })
    expect(await one('tasks', { prompt: '1+1=', answer: '2' })).toMatchObject({ prompt: '1+1=' })
  })
})

describe('prompt layouts', () => {
  it.each<[string, unknown, unknown]>([
    ['a string', 'Why?', { id: 'one:1', prompt: 'Why?' }],
    ['prompt', { id: 'p', prompt: 'Why?', answer: 4, task: 'sum' }, { id: 'p', prompt: 'Why?', answer: '4', task: 'sum' }],
    ['text', { text: 'Why?' }, { id: 'one:1', prompt: 'Why?' }],
    ['messages, answer left out', { messages: [user('a'), assistant('b')] }, { id: 'one:1', prompt: [user('a')] }],
    ['a seed row', { prompt: 'a', response: 'b' }, { id: 'one:1', prompt: 'a' }],
    ['alpaca', { instruction: 'do', input: '', output: 'b' }, { id: 'one:1', prompt: 'do' }],
    ['an oasst tree', tree, { id: 't1', prompt: 'Q' }],
    ['gsm8k', { question: 'How many?', answer: '#### 3' }, { id: 'one:1', prompt: 'How many?', answer: '3' }],
    ['llm-adapters', adapters, { id: 'one:1', prompt: 'Red planet?\nA. Venus\nB. Mars', answer: 'B' }],
  ])('%s', async (_, row, expected) => expect(await one('prompts', row)).toEqual(expected))
})
