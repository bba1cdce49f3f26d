import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Row } from '../../../main/data/row.ts'
import { openRows } from '../../../main/data/rows.ts'
import { openDataset, readDataset } from '../../../main/data/read.ts'
import { temporaryFolder } from '../../temporary.ts'

const folder = temporaryFolder('formats')
const file = (name: string, content: string | Buffer): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const rowsOf = async (path: string): Promise<{ format: string; rows: Row[] }> => {
  const { format, rows } = await openRows(path)
  const all: Row[] = []
  for await (const row of rows) all.push(row)
  return { format, rows: all }
}
const values = async (name: string, content: string | Buffer): Promise<unknown[]> => (await rowsOf(file(name, content))).rows.map((row) => ('value' in row ? row.value : row.fault))

it.each(['a.jsonl', 'a.json', 'a.jsonl.gz', 'a.csv', 'a.txt', 'none.parquet', 'zstd.parquet'])('%s is followed to its last byte and row', async (name) => {
  const content: Record<string, string | Buffer> = {
    'a.jsonl': '{"a": 1}\n{"a": 2}\n', 'a.json': '[{"a": 1}, {"a": 2}]', 'a.jsonl.gz': gzipSync('{"a": 1}\n{"a": 2}\n'), 'a.csv': 'a\n1\n2\n', 'a.txt': 'one\ntwo\n',
  }
  const path = name in content ? file(name, content[name]!) : join(import.meta.dirname, 'parquet', name)
  const reach = { bytes: 0, total: 0, rows: 0 }
  const { rows } = await openDataset('prompts', path, { prompt: 'a' }, reach)
  let count = 0
  for await (const _ of rows) count++
  expect(reach).toEqual({ bytes: statSync(path).size, total: statSync(path).size, rows: count })
  expect(count).toBeGreaterThan(1)
})

describe('JSON', () => {
  const deep = [{ a: [1, { b: ']}",{[' }], c: 'x\\"y' }, { a: [], c: '\u2028🧀' }, 'text', 7, null, [[]]]

  it.each([undefined, 1])('cuts an array into its rows (indent %s)', async (indent) => {
    expect(await values('a.json', JSON.stringify(deep, null, indent))).toEqual(deep)
  })

  it('of several chunks, members across their borders', async () => {
    const rows = Array.from({ length: 30_000 }, (_, i) => ({ i, text: `${'ü"\\,]}'.repeat(i % 41)}` }))
    expect(await values('long.json', JSON.stringify(rows))).toEqual(rows)
    expect(await values('long.json', JSON.stringify(Object.fromEntries(rows.map((row) => [`u${row.i}`, row]))))).toEqual(rows.map((row) => ({ uuid: `u${row.i}`, ...row })))
  })

  it('an object of rows by uuid, on one line or on many, is CREAM’s', async () => {
    const data = { u1: [{ role: 'user', content: 'a' }], u2: { selected: [], rejected: [] } }
    for (const text of [JSON.stringify(data), JSON.stringify(data, null, 2)]) expect(await values('c.json', text)).toEqual([{ uuid: 'u1', turns: data.u1 }, { uuid: 'u2', ...data.u2 }])
    expect(await values('c.jsonl', '{"u1": ["a", "b"]}\n{"u2": ["c"]}')).toEqual([{ uuid: 'u1', turns: ['a', 'b'] }, { uuid: 'u2', turns: ['c'] }])
  })

  it('a column that is alone in its rows is no uuid', async () => {
    expect(await values('alone.jsonl', '{"talk": ["a", "b"]}\n{"talk": ["c"]}')).toEqual([{ talk: ['a', 'b'] }, { talk: ['c'] }])
  })

  it('one pretty object is one row', async () => {
    expect(await values('row.json', JSON.stringify({ prompt: 'a', response: 'b' }, null, 2))).toEqual([{ prompt: 'a', response: 'b' }])
  })

  it('a bad member is one fault', async () => {
    expect(await values('bad.json', '[{"a": 1}, {"a" 2}, {"a": 3}]')).toEqual([{ a: 1 }, 'is not valid JSON', { a: 3 }])
  })

  it.each<[string, string, RegExp]>([
    ['is cut off', '[{"a": 1}, {"a": 2', /ends in the middle/],
    ['goes on behind its end', `[${'{"a": 1}, '.repeat(500_000)}1] [`, /behind its end/],
    ['closes with another bracket', `[${'{"a": 1}, '.repeat(500_000)}1}`, /closed by another/],
  ])('that %s is refused as a whole', async (_, text, sentence) => {
    await expect(values('damaged.json', text)).rejects.toMatchObject({ code: 'bad-data', message: expect.stringMatching(sentence) as string })
  })
})

describe('CSV', () => {
  const rows = [{ prompt: 'a, "b"\nc', response: 'd' }, { prompt: ' ü ', response: '[1, 2]' }]

  it.each<[string, string, string]>([
    ['commas', 'f.csv', 'prompt,response\n"a, ""b""\nc",d\n ü ,"[1, 2]"\n'],
    ['semicolons, a mark and CRLF', 'f.csv', '\uFEFFprompt;response\r\n"a, ""b""\nc";d\r\n ü ;[1, 2]\r\n'],
    ['tabs', 'f.tsv', 'prompt\tresponse\n"a, ""b""\nc"\td\n\n ü \t[1, 2]'],
    ['no name that says so', 'f.data', 'prompt,response\n"a, ""b""\nc",d\n ü ,"[1, 2]"\n'],
  ])('with %s', async (_, name, text) => {
    expect(await values(name, text)).toEqual(rows)
    expect(await values(`${name}.gz`, gzipSync(text))).toEqual(rows)
  })

  it('reads conversations and choices from cells of JSON', async () => {
    const turns = [{ from: 'human', value: 'a' }, { from: 'gpt', value: 'b' }]
    const cell = (value: unknown): string => `"${JSON.stringify(value).replaceAll('"', '""')}"`
    expect(await values('turns.csv', `conversations,note\n${cell(turns)},{x}`)).toEqual([{ conversations: turns, note: '{x}' }])
    const path = file('turns.csv', `conversations,note\n${cell(turns)},{x}`)
    expect((await readDataset('sft', path)).taken).toEqual([{ id: 'turns:2', prompt: [{ role: 'user', content: 'a' }], response: 'b' }])
  })

  it('counts rows as a spreadsheet does; one of another width is rejected', async () => {
    const path = file('wide.csv', 'prompt,response\na,b\nc\n"two\nlines",d\ne,f,g\n')
    const { taken, rejected } = await readDataset('sft', path)
    expect(taken.map(({ id }) => id)).toEqual(['wide:2', 'wide:4'])
    expect(rejected).toEqual([{ row: 3, reason: 'has 1 cells where the header names 2 columns' }, { row: 5, reason: 'has 3 cells where the header names 2 columns' }])
  })

  it.each<[string, string | Buffer, RegExp]>([
    ['a quote that is not closed', 'prompt,response\na,b\n"c,d\ne,f', /quote that is still open at line 4/],
    ['Latin-1', Buffer.from('prompt,response\ncaf\xe9,b\n', 'latin1'), /not UTF-8/],
  ])('with %s is refused', async (_, text, sentence) => {
    await expect(values('bad.csv', text)).rejects.toMatchObject({ code: 'bad-data', message: expect.stringMatching(sentence) as string })
  })
})

describe('text', () => {
  it('gives its lines as prompts, also without a name that says so', async () => {
    for (const name of ['p.txt', 'prompts']) {
      expect((await readDataset('prompts', file(name, 'Why is the sky blue, and not green?\r\n\nWho?\n'))).taken.map(({ prompt }) => prompt)).toEqual(['Why is the sky blue, and not green?', 'Who?'])
    }
    await expect(readDataset('sft', file('p.txt', 'Why?\n'))).rejects.toMatchObject({ code: 'bad-data', message: expect.stringMatching(/no columns/) as string })
  })
})

describe('Parquet, as pyarrow writes it', () => {
  const path = (name: string): string => join(import.meta.dirname, 'parquet', `${name}.parquet`)
  const sums = Array.from({ length: 40 }, (_, id) => ({ id, prompt: `What is ${id} + ${id}? 🧀`, response: `${2 * id}`, score: id % 5 === 0 ? null : id / 7 }))

  it.each(['none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4', 'v2'])('%s', async (name) => {
    const { format, rows } = await rowsOf(path(name))
    expect(format).toBe('Parquet')
    expect(rows).toEqual(sums.map((value, i) => ({ number: i + 1, value })))
  })

  it('gzipped from outside', async () => {
    expect((await readDataset('sft', file('x.parquet.gz', gzipSync(readFileSync(path('zstd')))))).taken).toHaveLength(40)
  })

  it('nested columns', async () => {
    const { taken, rejected, layout } = await readDataset('sft', path('messages'))
    expect([layout, taken.length, rejected.length]).toEqual(['messages', 17, 3])
    expect(taken[0]).toEqual({ id: 'messages:2', prompt: [{ role: 'user', content: 'Question 1' }], response: 'Answer 1' })
    expect((await readDataset('tasks', path('arc'))).taken[3]).toMatchObject({ id: 'Q3', question: 'Which is 3?', answer: 'B', choices: [{ label: 'A', text: 'none' }, { label: 'B', text: '3' }, { label: 'C', text: 'all' }] })
    expect((await readDataset('preferences', path('pairs'))).taken[2]).toEqual({ id: 'pairs:3', promptId: 'pairs:3', prompt: 'Q2', chosen: 'good', rejected: 'bad' })
  })
})

it('a gzip bomb is refused before it is unpacked', async () => {
  const bomb = gzipSync(Buffer.alloc(200 * 2 ** 20, `{"prompt": "${'a'.repeat(1000)}"}\n`))
  await expect(readDataset('prompts', file('bomb.jsonl.gz', bomb), {})).rejects.toMatchObject({ code: 'bad-data', message: expect.stringMatching(/200 times its size/) as string })
})
