import fc from 'fast-check'
import { expect, test } from 'vitest'
import { shapeOf } from '../../../main/engine/batches.ts'
import { membership, perToken, sequenceFeeds, splitPerSequence } from '../../../main/engine/feeds.ts'
import type { Sequence } from '../../../main/engine/protocol.ts'

const sequence = (promptIds: number[], completionIds: number[]): Sequence => ({ promptIds: Int32Array.from(promptIds), completionIds: Int32Array.from(completionIds) })
const ids = (minLength: number) => fc.array(fc.integer({ min: 1, max: 99 }), { minLength, maxLength: 30 })
const batches = fc.array(fc.tuple(ids(1), ids(0)).map(([prompt, completion]) => sequence(prompt, completion)), { minLength: 1, maxLength: 6 })
const shapeFor = (sequences: readonly Sequence[]) => shapeOf(sequences.map(({ promptIds, completionIds }) => ({ promptTokens: promptIds.length, completionTokens: completionIds.length })), sequences.length + 1)

const config = { vocabSize: 100, hiddenSize: 8 }

test('two rows, worked out', () => {
  const feeds = sequenceFeeds([sequence([5, 6], [7, 8]), sequence([9], [3])], { rows: 2, length: 4, positions: 4 }, config)
  expect(feeds['tokens']!.data).toEqual(BigInt64Array.of(5n, 6n, 7n, 8n, 9n, 3n, 0n, 0n))
  expect(feeds['places']!.data).toEqual(BigInt64Array.of(1n, 2n, 4n, 0n)) // the state before a token predicts it
  expect(feeds['targets']!.data).toEqual(BigInt64Array.of(7n, 8n, 3n, 0n))
  expect([feeds['tokens']!.dims, feeds['places']!.dims, feeds['targets']!.dims]).toEqual([[8, 1], [4, 1], [4, 1]])
  expect(membership([sequence([5, 6], [7, 8]), sequence([9], [3])], { rows: 2, length: 4, positions: 4 })).toEqual(Float32Array.of(1, 1, 0, 0, 0, 0, 1, 0))
})

test('ids are int32 where the tables come in several blocks', () => {
  const large = { vocabSize: 160_000, hiddenSize: 1024 }
  const { tokens, places, targets } = sequenceFeeds([sequence([5, 159_999], [7])], { rows: 1, length: 3, positions: 1 }, large)
  expect([tokens!.data, targets!.data, places!.data]).toEqual([Int32Array.of(5, 159_999, 7), Int32Array.of(7), BigInt64Array.of(1n)])
  expect([tokens!.dims, targets!.dims]).toEqual([[3, 1], [1, 1]])
})

test('every completion token is the target of the place before it, and a member of its own row', () => {
  fc.assert(fc.property(batches, (sequences) => {
    const shape = shapeFor(sequences)
    const { tokens, places, targets } = Object.fromEntries(Object.entries(sequenceFeeds(sequences, shape, config)).map(([name, one]) => [name, Array.from(one.data as BigInt64Array, Number)]))
    const members = membership(sequences, shape)
    const completions = sequences.flatMap(({ completionIds }, row) => Array.from(completionIds, (id) => ({ id, row })))
    completions.forEach(({ id, row }, i) => {
      expect([targets![i], tokens![places![i]! + 1], Math.floor(places![i]! / shape.length)]).toEqual([id, id, row])
      expect(Array.from({ length: shape.rows }, (_, r) => members[r * shape.positions + i])).toEqual(Array.from({ length: shape.rows }, (_, r) => Number(r === row)))
    })
    expect(members.reduce((a, b) => a + b, 0)).toBe(completions.length)
  }))
})

test('per-token values survive packing and splitting', () => {
  fc.assert(fc.property(batches, (sequences) => {
    const lists = sequences.map(({ completionIds }, row) => Float32Array.from(completionIds, (id) => id + row / 8))
    expect(splitPerSequence(perToken(lists, sequences, shapeFor(sequences).positions), sequences)).toEqual(lists)
  }))
})

test('what does not fit is refused: too many rows, too long, too many positions, nothing to predict from', () => {
  const one = sequence([1, 2], [3])
  expect(() => sequenceFeeds([one, one], { rows: 1, length: 16, positions: 16 }, config)).toThrow('sequence 1 of 3 tokens does not fit the batch shape 1×16, 16 positions')
  expect(() => sequenceFeeds([one], { rows: 1, length: 2, positions: 16 }, config)).toThrow('does not fit')
  expect(() => sequenceFeeds([one, one], { rows: 2, length: 16, positions: 1 }, config)).toThrow('sequence 1')
  for (const id of [-1, 100]) expect(() => sequenceFeeds([sequence([1], [id])], { rows: 1, length: 16, positions: 16 }, config)).toThrow(`token ${id} is outside a vocabulary of 100`)
  expect(() => sequenceFeeds([sequence([], [3])], { rows: 1, length: 16, positions: 16 }, config)).toThrow('at least one prompt token')
})

test('reference log-probs of another length than their completions are refused', () => {
  const sequences = [sequence([1], [2, 3]), sequence([1], [4])]
  expect(() => perToken([Float32Array.of(-1), Float32Array.of(-2)], sequences, 16)).toThrow('sequence 0 has 2 completion tokens, but 1 values')
})
