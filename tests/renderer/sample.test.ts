import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { SampleSummary, SampledPrompt } from '../../preload/contract/requests/sample.ts'
import { paced } from '../../renderer/state/pace.ts'
import { distinctNote, distinctTexts, lastTurn, repeatsOf, rightOf, sampleTitle, truncatedNote } from '../../renderer/steps/sample/findings.ts'

const summary: SampleSummary = { prompts: 600, sampled: 40, responses: 200, truncated: 4, meanTokens: 9, meanDistinct: 2.88, accuracy: 0.7, tasks: [] }
const prompt = (...responses: [string, boolean | null][]): SampledPrompt => ({
  promptId: 'p', position: 0, input: 'Add 1 and 2.', tokens: 4, answer: '3', task: null, skipReason: null,
  responses: responses.map(([text, isCorrect], position) => ({ responseId: `r${position}`, position, text, tokens: 1, finishReason: 'eos', isCorrect })),
})

describe("what Sample's figures say", () => {
  it('says what is planned, under way and done', () => {
    expect(sampleTitle('M1', summary, 5, 'planned')).toBe('M1 will write 5 responses to each of 600 prompts')
    expect(sampleTitle('M1', summary, 5, 'at-work')).toBe('M1 is answering: 40 prompts of 600 done')
    expect(sampleTitle('M1', summary, 5, 'begun')).toContain('goes on from there')
    expect(sampleTitle('M1', summary, 5, 'done')).toBe('200 responses to 40 prompts: 2.9 distinct a prompt, 70.0 % right')
  })
  it('warns where responses are too alike or cut short', () => {
    expect(distinctNote(summary)).toBe('of 5 a prompt')
    expect(distinctNote({ ...summary, meanDistinct: 1.4 })).toContain('raise the temperature')
    expect(truncatedNote(summary).tone).toBe('plain')
    expect(truncatedNote({ ...summary, truncated: 60 })).toEqual({ note: 'half answers: allow more new tokens', tone: 'warn' })
  })
  it('counts distinct and right responses, and names repeats', () => {
    const one = prompt(['3', true], ['4', false], ['3', true], ['?', null])
    expect([distinctTexts(one), rightOf(one), repeatsOf(one)]).toEqual([3, '2/3', [null, null, 1, null]])
    expect(rightOf(prompt(['3', null]))).toBeNull()
    expect(lastTurn([{ role: 'system', content: 's' }, { role: 'user', content: ' a\n b ' }])).toBe('a b')
  })
})

describe('paced work', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())
  it('starts at once, then at most once in a while, and never loses the last asking', () => {
    const work = vi.fn()
    const { ask, stop } = paced(work, 1000)
    for (let i = 0; i < 9; i++) {
      ask()
      vi.advanceTimersByTime(100)
    }
    expect(work).toHaveBeenCalledTimes(1)
    vi.advanceTimersByTime(1000)
    expect(work).toHaveBeenCalledTimes(2)
    ask()
    stop()
    vi.advanceTimersByTime(5000)
    expect(work).toHaveBeenCalledTimes(2)
  })
})
