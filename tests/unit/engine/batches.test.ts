import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Lengths, planMicroBatches, planSampling, planScoring, roundLength, shapeOf } from '../../../main/engine/batches.ts'

const lengthsOf = fc.array(fc.record({ promptTokens: fc.integer({ min: 1, max: 2000 }), completionTokens: fc.integer({ min: 0, max: 800 }) }), { maxLength: 80 })
const total = ({ promptTokens, completionTokens }: Lengths): number => promptTokens + completionTokens
const isPowerOfTwo = (n: number): boolean => Number.isInteger(Math.log2(n))
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

describe('a rounded length', () => {
  test('holds the length, is a multiple of 16, wastes less than an eighth beyond 128, and rounds to itself', () => {
    for (let length = 1; length <= 5000; length++) {
      const rounded = roundLength(length)
      expect(rounded).toBeGreaterThanOrEqual(length)
      expect(rounded % 16).toBe(0)
      expect(rounded - length).toBeLessThan(Math.max(16, length / 8))
      expect(roundLength(rounded)).toBe(rounded)
    }
  })

  test('is one of few: at most eight an octave', () => {
    const between = (low: number, high: number): number => new Set(upTo(high - low).map((i) => roundLength(low + i + 1))).size
    expect([between(0, 128), between(128, 256), between(256, 512), between(2048, 4096)]).toEqual([8, 8, 8, 8])
  })
})

test('a shape has room for every row and position, even where nothing is completed', () => {
  expect(shapeOf([{ promptTokens: 5, completionTokens: 0 }])).toEqual({ rows: 1, length: 16, positions: 16 })
  expect(shapeOf([{ promptTokens: 10, completionTokens: 7 }, { promptTokens: 3, completionTokens: 20 }])).toEqual({ rows: 2, length: 32, positions: 32 })
})

describe('a scoring plan', () => {
  test('takes every sequence once, each in its batch’s shape', () => {
    fc.assert(fc.property(lengthsOf, fc.constantFrom(512, 4096), (lengths, maxTokens) => {
      const plan = planScoring(lengths, maxTokens)
      expect(plan.flatMap(({ members }) => members).sort((a, b) => a - b)).toEqual(upTo(lengths.length))
      for (const { members, shape } of plan) {
        expect(members.length).toBeLessThanOrEqual(shape.rows)
        expect(shape.rows).toBeLessThan(2 * members.length)
        expect(isPowerOfTwo(shape.rows)).toBe(true)
        for (const i of members) expect(total(lengths[i]!)).toBeLessThanOrEqual(shape.length)
        expect(members.reduce((sum, i) => sum + lengths[i]!.completionTokens, 0)).toBeLessThanOrEqual(shape.positions)
        expect(shape.positions % 16 + shape.length % 16).toBe(0)
        if (shape.rows > 1) expect(shape.rows * shape.length).toBeLessThanOrEqual(maxTokens)
      }
      expect(plan.map(({ shape }) => shape.length)).toEqual(plan.map(({ shape }) => shape.length).sort((a, b) => b - a))
      expect(planScoring(lengths, maxTokens)).toEqual(plan)
    }))
  })
})

describe('a sampling plan', () => {
  test('takes every prompt once, with all its responses, prompt and new tokens within the cache', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 120 }), fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 800 }), (prompts, responses, maxNewTokens) => {
      const plan = planSampling(prompts, responses, maxNewTokens)
      expect(plan.flatMap(({ members }) => members).sort((a, b) => a - b)).toEqual(upTo(prompts.length))
      for (const { members, shape } of plan) {
        expect(members.length).toBeLessThanOrEqual(shape.prompts)
        expect(members.length * responses).toBeLessThanOrEqual(shape.rows)
        expect(shape.rows).toBeLessThanOrEqual(Math.max(64, responses))
        expect(shape.prompts).toBeLessThanOrEqual(prompts.length)
        expect(shape.capacity % 16).toBe(0)
        for (const i of members) {
          expect(prompts[i]!).toBeLessThanOrEqual(shape.promptLength)
          expect(prompts[i]! + maxNewTokens).toBeLessThanOrEqual(shape.capacity)
        }
        if (shape.rows > responses) expect(shape.rows * shape.capacity).toBeLessThanOrEqual(32 * 1024)
      }
      expect(planSampling(prompts, responses, maxNewTokens)).toEqual(plan)
    }))
  })

  test('for one prompt alone does not compute the rows of twelve', () => {
    expect(planSampling([20], 5, 24)).toEqual([{ members: [0], shape: { rows: 5, prompts: 1, promptLength: 32, capacity: 48 } }])
  })

  test('has few shapes: prompts of 10 to 200 tokens, 1 500 of them', () => {
    const plan = planSampling(upTo(1500).map((i) => 10 + ((i * 7919) % 191)), 5, 64)
    expect(new Set(plan.map(({ shape }) => JSON.stringify(shape))).size).toBeLessThan(20)
  })
})

describe('the micro-batches of a step', () => {
  test('take every sequence once and never part a pair', () => {
    fc.assert(fc.property(lengthsOf, fc.constantFrom(1 as const, 2 as const), fc.constantFrom(512, 4096), (some, group, maxTokens) => {
      const lengths = some.slice(0, some.length - (some.length % group))
      const plan = planMicroBatches(lengths, group, maxTokens)
      expect(plan.flatMap(({ members }) => members).sort((a, b) => a - b)).toEqual(upTo(lengths.length))
      for (const { members, shape } of plan) {
        expect(members.length).toBeLessThanOrEqual(shape.rows)
        expect(isPowerOfTwo(shape.rows / group)).toBe(true)
        if (group === 2) for (let i = 0; i < members.length; i += 2) expect([members[i]! % 2, members[i + 1]]).toEqual([0, members[i]! + 1])
        for (const i of members) expect(total(lengths[i]!)).toBeLessThanOrEqual(shape.length)
        expect(members.reduce((sum, i) => sum + lengths[i]!.completionTokens, 0)).toBeLessThanOrEqual(shape.positions)
        if (shape.rows > group) expect(shape.rows * shape.length).toBeLessThanOrEqual(maxTokens)
      }
      expect(planMicroBatches(lengths, group, maxTokens)).toEqual(plan)
    }))
  })
})
