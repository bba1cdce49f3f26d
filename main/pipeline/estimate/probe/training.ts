/** Training steps of a new adapter at rate 0; nothing is written. SFT's: a DPO step is the same graph with another end. */
import type { BatchShape, TrainingParams } from '../../../engine/protocol.ts'
import type { WorkPlan } from '../plan.ts'
import { type Line, forwardWork, lineThrough, openingLine, secondsFor, stepWork } from '../work.ts'
import { type ProbeOptions, affordable, middle, placeOf, sequencesFor, timeAgain, timed } from './timing.ts'

/** Seconds of the whole part, where a smaller measurement will do, and of one step. */
const BUDGET = { all: 4, step: 0.8 }
const SMALL: BatchShape = { rows: 2, length: 16, positions: 16 }

export interface TrainingPace {
  /** One micro-batch. */
  readonly step: Line
  /** Opening a graph, by the work of a step. */
  readonly openStep: Line
  /** The optimiser's update after a step's micro-batches. */
  readonly updateSeconds: number
  readonly steps: number
}

export async function probeTraining(options: ProbeOptions, { rounds, tune }: WorkPlan, forward: Line): Promise<TrainingPace> {
  const { engine, footprint, work, clock, signal } = options
  const { tuning, model, dpo: { beta1, beta2, epsilon, weightDecay, maxGradNorm }, seed } = work.config
  const workOf = (shape: BatchShape): number => stepWork(footprint, shape, tuning.kind)
  const planned = [...rounds.flatMap(({ train }) => train.flat()), ...tune.flat()]
  const usual = planned.length > 0 ? middle(planned) : SMALL
  const large = affordable(usual, BUDGET.step, (shape) => (workOf(shape) / forwardWork(footprint, shape)) * secondsFor(forward, forwardWork(footprint, shape)), 1)
  const params: TrainingParams = { ...placeOf(options), folder: model, tuning, from: null, objective: { kind: 'sft' }, optimiser: { beta1, beta2, epsilon, weightDecay, maxGradNorm }, seed, resume: null }
  const began = performance.now()
  let steps = 0
  await engine.call('startTraining', params, { signal })
  try {
    const step = (...shapes: BatchShape[]) => async (): Promise<void> => {
      ({ step: steps } = await engine.call('trainStep', { microBatches: shapes.map((shape) => ({ shape, sequences: sequencesFor(shape, work) })), learningRate: 0 }, { signal }))
    }
    const atLarge = await timed(step(large), clock)
    const opening = Math.max(0, atLarge.first - atLarge.again)
    // Opening a large model's graph takes seconds, whatever its shape; there the work of one shape tells enough.
    const hasTime = (seconds: number): boolean => (performance.now() - began) / 1000 + seconds < BUDGET.all
    const atSmall = hasTime(opening) && workOf(SMALL) < workOf(large) ? await timed(step(SMALL), clock) : null
    const [shape, once] = atSmall ? [SMALL, atSmall.again] : [large, atLarge.again]
    // Where two micro-batches would take too long, the update counts as part of one.
    const updateSeconds = hasTime(2 * once) ? Math.min(once, Math.max(0, 2 * once - (await timeAgain(step(shape, shape), clock)))) : 0
    const measured = [{ shape: large, ...atLarge }, ...(atSmall ? [{ shape: SMALL, ...atSmall }] : [])]
    return {
      step: lineThrough(measured.map(({ shape: of, again }) => ({ work: workOf(of), seconds: Math.max(0, again - updateSeconds) }))),
      openStep: openingLine(measured.map(({ shape: of, first, again }) => ({ work: workOf(of), seconds: Math.max(0, first - again) }))),
      updateSeconds, steps,
    }
  } finally {
    await engine.call('endTraining', {})
  }
}
