import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { extractAnswer, extractExact, judgeResponse, normaliseNumber } from '../../../main/evaluate/answers.ts'
import type { TaskItem } from '../../../main/evaluate/tasks.ts'

// response, cream, strict
const choices: [string, string | null, string | null][] = [
  ['Answer: B', 'B', 'B'],
  ['answer: b', 'B', 'B'],
  ['The cat sleeps.\nAnswer: C.', 'C', 'C'],
  ['Answer:D', 'D', 'D'],
  ['Answer:\n A', 'A', 'A'],
  ['Answer: (B) photosynthesis', 'B', 'B'], // cream: by fallback, B is the last letter
  ['**Answer:** C', 'C', 'C'],
  ['Answer: **B**, not D', 'D', 'B'], // cream: Markdown hides B, the fallback finds D
  ['Answer: A. Answer: B', 'A', 'B'], // cream: the first, strict: the last
  ['It must be (C)', 'C', null], // no `Answer:`
  ['B is wrong, so this is a trick', 'A', null], // cream: the article counts
  ['Answer: E', null, 'E'],
  ['I think of B. Answer: E', 'B', 'E'],
  ['Answer: 3', null, '3'],
  ['Answer: 2.', null, '2'],
  ['Answer: 12', null, null],
  ['Answer: 3.5', null, null],
  ['Answer: 5', null, null],
  ['Answer: apple', null, null],
  ['Answer: Because', null, null],
  ['Answer: E-mail', null, null],
  ['Answer:', null, null],
  ['', null, null],
  ['The answer is B', 'B', null],
  ['Reanswer: C is what D said', 'D', null], // not a word of its own
  ['ABCD', null, null],
]

const numbers: [string, string | null, string | null][] = [
  ['#### 18', '18', '18'],
  ['Answer: 1,234', '1234', '1234'],
  ['Answer: $1,234.00.', '1234', '1234'],
  ['answer: -7', '-7', '-7'],
  ['Answer: -$7.50', '7.5', '-7.5'], // cream: the sign is cut off
  ['The answer is 42.', '42', null],
  ['She has 3 + 4 = 7 apples', '7', null],
  ['10-5', '-5', null], // cream: a minus is a sign
  ['#### 5\nAnswer: 6', '5', '6'], // cream: #### comes first by rank
  ['Answer: 6\n#### 5', '5', '5'],
  ['Answer: about 12', '12', null], // strict: right behind
  ['Answer: none of the 3', '3', null],
  ['Answer: unknown', null, null],
  ['In 1990, 7 men. Answer: unknown', null, null], // cream: a marker without a number gives no fallback
  ['Answer: nothing. Answer: 9', '9', '9'], // cream: the first part that has a number
  ['Answer: 4 or rather\nAnswer: 5', '4', '5'],
  ['**Answer:** **18** dollars', '18', '18'],
  ['Answer: 0.50', '0.5', '0.5'],
  ['Answer: 18.0', '18', '18'],
  ['no digits', null, null],
  ['', null, null],
]

describe('choices', () => {
  it.each(choices)('%j: cream %s, strict %s', (response, cream, strict) => {
    expect(extractAnswer(response, 'choice', 'cream')).toBe(cream)
    expect(extractAnswer(response, 'choice', 'strict')).toBe(strict)
  })
})

describe('numbers', () => {
  it.each(numbers)('%j: cream %s, strict %s', (response, cream, strict) => {
    expect(extractAnswer(response, 'number', 'cream')).toBe(cream)
    expect(extractAnswer(response, 'number', 'strict')).toBe(strict)
  })

  it.each([
    ['1,234,567', '1234567'],
    ['$ 12.50', '12.5'],
    ['18.', '18'],
    ['.5', '0.5'],
    ['007', '7'],
    ['0.000', '0'],
    ['-0', '0'],
    ['-3.10', '-3.1'],
    ['+4', '4'],
    ['123456789012345678901', '123456789012345678901'],
    ['seven', 'seven'],
    ['1.2.3', '1.2.3'],
  ])('normalises %s to %s', (text, expected) => expect(normaliseNumber(text)).toBe(expected))

  it('finds any integer it is told plainly, however it is grouped', () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        for (const scorer of ['cream', 'strict'] as const) {
          expect(extractAnswer(`So.\nAnswer: ${value.toLocaleString('en-US')}.`, 'number', scorer)).toBe(String(value === 0 ? 0 : value))
        }
      }),
    )
  })
})

describe('exact', () => {
  it.each([
    ['Answer: 82', '82'],
    ['82', '82'],
    ['82.', '82'],
    ['answer: ABCD!', 'abcd'],
    ['  A  b\nc ', 'a b c'],
    ['Answer: 1. Answer: 2', '2'],
    ['Answer:', null],
    ['?!', null],
    ['', null],
    ['82 or 83', '82 or 83'],
  ])('%j gives %s', (response, expected) => expect(extractExact(response)).toBe(expected))
})

describe('judging', () => {
  const item = (answer: string, task?: string): TaskItem => ({ id: 'x', prompt: 'p', answer, task })

  it('compares with the gold answer in the scorer\'s own form', () => {
    expect(judgeResponse('Answer: b', item('B', 'arc-easy'), 'strict')).toEqual({ answer: 'B', correct: true })
    expect(judgeResponse('Answer: 3', item('3', 'arc-challenge'), 'strict').correct).toBe(true)
    expect(judgeResponse('Answer: 3', item('3', 'arc-challenge'), 'cream')).toEqual({ answer: null, correct: false })
    expect(judgeResponse('Answer: 3', item('3', 'gsm8k'), 'cream').correct).toBe(true)
    expect(judgeResponse('#### 1,000.0', item('He runs.\n#### 1000', 'gsm8k'), 'strict').correct).toBe(true)
    expect(judgeResponse('answer: 82!', item('82', 'sum'), 'exact')).toEqual({ answer: '82', correct: true })
    expect(judgeResponse('Answer: 28', item('82', 'sum'), 'exact')).toEqual({ answer: '28', correct: false })
  })

  it('never takes silence for an answer', () => {
    for (const scorer of ['cream', 'strict', 'exact'] as const) {
      expect(judgeResponse('', item('B'), scorer)).toEqual({ answer: null, correct: false })
    }
  })

  it('refuses a free-text gold answer under the letter and number rules', () => {
    expect(() => judgeResponse('Answer: abcd', item('abcd', 'sort'), 'strict')).toThrow(/item x .*'exact'/)
  })
})
