import { expect, it } from 'vitest'
import { parseInPieces } from '../../../main/text/json-pieces.ts'
import { mutant } from '../../fuzz/mutate.ts'

const value = {
  version: '1.0', empty: [], none: {}, '__proto__': 'a key', 'a "key" \\': [1, -2.5e3, null, true, '"]}, \\'],
  model: { vocab: Object.fromEntries(Array.from({ length: 60 }, (_, i) => [i % 9 === 0 ? `${i}` : `"${i}\\`, i])), merges: Array.from({ length: 80 }, (_, i) => [`a${i}`, '{,"']), deep: [[[[[1, [2]], { a: [] }]]]] },
  last: 'x',
}
const texts = [JSON.stringify(value), JSON.stringify(value, null, 2), ` \n${JSON.stringify([value, value], null, '\t')}\r\n `, '"text"', '[ ]', '{"a":1,"a":2}']
const outcome = (parse: () => unknown): unknown => {
  try {
    return JSON.stringify(parse())
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError)
    return 'refused'
  }
}

it.each([1, 7, 40, 300, 2000])('gives what JSON.parse gives, in pieces of %d characters', (size) => {
  for (const text of texts) {
    let calls = 0
    expect(outcome(() => parseInPieces(text, () => calls++, size))).toBe(outcome(() => JSON.parse(text)))
    if (text.length > 3 * size && text.length > 100) expect(calls).toBeGreaterThan(2)
  }
})

it('and refuses what it refuses: 20 000 damaged texts', () => {
  const corpus = { files: texts.map((text) => Buffer.from(text)), tokens: ['"', '\\', '\\"', '{', '}', '[', ']', ',', ',,', ':', ' ', '\n', '\uFEFF', '\u00a0', '"":', '[1,]', '{}', '"__proto__":1,'] }
  const seen = new Set<boolean>()
  for (let i = 0; i < 20_000; i++) {
    const text = mutant(corpus, 7, i).toString()
    const expected = outcome(() => JSON.parse(text))
    seen.add(expected === 'refused')
    expect(outcome(() => parseInPieces(text, () => undefined, [3, 20, 100][i % 3]!)), `mutation ${i}`).toBe(expected)
  }
  expect(seen.size).toBe(2)
}, 60_000)
