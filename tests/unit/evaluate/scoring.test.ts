import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareItems, itemShares, scoreGreedy, scoreSampled } from '../../../main/evaluate/scoring.ts'

const named = <T>(values: readonly T[]): Map<string, T> => new Map(values.map((value, i) => [`q${i}`, value]))
const greedy = (correct: number, items: number) => scoreGreedy(named(Array.from({ length: items }, (_, i) => i < correct)))

describe('greedy accuracy', () => {
  // Newcombe 1998 (Statistics in Medicine 17:857), table I, method 3.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('%i of %i: Wilson %f to %f', (correct, items, low, high) => {
    const score = greedy(correct, items)
    expect(score).toMatchObject({ correct, items, accuracy: correct / items })
    expect(score.low).toBeCloseTo(low, 4)
    expect(score.high).toBeCloseTo(high, 4)
    const mirrored = greedy(items - correct, items)
    expect([1 - mirrored.high, 1 - mirrored.low]).toEqual([expect.closeTo(score.low, 12), expect.closeTo(score.high, 12)])
  })

  it('has no score without items', () => {
    expect(() => scoreGreedy(new Map())).toThrow(/no task item/)
  })
})

describe('sampled accuracy', () => {
  it('is the mean of the items, however many samples each has', () => {
    const score = scoreSampled(named([[true, true], [false, false, false, false], [true, false]]))
    expect(score.accuracy).toBeCloseTo(0.5, 12)
    expect(score.standardError).toBeCloseTo(Math.sqrt(0.25 / 3), 12) // shares 1, 0, .5: variance .25
    expect(score).toMatchObject({ items: 3, samples: 8 })
  })

  it('does not shrink its error when samples are copies of each other', () => {
    const once = scoreSampled(named([[true], [false], [true], [false]]))
    const copied = scoreSampled(named([true, false, true, false].map((right) => Array<boolean>(50).fill(right))))
    expect(copied.standardError).toBeCloseTo(once.standardError as number, 12)
  })

  it('knows no error of one item, and no score of an item without samples', () => {
    expect(scoreSampled(named([[true, false]]))).toEqual({ accuracy: 0.5, standardError: null, items: 1, samples: 2 })
    expect(() => scoreSampled(named([[true], []]))).toThrow(/q1/)
  })
})

describe('paired difference', () => {
  it('is the mean difference with the error of the differences, whatever the order of the ids', () => {
    const first = new Map([['a', 0.2], ['b', 0.4], ['c', 0.6]])
    const second = new Map([['c', 0.9], ['a', 0.2], ['b', 0.7]])
    const paired = compareItems(first, second) // differences 0, .3, .3
    expect(paired.difference).toBeCloseTo(0.2, 12)
    expect(paired.standardError).toBeCloseTo(Math.sqrt(0.03 / 3), 12)
    expect(paired.z).toBeCloseTo(2, 12)
  })

  it('turns its sign with the models', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(fc.array(fc.tuple(share, share), { minLength: 2 }), (pairs) => {
        const [a, b] = [named(pairs.map(([x]) => x)), named(pairs.map(([, y]) => y))]
        expect(compareItems(a, b).difference).toBeCloseTo(-compareItems(b, a).difference, 12)
        expect(compareItems(a, b).standardError).toBeCloseTo(compareItems(b, a).standardError as number, 12)
      }),
    )
  })

  it('sees a small steady gain that unpaired errors would hide', () => {
    const hard = Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 0.1 : 0.8))
    const paired = compareItems(named(hard), named(hard.map((x, i) => x + (i % 5 === 0 ? 0.2 : 0))))
    expect(paired.z).toBeGreaterThan(5)
    expect(compareItems(named(hard), named(hard)).z).toBeNull()
  })

  it('refuses models evaluated on different items', () => {
    expect(() => compareItems(named([1, 0]), named([1]))).toThrow(/different items/)
    expect(() => compareItems(new Map([['a', 1]]), new Map([['b', 1]]))).toThrow(/different items/)
  })

  it('takes shares of sampled answers', () => {
    const shares = itemShares(named([[true, false], [true, true]]))
    expect([...shares]).toEqual([['q0', 0.5], ['q1', 1]])
  })
})
