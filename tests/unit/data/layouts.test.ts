/** The layouts of FORMATS.md that came with preference files, conversations of other makers, and columns named by hand. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { DataUse } from '../../../preload/contract/requests/place.ts'
import { previewDataset } from '../../../main/data/preview.ts'
import { readDataset } from '../../../main/data/read.ts'
import { temporaryFolder } from '../../temporary.ts'

const folder = temporaryFolder('layouts')
const file = (content: unknown[], name = 'one.jsonl'): string => {
  const path = join(folder, name)
  writeFileSync(path, content.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n'))
  return path
}
const user = (content: string) => ({ role: 'user', content })
const assistant = (content: string) => ({ role: 'assistant', content })
const system = (content: string) => ({ role: 'system', content })
/** The only row of a file of one. */
const one = async (use: DataUse, row: unknown, roles?: Record<string, string>): Promise<unknown> => {
  const { taken, rejected } = await readDataset(use, file([row]), roles === undefined ? {} : { roles })
  expect(rejected).toEqual([])
  return taken[0]
}

describe('preference pairs', () => {
  const pair = { id: 'one:1', promptId: 'one:1', prompt: 'Why?', chosen: 'good', rejected: 'bad' }
  const chat = { ...pair, prompt: [user('Why?')] }
  const hh = (last: string): string => `\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why?\n\nAssistant: ${last}`
  const tree = {
    message_tree_id: 't', prompt: {
      text: 'Why?', role: 'prompter', message_id: 'm', replies: [
        { text: 'bad', role: 'assistant', rank: 1, replies: [] },
        { text: 'good', role: 'assistant', rank: 0, replies: [] },
        { text: 'unranked', role: 'assistant', replies: [] },
      ],
    },
  }

  it.each<[string, unknown, unknown]>([
    ['TRL', { prompt: 'Why?', chosen: 'good', rejected: 'bad' }, pair],
    ['TRL with scores', { prompt: 'Why?', chosen: 'good', rejected: 'bad', score_chosen: 2, score_rejected: -1 }, { ...pair, scores: { chosen: 2, rejected: -1 } }],
    ['TRL, conversational', { prompt: [user('Why?')], chosen: [assistant('good')], rejected: [assistant('bad')] }, chat],
    ['UltraFeedback', { prompt: 'Why?', chosen: [user('Why?'), assistant('good')], rejected: [user('Why?'), assistant('bad')], messages: [] }, pair],
    ['TRL, implicit prompt', { chosen: [user('Why?'), assistant('good')], rejected: [user('Why?'), assistant('bad')] }, chat],
    ['TRL, implicit prompt in text', { chosen: 'The sky is blue.', rejected: 'The sky is green.' }, { ...pair, prompt: 'The sky is', chosen: ' blue.', rejected: ' green.' }],
    ['hh-rlhf', { chosen: hh('good'), rejected: hh('bad') }, { ...pair, prompt: [user('Hi'), assistant('Yes?'), user('Why?')] }],
    ['LLaMA-Factory, ShareGPT', { conversations: [{ from: 'human', value: 'Why?' }], chosen: { from: 'gpt', value: 'good' }, rejected: { from: 'gpt', value: 'bad' } }, chat],
    ['LLaMA-Factory, Alpaca', { instruction: 'Why?', input: '', chosen: 'good', rejected: 'bad' }, pair],
    ['CREAM’s DPO file', { u1: { selected: [user('Why?'), assistant('good')], rejected: [user('Why?'), assistant('bad')], consistency: 0.7 } }, { ...chat, id: 'u1', promptId: 'u1' }],
    ['CREAM’s rewarding file', { u1: { prompt: 'Why?', response: ['bad', 'good', 'middling'], score: [0, 0, 0], ref_score: [0, 0, 0], reward: [-1, 3, 0] } }, { ...pair, id: 'u1', promptId: 'u1', scores: { chosen: 3, rejected: -1 } }],
    ['OASST trees', tree, { ...chat, id: 't', promptId: 't' }],
  ])('%s', async (_, row, expected) => {
    expect(await one('preferences', row)).toEqual(expected)
    const { prompt, chosen, promptId } = expected as typeof pair
    expect(await one('sft', row)).toMatchObject(_ === 'OASST trees' ? { id: 't' } : { prompt, response: chosen })
    expect(await one('prompts', row)).toMatchObject({ id: promptId })
  })

  it('of a tree: each ranked answer beside each worse one, under one prompt', async () => {
    const answers = [0, 1, 2].map((rank) => ({ text: `answer ${rank}`, role: 'assistant', rank, message_id: `a${rank}`, replies: rank > 0 ? [] : [{ text: 'And?', role: 'prompter', message_id: 'q', replies: [{ text: 'x', role: 'assistant', rank: 0 }, { text: 'y', role: 'assistant', rank: 1 }] }] }))
    const { taken } = await readDataset('preferences', file([{ message_tree_id: 't', prompt: { text: 'Why?', role: 'prompter', replies: answers } }]))
    expect(taken.map(({ promptId, chosen, rejected }) => [promptId, chosen, rejected])).toEqual([
      ['t', 'answer 0', 'answer 1'], ['t', 'answer 0', 'answer 2'], ['t', 'answer 1', 'answer 2'], ['t:q', 'x', 'y'],
    ])
    expect(new Set(taken.map(({ id }) => id)).size).toBe(4)
    expect(taken[3]!.prompt).toEqual([user('Why?'), assistant('answer 0'), user('And?')])
  })

  it.each<[unknown, RegExp]>([
    [{ prompt: 'a', chosen: 'b', rejected: 'b' }, /same text/],
    [{ chosen: 'x', rejected: 'y' }, /do not begin alike/],
    [{ chosen: [user('a'), assistant('b'), user('c'), assistant('d')], rejected: [user('a'), assistant('e'), user('c'), assistant('f')] }, /before the last message/],
    [{ chosen: [user('a')], rejected: [user('b')] }, /not the assistant's/],
    [{ prompt: 'a', chosen: ' ', rejected: 'b' }, /empty in "chosen"/],
    [{ u: { prompt: 'a', response: ['b', 'c'], reward: [1, 1] } }, /equal rewards/],
  ])('%j cannot be used', async (row, reason) => {
    const { rejects } = await previewDataset('preferences', file([row]), { rows: 1 })
    expect(rejects).toEqual([{ line: 1, reason: expect.stringMatching(reason) as string }])
  })
})

describe('examples', () => {
  it.each<[string, unknown, unknown]>([
    ['ShareGPT', { conversations: [{ from: 'system', value: 's' }, { from: 'human', value: 'a' }, { from: 'gpt', value: 'b' }] }, { prompt: [system('s'), user('a')], response: 'b' }],
    ['ShareGPT with a system column', { system: 's', conversations: [{ from: 'human', value: 'a' }, { from: 'gpt', value: 'b' }] }, { prompt: [system('s'), user('a')], response: 'b' }],
    ['Alpaca with system and history', { instruction: 'c', input: 'd', output: 'e', system: 's', history: [['a', 'b']] }, { prompt: [system('s'), user('a'), assistant('b'), user('c\n\nd')], response: 'e' }],
    ['CREAM', { u1: [user('a'), assistant('b')] }, { id: 'u1', prompt: [user('a')], response: 'b' }],
    ['CREAM, texts', { u1: ['a', 'b'] }, { id: 'u1', prompt: [user('a')], response: 'b' }],
    ['other names', { Query: 'a', reply: 'b' }, { prompt: 'a', response: 'b' }],
  ])('%s', async (_, row, expected) => expect(await one('sft', row)).toEqual({ id: 'one:1', ...(expected as object) }))
})

describe('prompts and questions', () => {
  it.each<[DataUse, string, unknown, unknown]>([
    ['prompts', 'CREAM', { u1: [user('a')] }, { id: 'u1', prompt: [user('a')] }],
    ['prompts', 'CREAM’s sampling file', { u1: { prompt: 'a', responses: ['b'] } }, { id: 'u1', prompt: 'a' }],
    ['prompts', 'ShareGPT', { conversations: [{ from: 'human', value: 'a' }, { from: 'gpt', value: 'b' }] }, { id: 'one:1', prompt: [user('a')] }],
    ['prompts', 'empty answers', { prompt: 'a', answer: '', task: null }, { id: 'one:1', prompt: 'a' }],
    ['tasks', 'our own, with choices', { id: 'x', prompt: 'a', choices: { text: ['b', 'c'], label: ['A', 'B'] }, answer: 'B', task: 't' }, { id: 'x', question: 'a', prompt: 'a\nA. b\nB. c', choices: [{ label: 'A', text: 'b' }, { label: 'B', text: 'c' }], answer: 'B', task: 't' }],
  ])('%s: %s', async (use, _, row, expected) => expect(await one(use, row)).toEqual(expected))

  it('SIQA’s labels come from the file beside', async () => {
    const row = { context: 'C.', question: 'Q?', answerA: 'x', answerB: 'y', answerC: 'z' }
    const path = file([row, row, row], 'siqa.jsonl')
    writeFileSync(join(folder, 'siqa-labels.lst'), '3\n1\n')
    const { taken, rejected } = await readDataset('tasks', path)
    expect(taken.map(({ answer }) => answer)).toEqual(['C', 'A'])
    expect(rejected).toEqual([{ row: 3, reason: expect.stringContaining('-labels.lst') as string }])
  })
})

describe('columns by hand', () => {
  const row = { q: 'Which?', opts: ['x', 'y'], gold: 'y', who: 'be brief', extra: 'more', talk: [{ from: 'human', value: 'a' }, { from: 'gpt', value: 'b' }], good: 'G', poor: 'P', key: 9 }

  it.each<[DataUse, Record<string, string>, unknown]>([
    ['sft', { prompt: 'q', response: 'good' }, { id: 'one:1', prompt: 'Which?', response: 'G' }],
    ['sft', { id: 'key', prompt: 'q', input: 'extra', system: 'who', response: 'good' }, { id: '9', prompt: [system('be brief'), user('Which?\n\nmore')], response: 'G' }],
    ['sft', { messages: 'talk' }, { id: 'one:1', prompt: [user('a')], response: 'b' }],
    ['prompts', { messages: 'talk', answer: 'gold', task: 'who' }, { id: 'one:1', prompt: [user('a')], answer: 'y', task: 'be brief' }],
    ['tasks', { prompt: 'q', choices: 'opts', answer: 'gold', context: 'who' }, { id: 'one:1', task: 'one', question: 'be brief Which?', prompt: 'be brief Which?\nA. x\nB. y', choices: [{ label: 'A', text: 'x' }, { label: 'B', text: 'y' }], answer: 'B' }],
    ['preferences', { prompt: 'q', chosen: 'good', rejected: 'poor' }, { id: 'one:1', promptId: 'one:1', prompt: 'Which?', chosen: 'G', rejected: 'P' }],
  ])('%s of %j', async (use, roles, expected) => expect(await one(use, row, roles)).toEqual(expected))

  it.each<[DataUse, Record<string, string>, RegExp]>([
    ['sft', { prompt: 'q' }, /needs a column for messages, or for prompt and response/],
    ['tasks', { chosen: 'good' }, /cannot be "chosen"/],
  ])('%s of %j is refused', async (use, roles, sentence) => {
    await expect(readDataset(use, file([row]), { roles })).rejects.toMatchObject({ code: 'bad-data', message: expect.stringMatching(sentence) as string })
  })

  it('are offered where nothing was recognised', async () => {
    const preview = await previewDataset('sft', file([{ foo: 'a', bar: 'b' }]), { rows: 1 })
    expect(preview).toMatchObject({ layout: null, columns: ['foo', 'bar'], roles: {}, usable: 0, problem: expect.stringMatching(/Name its columns by hand/) as string })
    expect(await previewDataset('sft', file([{ foo: 'a', bar: 'b' }]), { rows: 1, roles: { prompt: 'foo', response: 'bar' } })).toMatchObject({ layout: 'columns', usable: 1, problem: null, rows: [{ prompt: 'a', response: 'b' }] })
  })
})
