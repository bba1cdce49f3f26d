/** Token ids → the tensors that graphs take. */
import { type TableShape, idType } from '../../native-models/families/tables.ts'
import { blocksOf } from './blocks.ts'
import type { BatchShape, Sequence } from './protocol.ts'
import { type DeviceTensor, tensor } from './sessions.ts'

/** An id that no table has would be taken for another. */
export function requireIds(ids: Int32Array, { vocabSize }: TableShape): void {
  const stray = ids.find((id) => id < 0 || id >= vocabSize)
  if (stray !== undefined) throw new Error(`token ${stray} is outside a vocabulary of ${vocabSize}`)
}

/** Token ids [n, 1], of the type that graphs of this model look them up by. */
export function tokenIds(ids: Int32Array, config: TableShape): DeviceTensor {
  requireIds(ids, config)
  return idType(blocksOf(config)) === 'int32' ? tensor('int32', [ids.length, 1], ids) : tensor('int64', [ids.length, 1], BigInt64Array.from(ids, BigInt))
}

/** `tokens`, `places` and `targets` of graphs.ts; the rest of each is padding. */
export function sequenceFeeds(sequences: readonly Sequence[], { rows, length, positions }: BatchShape, config: TableShape): Record<string, DeviceTensor> {
  const tokens = new Int32Array(rows * length)
  const places = new BigInt64Array(positions)
  const targets = new Int32Array(positions)
  let at = 0
  sequences.forEach(({ promptIds, completionIds }, row) => {
    const total = promptIds.length + completionIds.length
    if (promptIds.length === 0) throw new Error('a sequence needs at least one prompt token to predict from')
    if (row >= rows || total > length || at + completionIds.length > positions) throw new Error(`sequence ${row} of ${total} tokens does not fit the batch shape ${rows}×${length}, ${positions} positions`)
    tokens.set(promptIds, row * length)
    tokens.set(completionIds, row * length + promptIds.length)
    completionIds.forEach((id, t) => {
      places[at] = BigInt(row * length + promptIds.length + t - 1) // the state before the token predicts it
      targets[at++] = id
    })
  })
  return {
    tokens: tokenIds(tokens, config),
    places: tensor('int64', [positions, 1], places),
    targets: tokenIds(targets, config),
  }
}

/** One value per completion token of the batch, padded with zeros. */
export function perToken(lists: readonly Float32Array[], sequences: readonly Sequence[], positions: number): Float32Array {
  const flat = new Float32Array(positions)
  let at = 0
  sequences.forEach(({ completionIds }, row) => {
    const list = lists[row]
    if (list?.length !== completionIds.length) throw new Error(`sequence ${row} has ${completionIds.length} completion tokens, but ${list?.length ?? 'no'} values for them`)
    flat.set(list, at)
    at += list.length
  })
  return flat
}

/** Undoes `perToken`: one list per sequence. */
export function splitPerSequence(flat: Float32Array, sequences: readonly Sequence[]): Float32Array[] {
  let at = 0
  return sequences.map(({ completionIds }) => flat.slice(at, (at += completionIds.length)))
}

/** `members` [rows, positions]: 1 where a completion token belongs to a row. */
export function membership(sequences: readonly Sequence[], { rows, positions }: BatchShape): Float32Array {
  const flat = new Float32Array(rows * positions)
  let at = 0
  sequences.forEach(({ completionIds }, row) => {
    flat.fill(1, row * positions + at, row * positions + at + completionIds.length)
    at += completionIds.length
  })
  return flat
}

export const scalar = (value: number): DeviceTensor => tensor('float32', [], Float32Array.of(value))
