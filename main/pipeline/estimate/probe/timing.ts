/** How a probe times the engine's calls: few where they are long, many where they are short. */
import type { EngineHost } from '../../../engine/host.ts'
import type { BatchShape, Footprint, ModelRef, Place, Sequence } from '../../../engine/protocol.ts'
import type { Workload } from '../workload.ts'

export interface ProbeOptions {
  readonly engine: EngineHost
  readonly footprint: Footprint
  readonly work: Workload
  readonly model: ModelRef
  /** Resident memory of an engine that has loaded nothing. */
  readonly runtimeBytes: number
  /** Seconds that engine and tokenizer took to answer. */
  readonly startSeconds: number
  readonly decode: (batch: readonly number[][]) => Promise<string[]>
  /** Seconds since whenever: the wall's, or a test's. */
  readonly clock: () => number
  readonly signal: AbortSignal
}

export const placeOf = ({ work: { config: { device, weights, threads } } }: ProbeOptions): Place => ({ device, weights, threads })

/** Seconds of a call's first time, with what it opens, and the mean of the times after. */
export interface Timed {
  readonly first: number
  readonly again: number
}

/** A short call is repeated until so many seconds tell its mean: as a run has it, with whatever else the machine does. */
const TELLING = { seconds: 0.3, calls: 20 }

export async function timeOnce(call: () => Promise<unknown>, clock: () => number): Promise<number> {
  const began = clock()
  await call()
  return clock() - began
}

export async function timeAgain(call: () => Promise<unknown>, clock: () => number): Promise<number> {
  let [calls, seconds] = [0, 0]
  do [calls, seconds] = [calls + 1, seconds + (await timeOnce(call, clock))]
  while (seconds < TELLING.seconds && calls < TELLING.calls)
  return seconds / calls
}

export const timed = async (call: () => Promise<unknown>, clock: () => number): Promise<Timed> =>
  ({ first: await timeOnce(call, clock), again: await timeAgain(call, clock) })

/** The shapes' middle one by tokens stands for all. */
export const middle = <Shape extends BatchShape>(shapes: readonly Shape[]): Shape => shapes.toSorted((a, b) => a.rows * a.length - b.rows * b.length)[Math.floor(shapes.length / 2)]!

/** The same shape with fewer rows (at least `least`), so that it takes about so many seconds. */
export function affordable(shape: BatchShape, seconds: number, cost: (shape: BatchShape) => number, least: number): BatchShape {
  let { rows, length, positions } = shape
  while (rows / 2 >= least && cost({ rows, length, positions }) > seconds) [rows, positions] = [rows / 2, Math.max(16, 16 * Math.ceil(positions / 32))]
  return { rows, length, positions }
}

/** Sequences that fill a shape, of tokens that stand in the prompts. */
export function sequencesFor({ rows, length, positions }: BatchShape, { examples }: Workload): Sequence[] {
  const ids = examples.flatMap((example) => example.ids)
  const tokens = (count: number, from: number): Int32Array => Int32Array.from({ length: count }, (_, i) => ids[(from + i) % ids.length]!)
  const completion = Math.max(1, Math.min(length - 1, Math.floor(positions / rows)))
  return Array.from({ length: rows }, (_, row) => ({ promptIds: tokens(length - completion, row * 31), completionIds: tokens(completion, row * 17) }))
}
