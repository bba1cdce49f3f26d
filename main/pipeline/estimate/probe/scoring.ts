/** Forward passes: from one short sequence up to as much of a usual batch as there is time for. */
import type { BatchShape } from '../../../engine/protocol.ts'
import type { RoundPlan } from '../plan.ts'
import { type Line, type Timing, forwardWork, lineThrough, openingLine, secondsFor } from '../work.ts'
import { type ProbeOptions, type Timed, affordable, middle, placeOf, sequencesFor, timed } from './timing.ts'

/** Seconds of one call at most, as far as the smaller ones tell. */
const LONGEST = 0.8
/** What every run's first call to the engine is (`proveModel`). */
const FIRST: BatchShape = { rows: 1, length: 16, positions: 16 }

export interface ScoringPace {
  /** The first call beyond a later one: weights, and the first graph. */
  readonly loadSeconds: number
  readonly forward: Line
  /** Opening a graph, by the work of a pass through it. */
  readonly open: Line
  /** The largest shape that was scored, and what opening and running it added to the engine's memory. */
  readonly largest: { readonly shape: BatchShape; readonly bytes: number }
  readonly sequences: number
}

export async function probeScoring(options: ProbeOptions, { score }: RoundPlan): Promise<ScoringPace> {
  const { engine, footprint, work, model, clock, signal } = options
  const usual = middle(score)
  const run = (shape: BatchShape): Promise<Timed> =>
    timed(() => engine.call('score', { ...placeOf(options), models: [model], sequences: sequencesFor(shape, work), shape }, { signal }), clock)
  const resident = async (): Promise<number> => (await engine.call('memory', {}, { signal })).rss
  const timingOf = (shape: BatchShape, seconds: number): Timing => ({ work: forwardWork(footprint, shape), seconds })

  const start = await run(FIRST)
  const [passes, opened] = [[timingOf(FIRST, start.again)], [] as Timing[]]
  let [largest, sequences] = [{ shape: FIRST, bytes: 0 }, FIRST.rows]
  const one: BatchShape = { rows: 1, length: usual.length, positions: Math.max(16, 16 * Math.ceil(usual.positions / usual.rows / 16)) }
  for (let shape = one; ; ) {
    const before = await resident()
    const { first, again } = await run(shape)
    largest = { shape, bytes: Math.max(0, (await resident()) - before) }
    sequences += shape.rows
    passes.push(timingOf(shape, again))
    opened.push(timingOf(shape, Math.max(0, first - again)))
    const line = lineThrough(passes)
    const larger = affordable(usual, LONGEST, (other) => secondsFor(line, forwardWork(footprint, other)), 1)
    if (opened.length === 2 || larger.rows <= shape.rows) break
    shape = larger
  }
  return { loadSeconds: Math.max(0, start.first - start.again), forward: lineThrough(passes), open: openingLine(opened), largest, sequences }
}
