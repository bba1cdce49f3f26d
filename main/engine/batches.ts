/**
 * Plans batches: what runs together, padded to which shape. Pure and deterministic, so that a plan can be stored and a
 * batch redone to the same bytes. Few distinct shapes, because each shape is a graph of its own.
 */
import type { BatchShape, SampleShape } from './protocol.ts'

export interface Lengths {
  readonly promptTokens: number
  readonly completionTokens: number
}

export interface Planned<Shape> {
  /** Indices into the planned list, in the order of the batch's rows. */
  readonly members: readonly number[]
  readonly shape: Shape
}

/** Tokens of one forward batch: bounds activations and the head's logits. */
const BATCH_TOKENS = 4096
/** KV-cache slots of one sampling batch, over all rows. */
const CACHE_SLOTS = 32 * 1024
const MAX_SAMPLING_ROWS = 64

/** Steps of an eighth of the power of two below, at least 16: padding stays below 1/8 (from 128 on) and shapes few. */
export function roundLength(length: number): number {
  const step = Math.max(16, 2 ** Math.floor(Math.log2(Math.max(1, length))) / 8)
  return Math.ceil(length / step) * step
}

const roundRows = (rows: number): number => 2 ** Math.ceil(Math.log2(rows))

/** The shape that holds these sequences. */
export function shapeOf(lengths: readonly Lengths[], rows = lengths.length): BatchShape {
  const length = roundLength(Math.max(...lengths.map((one) => one.promptTokens + one.completionTokens)))
  const positions = lengths.reduce((sum, one) => sum + one.completionTokens, 0)
  return { rows, length, positions: roundLength(Math.max(1, positions)) }
}

/** Scoring: longest first, so that the largest batch comes first and memory is known at once. */
export function planScoring(lengths: readonly Lengths[], maxTokens = BATCH_TOKENS): Planned<BatchShape>[] {
  const order = byLength(lengths, (one) => one.promptTokens + one.completionTokens)
  const planned: Planned<BatchShape>[] = []
  for (let at = 0; at < order.length; ) {
    const longest = lengths[order[at]!]!
    const length = roundLength(longest.promptTokens + longest.completionTokens)
    const rows = Math.max(1, 2 ** Math.floor(Math.log2(maxTokens / length)))
    const members = order.slice(at, at + rows)
    planned.push({ members, shape: shapeOf(members.map((i) => lengths[i]!), roundRows(members.length)) })
    at += members.length
  }
  return planned
}

/** Sampling: prompts of like length together, all `responses` of a prompt in one batch. `members` are prompt indices. */
export function planSampling(promptTokens: readonly number[], responses: number, maxNewTokens: number): Planned<SampleShape>[] {
  const order = byLength(promptTokens, (tokens) => tokens)
  const planned: Planned<SampleShape>[] = []
  for (let at = 0; at < order.length; ) {
    const promptLength = roundLength(promptTokens[order[at]!]!)
    const capacity = Math.ceil((promptTokens[order[at]!]! + maxNewTokens) / 16) * 16
    const rows = Math.min(MAX_SAMPLING_ROWS, Math.max(responses, Math.floor(CACHE_SLOTS / capacity)))
    const prompts = Math.max(1, Math.min(Math.floor(rows / responses), promptTokens.length))
    const members = order.slice(at, at + prompts)
    planned.push({ members, shape: { rows: prompts * responses, prompts, promptLength, capacity } })
    at += members.length
  }
  return planned
}

/** One optimiser step's micro-batches of `group` consecutive sequences (2 = pairs), in the order given. */
export function planMicroBatches(lengths: readonly Lengths[], group: 1 | 2, maxTokens = BATCH_TOKENS): Planned<BatchShape>[] {
  const units = lengths.length / group
  const tokensOf = (unit: number): number => roundLength(Math.max(...Array.from({ length: group }, (_, i) => lengths[unit * group + i]!.promptTokens + lengths[unit * group + i]!.completionTokens)))
  const order = byLength(Array.from({ length: units }, (_, unit) => unit), tokensOf)
  const planned: Planned<BatchShape>[] = []
  for (let at = 0; at < units; ) {
    const size = Math.max(1, 2 ** Math.floor(Math.log2(maxTokens / (tokensOf(order[at]!) * group))))
    const members = order.slice(at, at + size).flatMap((unit) => Array.from({ length: group }, (_, i) => unit * group + i))
    planned.push({ members, shape: shapeOf(members.map((i) => lengths[i]!), group * roundRows(members.length / group)) })
    at += members.length / group
  }
  return planned
}

/** Indices, longest first; equal ones in their order. */
function byLength<T>(items: readonly T[], length: (item: T) => number): number[] {
  return items.map((_, i) => i).sort((a, b) => length(items[b]!) - length(items[a]!) || a - b)
}
