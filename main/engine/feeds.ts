/** Token ids → the tensors that training and scoring graphs take. */
import type { BatchShape, Sequence } from './protocol.ts'
import { type DeviceTensor, tensor } from './sessions.ts'

/** `tokens`, `places` and `targets` of graphs.ts; the rest of each is padding. */
export function sequenceFeeds(sequences: readonly Sequence[], { rows, length, positions }: BatchShape): Record<string, DeviceTensor> {
  const tokens = new BigInt64Array(rows * length)
  const places = new BigInt64Array(positions)
  const targets = new BigInt64Array(positions)
  let at = 0
  sequences.forEach(({ promptIds, completionIds }, row) => {
    const total = promptIds.length + completionIds.length
    if (promptIds.length === 0) throw new Error('a sequence needs at least one prompt token to predict from')
    if (row >= rows || total > length || at + completionIds.length > positions) throw new Error(`sequence ${row} of ${total} tokens does not fit the batch shape ${rows}×${length}, ${positions} positions`)
    promptIds.forEach((id, t) => (tokens[row * length + t] = BigInt(id)))
    completionIds.forEach((id, t) => {
      tokens[row * length + promptIds.length + t] = BigInt(id)
      places[at] = BigInt(row * length + promptIds.length + t - 1) // the state before the token predicts it
      targets[at++] = BigInt(id)
    })
  })
  return {
    tokens: tensor('int64', [rows * length, 1], tokens),
    places: tensor('int64', [positions, 1], places),
    targets: tensor('int64', [positions, 1], targets),
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
