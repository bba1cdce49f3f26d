import { describe, expect, it } from 'vitest'
import { type BiasedPrompt, byAnswer, byLength, byReward, chiSquareTail, lengthCorrelation, longerChosen, pairwiseAgreement, positionCounts } from '../../../main/cream/bias.ts'
import { distinctN, meanRepeated, repeatedShare, similarity } from '../../../main/cream/repetition.ts'

/** Responses by tokens; rewards as given; the pair is made of the best and the worst. */
function prompt(tokens: number[], rewards: number[], correct: (boolean | null)[] = tokens.map(() => null)): BiasedPrompt {
  return {
    responses: tokens.map((count, position) => ({ position, tokens: count, isCorrect: correct[position]! })), rewards, previous: rewards.map((reward) => -reward),
    chosen: rewards.indexOf(Math.max(...rewards)), rejected: rewards.indexOf(Math.min(...rewards)),
  }
}

describe('length', () => {
  it('counts the pairs whose chosen side is longer, equal ones left out', () => {
    const share = longerChosen([prompt([9, 5], [2, 1]), prompt([9, 5], [2, 1]), prompt([4, 6], [2, 1]), prompt([5, 5], [2, 1])])!
    expect(share).toMatchObject({ n: 3 })
    expect(share.rate).toBeCloseTo(2 / 3)
    expect(share.low).toBeLessThan(2 / 3)
    expect(longerChosen([{ ...prompt([9, 5], [2, 1]), chosen: null, rejected: null }])).toBeNull()
  })

  it('is 1 where reward is length, −1 for the judge that thinks the opposite, null where nothing differs', () => {
    const prompts = [prompt([1, 2, 3], [10, 20, 30]), prompt([7, 5], [1, 0])]
    expect(lengthCorrelation(prompts, 'rewards')).toBeCloseTo(1)
    expect(lengthCorrelation(prompts, 'previous')).toBeCloseTo(-1)
    expect(lengthCorrelation([prompt([4, 4], [1, 0])], 'rewards')).toBeNull()
  })
})

describe('position', () => {
  it('counts places against what k distinct responses lead one to expect', () => {
    const even = Array.from({ length: 40 }, (_, i) => prompt([5, 5], i % 2 === 0 ? [1, 0] : [0, 1]))
    expect(positionCounts(even, 2)).toEqual({ chosen: [20, 20], rejected: [20, 20], distinct: [40, 40], pValue: 1 })
    const first = Array.from({ length: 40 }, () => prompt([5, 5], [1, 0]))
    expect(positionCounts(first, 2).pValue).toBeLessThan(1e-9)
    expect(positionCounts([], 3)).toMatchObject({ chosen: [0, 0, 0], pValue: null })
  })

  it('has the tail of the χ² distribution', () => {
    for (const [x, df, p] of [[3.841459, 1, 0.05], [9.487729, 4, 0.05], [0.710723, 4, 0.95], [13.815511, 2, 0.001], [18.307038, 10, 0.05]] as const) expect(chiSquareTail(x, df)).toBeCloseTo(p, 6)
    expect(chiSquareTail(0, 3)).toBe(1)
  })
})

describe('"pick the longer" as a judge', () => {
  it('agrees pair by pair; ties and unknown answers do not count', () => {
    const prompts = [prompt([1, 2, 2], [1, 3, 2], [false, true, null])] // 2 of 2 told-apart pairs agree with r
    expect(pairwiseAgreement(prompts, byLength, byReward)).toMatchObject({ rate: 1, n: 1 })
    expect(pairwiseAgreement(prompts, byLength, byAnswer)).toMatchObject({ rate: 1, n: 1 })
    expect(pairwiseAgreement([prompt([3, 2, 1], [1, 3, 2])], byLength, byReward)!.rate).toBeCloseTo(1 / 3)
    expect(pairwiseAgreement([prompt([2, 2], [1, 3])], byLength, byReward)).toBeNull()
  })
})

describe('repetition', () => {
  it('is counted over n-grams', () => {
    expect(distinctN(['a b a b'], 2)).toBeCloseTo(2 / 3)
    expect(distinctN(['a b', 'a b'], 1)).toBe(0.5)
    expect(distinctN(['a'], 2)).toBeNull()
    expect(repeatedShare('a b a b a b', 2)).toBeCloseTo(3 / 5)
    expect(meanRepeated(['x', 'a b c d a b c d'])).toBeCloseTo(1 / 5)
    expect(similarity('12 + 7 = 19', '12 + 7 = 18')).toBeCloseTo(4 / 6)
    expect(similarity('', '')).toBe(1)
  })
})
