/** CREAM's own files, read and written again: what Python's json.dump wrote comes back byte for byte; anything else is refused by name. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type CreamFile, creamPieces, parseCreamFile, pythonFloat, serialiseCreamFile } from '../../main/export/formats/cream-files.ts'
import { uniform } from '../../native-models/random.ts'
import { AppError } from '../../preload/contract/errors.ts'

const golden = (name: string): string => readFileSync(new URL(`../golden/cream-files/${name}.json`, import.meta.url), 'utf8')

test.each([['sampling', 'sampling'], ['rewarding', 'rewarding'], ['likelihood', 'rewarding'], ['dpo', 'dpo']] as const)('%s: in → out is the same bytes, in the same order', (name, kind) => {
  const text = golden(name)
  const read = parseCreamFile(text, `${name}.json`)
  expect(read.kind).toBe(kind)
  expect([...read.rows.keys()]).toEqual(['oasst-b', '12', '3', 'arc "quoted" \\', 'größe-🙂', ''])
  expect(serialiseCreamFile(read)).toBe(text)
  // Value by value, as JSON itself reads it.
  expect(Object.fromEntries(read.rows as Map<string, unknown>)).toEqual(JSON.parse(text))
})

test('another spelling of the same values comes back as the same values', () => {
  const values = JSON.parse(golden('dpo')) as unknown
  const read = parseCreamFile(`\uFEFF ${JSON.stringify(values)} \n`, 'dpo.json')
  expect(JSON.parse(serialiseCreamFile(read))).toEqual(values)
  expect(serialiseCreamFile({ kind: 'dpo', rows: new Map() })).toBe('{}')
  expect([...creamPieces(new Map())].join('')).toBe('{}')
})

test('floats are written as Python writes them', () => {
  const reprs = JSON.parse(golden('floats')) as string[]
  expect(reprs.length).toBeGreaterThan(500)
  for (const repr of reprs) expect(pythonFloat(Number(repr))).toBe(repr)
})

const row = { prompt: 'x', responses: ['a'] }
const scored = { prompt: 'x', response: ['a', 'b'], score: [-1, -2], ref_score: [-1, -1], reward: [0, -1] }
const pair = { prompt: 'x', selected: 'a', rejected: 'b', consistency: 0.5 }

describe('refused, with the place', () => {
  test.each([
    ['', /not valid JSON near character 1/],
    ['[]', /not valid JSON near character 1/],
    ['{}', /holds no prompt/],
    ['{"a": {}}', /first row of other fields/],
    ['{"a": 1}', /first row of other fields \(number\)/],
    ['{"a": {"prompt": "x", "responses": ["a"]}', /not valid JSON/],
    ['{"a": {"prompt": "x", "responses": ["a"]}} x', /not valid JSON/],
    ['{"a": {"prompt": "x", "responses": ["a"]},}', /not valid JSON/],
    ['{"a": {"prompt": "x", "responses": ["a"]}, "a": {"prompt": "x", "responses": ["a"]}}', /holds "a" twice/],
    ['{"a": {"prompt": "x", "responses": [NaN]}}', /not valid JSON/],
    [JSON.stringify({ a: row, b: { ...row, more: 1 } }), /has at "b" the field "more", which a sampling file has not/],
    [JSON.stringify({ a: row, b: { prompt: 'x' } }), /has at "b" no responses/],
    [JSON.stringify({ a: row, b: [] }), /has at "b" no object/],
    [JSON.stringify({ a: { ...row, responses: 'a' } }), /in responses no list/],
    [JSON.stringify({ a: { ...row, responses: [1] } }), /a response that is no text/],
    [JSON.stringify({ a: { ...row, prompt: [{ role: 'robot', content: '' }] } }), /in prompt neither a text nor messages/],
    [JSON.stringify({ a: { ...row, prompt: [] } }), /in prompt neither/],
    [JSON.stringify({ a: { ...scored, score: [1] } }), /1 values in score for 2 responses/],
    [JSON.stringify({ a: { ...scored, reward: [1, 'x'] } }), /in reward something that is no number/],
    [JSON.stringify({ a: { ...pair, consistency: 1.5 } }), /a consistency that is no share/],
    [JSON.stringify({ a: { ...pair, selected: 3 } }), /in selected neither/],
  ])('%s', (text, sentence) => {
    expect(() => parseCreamFile(text, 'some.json')).toThrow(sentence)
  })
})

test('5 000 damaged files, seed fixed: read, or refused in a sentence', () => {
  const texts = ['sampling', 'rewarding', 'dpo'].map((name) => golden(name))
  let [read, refused] = [0, 0]
  for (let i = 0; i < 5000; i++) {
    const draw = (...key: number[]): number => uniform(21, i, ...key)
    const units = [...texts[i % 3]!]
    for (let k = 0; k < 1 + Math.floor(3 * draw(0)); k++) units.splice(Math.floor(draw(1, k) * units.length), draw(2, k) < 0.6 ? 1 : 0, ...(draw(3, k) < 0.7 ? ['{}[]",:0-\\e\n'.charAt(Math.floor(12 * draw(4, k)))] : []))
    try {
      const file: CreamFile = parseCreamFile(units.join(''), 'fuzzed.json')
      expect(parseCreamFile(serialiseCreamFile(file), 'again.json')).toEqual(file)
      read++
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'bad-data')) throw error
      refused++
    }
  }
  expect(read).toBeGreaterThan(100)
  expect(refused).toBeGreaterThan(2000)
}, 60_000)
