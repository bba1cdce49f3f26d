/** Data files over the wire: looked at, their columns named, imported, compared; paths never leave main. */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { writeLarge } from '../large.ts'
import { Page, type TestHost, openTestHost } from './client.ts'

let test: TestHost
let page: Page
beforeAll(async () => {
  test = await openTestHost()
  page = await Page.open(test.host)
})
afterAll(() => test.close())

const give = (name: string, content: string): string => {
  mkdirSync(join(test.folder, 'data'), { recursive: true })
  writeFileSync(join(test.folder, 'data', name), content)
  return test.workbench.places.give(join(test.folder, 'data', name))
}

it('columns are named by hand, and what comes of them is a file of its own', async () => {
  const file = give('odd.csv', 'foo,bar\nWhy?,So.\n,x\nWho?,Me.\n')
  expect(await page.ask('data/preview', { file, kind: 'sft' })).toMatchObject({ layout: null, columns: ['foo', 'bar'], usable: 0, problem: expect.stringContaining('by hand') as string })
  const roles = { prompt: 'foo', response: 'bar' }
  expect(await page.ask('data/preview', { file, kind: 'sft', roles })).toMatchObject({ layout: 'columns', usable: 2, rejected: 1, problem: null })
  expect(await page.ask('data/rejects', { file, kind: 'sft', roles })).toEqual({ rejects: [{ line: 3, reason: 'is empty in "foo"' }], more: false })
  const taken = await page.ask('data/import', { file, kind: 'sft', roles })
  expect(taken).toMatchObject({ name: 'odd.sft.jsonl', usable: 2, rejected: 1, leftOut: 0 })
  expect(JSON.stringify(taken)).not.toContain(test.folder)
  expect(await page.ask('data/preview', { file: taken.file, kind: 'sft' })).toMatchObject({ layout: 'prompt/response', usable: 2, rejected: 0 })
  const { model } = await page.ask('place/bundled', {})
  expect((await page.ask('data/see', { file: taken.file, kind: 'sft', row: 1, model })).rendered).toContain('Who?')
})

it('held-out questions among the prompts are found and left out', async () => {
  const prompts = give('prompts.txt', 'Why?\nWho?\nWhen?\n')
  const tasks = give('tasks.jsonl', '{"prompt": "Who?", "answer": "Me."}\n')
  expect(await page.ask('data/overlap', { sft: null, prompts, tasks })).toMatchObject({ heldOutInPrompts: 1, first: [{ question: 'Who?', line: 1, in: 'prompts', at: 2 }] })
  const { file, leftOut } = await page.ask('data/import', { file: prompts, kind: 'prompts', without: [{ file: tasks, kind: 'tasks' }] })
  expect(leftOut).toBe(1)
  expect(await page.ask('data/overlap', { sft: null, prompts: file, tasks })).toMatchObject({ heldOutInPrompts: 0, first: [] })
})

it('a long import is watched and stopped, and leaves nothing; a look that asks the same joins the one at work, another ends it', async () => {
  const file = give('long.jsonl', '')
  writeLarge(join(test.folder, 'data/long.jsonl'))
  const of = { file, kind: 'sft' } as const
  const isBegun = () => expect.poll(async () => (await page.ask('data/reading', of))?.rows ?? 0, { interval: 50, timeout: 20_000 }).toBeGreaterThan(0)
  const imports = (): string[] => (existsSync(join(test.folder, 'state/imports')) ? readdirSync(join(test.folder, 'state/imports')) : [])
  const before = imports()
  expect(await page.ask('data/reading', of)).toBeNull()

  const importing = page.request('data/import', of)
  await isBegun()
  expect(await page.ask('data/reading', of)).toMatchObject({ total: statSync(join(test.folder, 'data/long.jsonl')).size })
  expect(imports().length).toBe(before.length + 1)
  await page.ask('data/stop', of)
  expect(await importing).toMatchObject({ ok: false, error: { code: 'cancelled' } })
  expect(imports()).toEqual(before)

  const older = page.request('data/preview', of)
  await isBegun()
  const newer = page.request('data/preview', { ...of, roles: { prompt: 'prompt', response: 'response' } })
  expect(await older).toMatchObject({ ok: false, error: { code: 'cancelled' } })
  const same = page.request('data/preview', { ...of, roles: { prompt: 'prompt', response: 'response' } })
  await isBegun()
  await page.ask('data/stop', of)
  expect(await same).toMatchObject({ ok: false, error: { code: 'cancelled' } })
  expect(await newer).toMatchObject({ ok: false, error: { code: 'cancelled' } })
  expect(await page.ask('data/reading', of)).toBeNull()
  await page.ask('data/stop', of) // there is nothing to stop

  const short = { file: give('short.jsonl', '{"prompt": "Why?", "response": "So."}\n'), kind: 'sft' } as const
  const answers = await Promise.all([page.request('data/preview', short), page.request('data/preview', short)])
  expect(answers).toMatchObject([{ ok: true, value: { usable: 1 } }, { ok: true, value: { usable: 1 } }])
}, 60_000)

it('rewards of the oracle are looked at as a run reads them, and pairs make some', async () => {
  const rewards = give('rewards.jsonl', '{"response_id": "run1.i1.p0.r0", "reward": 0.5}\n\n{"prompt_id": "p:1", "text": "So.", "reward": -2}\n')
  expect(await page.ask('data/rewards', { file: rewards })).toEqual({
    rewards: 2, ofResponses: 1, prompts: 1, lowest: -2, highest: 0.5, first: [{ of: 'run1.i1.p0.r0', text: null, reward: 0.5 }, { of: 'p:1', text: 'So.', reward: -2 }],
  })
  for (const [content, sentence] of [
    ['', /is empty/], ['{"response_id": "r"}', /:1 has no finite "reward"/], ['{"response_id": "r", "reward": 1}\nno', /:2 is not JSON/], ['{"text": "So.", "reward": 1}', /does not say whose reward/],
  ] as const) expect(await page.request('data/rewards', { file: give('bad.jsonl', content) })).toMatchObject({ ok: false, error: { code: 'bad-data', sentence: expect.stringMatching(sentence) as string } })
  const { file } = await page.ask('data/import', { file: give('pairs.jsonl', '{"prompt": "Why?", "chosen": "So.", "rejected": "No."}\n'), kind: 'preferences' })
  expect(await page.ask('data/rewards', { file })).toMatchObject({ rewards: 2, prompts: 1, lowest: 0, highest: 1 })
})

it('a project of the oracle is held to its rewards before it is made', async () => {
  const { model, prompts } = await page.ask('place/bundled', {})
  const settings = { ...(await page.ask('project/preset', { preset: 'ci' })), method: 'oracle' } as const
  const create = (rewards: string) => page.request('project/create', { name: 'Judged', from: { kind: 'settings', settings, sources: { model, sft: null, prompts, promptsLimit: 8, evaluation: [], rewards } } })
  expect(await create(give('bad.jsonl', 'no'))).toMatchObject({ ok: false, error: { sentence: expect.stringMatching(/:1 is not JSON/) as string } })
  const rewards = give('rewards.jsonl', '{"prompt_id": "p:1", "text": "So.", "reward": 1}\n')
  expect(await create(rewards)).toMatchObject({ ok: true })
  expect(test.workbench.run.config.oracle).toEqual({ rewards: test.workbench.places.pathOf(rewards), negate: false })
}, 60_000)

it('what cannot be read is refused by a sentence', async () => {
  expect(await page.request('data/import', { file: give('none.jsonl', ''), kind: 'sft' })).toMatchObject({ ok: false, error: { code: 'bad-data', sentence: expect.stringMatching(/is empty/) as string } })
  expect(await page.request('data/preview', { file: give('a.csv', 'x,y\n1,2'), kind: 'sft', roles: { prompt: 'x' } })).toMatchObject({ ok: false, error: { code: 'bad-data' } })
})
