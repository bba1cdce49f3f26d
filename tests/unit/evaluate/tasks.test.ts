import { describe, expect, it } from 'vitest'
import { answerKindOf, paperSuffix, toPrompt } from '../../../main/evaluate/tasks.ts'

describe('prompts', () => {
  it('carry the suffix behind the last user turn, and stay untouched without one', () => {
    const conversation = [
      { role: 'system' as const, content: 'Be brief.' },
      { role: 'user' as const, content: 'Which?' },
    ]
    expect(toPrompt({ id: '1', prompt: '2+2?', answer: '4' }, paperSuffix)).toBe(`2+2?${paperSuffix}`)
    expect(toPrompt({ id: '1', prompt: conversation, answer: 'A' }, '\nThink.')).toEqual([
      conversation[0],
      { role: 'user', content: 'Which?\nThink.' },
    ])
    expect(conversation[1]?.content).toBe('Which?')
    expect(toPrompt({ id: '1', prompt: conversation, answer: 'A' }, '')).toBe(conversation)
  })

  it('must end with the question', () => {
    const prompt = [{ role: 'assistant' as const, content: 'Hello' }]
    expect(() => toPrompt({ id: 'q7', prompt, answer: 'A' }, '!')).toThrow(/q7/)
  })
})

describe('answer kinds', () => {
  it.each([
    ['gsm8k', '3', 'number'],
    ['gsm8k-test', 'worked\n#### 3', 'number'],
    ['ARC-Challenge', '3', 'choice'],
    ['arc_easy', 'A', 'choice'],
    ['openbookqa', 'D', 'choice'],
    ['siqa', 'C', 'choice'],
    ['march-of-numbers', '17', 'number'],
    [undefined, 'E', 'choice'],
    [undefined, '4', 'choice'],
    [undefined, '5', 'number'],
    [undefined, '$1,200.50', 'number'],
  ])('%s with gold %j is a %s', (task, answer, kind) => {
    expect(answerKindOf({ id: '1', prompt: '', answer, task })).toBe(kind)
  })

  it('are not guessed for free text', () => {
    expect(() => answerKindOf({ id: 'q9', prompt: '', answer: 'Paris' })).toThrow(/q9/)
  })
})
