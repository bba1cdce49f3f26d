/** Ten seconds of the run's own engine calls at the run's own shapes: what rates and behaviour are taken from. */
import { AppError } from '../../../preload/contract/errors.ts'
import { shapeOf } from '../../engine/batches.ts'
import type { EngineHost } from '../../engine/host.ts'
import type { BatchShape, Footprint, ModelRef, Place, Sequence, TrainingParams } from '../../engine/protocol.ts'
import { type Behaviour, type Observed, behaviourOf, longest } from './behaviour.ts'
import { type RoundPlan, type SamplingBatch, type WorkPlan, planWork } from './plan.ts'
import { type Line, type Timing, forwardWork, lineThrough, prefillWork, secondsFor, stepWork } from './work.ts'
import type { Workload } from './workload.ts'

export interface Rates {
  /** From a start of the engine to its first score, less what opening a graph takes. */
  readonly startSeconds: number
  readonly forward: Line
  /** Opening one scoring graph. */
  readonly openForward: number
  readonly step: Line
  readonly openStep: number
  /** The optimiser's update after a step's micro-batches. */
  readonly updateSeconds: number
  /** Merging a model and opening its first two graphs. */
  readonly setupSeconds: number
  /** One decoding step of so many rows at so many slots in use. */
  readonly decode: { readonly seconds: number; readonly rows: number; readonly slots: number }
}

export interface Probe {
  readonly rates: Rates
  readonly behaviour: Behaviour
  /** Resident memory of an engine that has opened its first graph and loaded nothing. */
  readonly runtimeBytes: number
  /** Bytes of text a token writes, on average. */
  readonly bytesPerToken: number
  readonly seconds: number
  readonly sentence: string
}

export interface ProbeOptions {
  readonly engine: EngineHost
  readonly footprint: Footprint
  readonly work: Workload
  readonly model: ModelRef
  readonly runtimeBytes: number
  readonly decode: (batch: readonly number[][]) => Promise<string[]>
  /** Seconds since whenever: the wall's, or a test's. */
  readonly clock: () => number
  readonly signal: AbortSignal
}

/** Seconds for all of it; each part has a share. A part that is begun is ended, so a large model may take longer. */
const BUDGET = { score: 2, sample: 3.5, train: 4 }
/** Decoding steps that tell the pace even where the time is over. */
const LEAST_STEPS = 4

export async function probeRun(options: ProbeOptions): Promise<Probe> {
  const { work, runtimeBytes, signal } = options
  const began = performance.now()
  const plan = planWork(work, longest)
  const round = plan.rounds[0]!
  const scoring = await probeScoring(options, round)
  signal.throwIfAborted()
  const sampling = await probeSampling(options, round.sample[0]!, scoring.forward)
  signal.throwIfAborted()
  const training = await probeTraining(options, planWork(work, sampling.behaviour), scoring.forward, sampling.completions)
  const { behaviour, bytesPerToken, setupSeconds, decode } = sampling
  const [startSeconds, { forward, openForward }] = [Math.max(0, scoring.firstSeconds - scoring.openForward), scoring]
  const seconds = (performance.now() - began) / 1000
  return {
    rates: { startSeconds, forward, openForward, ...training, setupSeconds, decode },
    behaviour, runtimeBytes, bytesPerToken, seconds,
    sentence: `In ${seconds.toFixed(0)} s the engine scored ${scoring.sequences} sequences, sampled ${sampling.observed} responses for ${sampling.steps} steps and took ${training.steps} training steps.`,
  }
}

const placeOf = ({ work: { config: { device, threads } } }: ProbeOptions): Place => ({ device, threads })

/** The most common shapes matter most; their middle one stands for all. */
const middle = <Shape extends BatchShape>(shapes: readonly Shape[]): Shape => shapes.toSorted((a, b) => a.rows * a.length - b.rows * b.length)[Math.floor(shapes.length / 2)]!

/** The same shape with fewer rows, so that it takes about so many seconds; `unit` rows belong together. */
function affordable(shape: BatchShape, seconds: number, cost: (shape: BatchShape) => number, unit: number): BatchShape {
  let { rows, length, positions } = shape
  while (rows / 2 >= unit && cost({ rows, length, positions }) > seconds) [rows, positions] = [rows / 2, Math.max(16, 16 * Math.ceil(positions / 32))]
  return { rows, length, positions }
}

/** Sequences that fill a shape, of tokens that stand in the prompts. */
function sequencesFor({ rows, length, positions }: BatchShape, { examples }: Workload): Sequence[] {
  const ids = examples.flatMap((example) => example.ids)
  const tokens = (count: number, from: number): Int32Array => Int32Array.from({ length: count }, (_, i) => ids[(from + i) % ids.length]!)
  const completion = Math.max(1, Math.min(length - 1, Math.floor(positions / rows)))
  return Array.from({ length: rows }, (_, row) => ({ promptIds: tokens(length - completion, row * 31), completionIds: tokens(completion, row * 17) }))
}

/** Twice each, the first time with opening; small ones again, as they are soon told apart by noise alone. */
async function timed(call: () => Promise<unknown>, clock: () => number): Promise<{ first: number; again: number }> {
  const once = async (): Promise<number> => {
    const began = clock()
    await call()
    return clock() - began
  }
  const first = await once()
  const again = [await once()]
  while (again.length < 3 && again[0]! < 0.1) again.push(await once())
  return { first, again: again.sort((a, b) => a - b)[Math.floor(again.length / 2)]! }
}

async function probeScoring(options: ProbeOptions, { score }: RoundPlan): Promise<{ forward: Line; openForward: number; firstSeconds: number; sequences: number }> {
  const { engine, footprint, work, model, clock, signal } = options
  const usual = middle(score)
  const run = async (shape: BatchShape): Promise<Timing & { first: number }> => {
    const { first, again } = await timed(() => engine.call('score', { ...placeOf(options), models: [model], sequences: sequencesFor(shape, work), shape }, { signal }), clock)
    return { work: forwardWork(footprint, shape), seconds: again, first }
  }
  const small = await run({ rows: 1, length: usual.length, positions: Math.max(16, 16 * Math.ceil(usual.positions / usual.rows / 16)) })
  const perFlop = small.seconds / small.work
  const large = affordable(usual, BUDGET.score / 3, (shape) => perFlop * forwardWork(footprint, shape), 1)
  const timings = large.rows > 1 ? [small, await run(large)] : [small]
  const last = timings.at(-1)!
  return { forward: lineThrough(timings), openForward: Math.max(0, timings.length > 1 ? last.first - last.seconds : 0), firstSeconds: small.first - small.seconds, sequences: 1 + large.rows }
}

async function probeSampling(options: ProbeOptions, batch: SamplingBatch, forward: Line) {
  const { engine, footprint, work, model, clock, signal, decode } = options
  const { sampling, seed } = work.config
  const { shape } = batch
  const fitting = work.examples.filter(({ ids }) => ids.length <= shape.promptLength && ids.length + batch.maxNewTokens <= shape.capacity)
  const prompts = Array.from({ length: shape.prompts }, (_, i) => Int32Array.from(fitting[i % fitting.length]!.ids))
  const rows = prompts.flatMap((_, prompt) => Array.from({ length: sampling.responses }, (_, i) => ({ prompt, key: [prompt, i] })))
  const completions: number[][] = rows.map(() => [])
  const steps: number[] = []
  const enough = new AbortController()
  const began = performance.now()
  const start = clock()
  let [last, firstSeconds] = [start, 0]
  try {
    await engine.call('sample', {
      ...placeOf(options), ...sampling, model, prompts, rows, shape, seed, maxNewTokens: batch.maxNewTokens, eosIds: work.eosIds, stream: true,
    }, {
      signal: AbortSignal.any([signal, enough.signal]),
      onEvent({ step, ids }) {
        const now = clock()
        if (step === 0) firstSeconds = now - start
        else steps.push(now - last)
        last = now
        ids.forEach((id, row) => { if (id >= 0) completions[row]!.push(id) })
        if (step >= LEAST_STEPS && performance.now() - began > 1000 * BUDGET.sample) enough.abort()
      },
    })
  } catch (error) {
    if (signal.aborted || !enough.signal.aborted || !(error instanceof AppError) || error.code !== 'cancelled') throw error
  }
  await engine.call('endSampling', {})
  const observed = completions.map((ids): Observed => ({ tokens: ids.length, ended: work.eosIds.includes(ids.at(-1) ?? -1) }))
  const texts = await decode(completions)
  const byPrompt = prompts.map((_, prompt) => new Set(texts.filter((_, row) => rows[row]!.prompt === prompt)).size)
  const [tokens, bytes] = [completions.reduce((sum, ids) => sum + ids.length, 0), texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)]
  const pace = steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? firstSeconds // one token each: nothing was decoded
  const promptTokens = prompts.reduce((sum, { length }) => sum + length, 0) / prompts.length
  return {
    completions,
    behaviour: behaviourOf(observed, { distinct: byPrompt.filter((count) => count > 1).length / byPrompt.length, variety: byPrompt.reduce((sum, count) => sum + count, 0) / rows.length }),
    bytesPerToken: tokens === 0 ? 0 : bytes / tokens,
    setupSeconds: Math.max(0, firstSeconds - secondsFor(forward, prefillWork(footprint, shape.prompts, shape.promptLength))),
    decode: { seconds: pace, rows: shape.rows, slots: promptTokens + steps.length / 2 },
    observed: rows.length,
    steps: steps.length + 1,
  }
}

/** DPO steps from a new adapter; SFT's are the same graph with another end. Nothing is written. */
async function probeTraining(options: ProbeOptions, plan: WorkPlan, forward: Line, completions: readonly number[][]) {
  const { engine, footprint, work, clock, signal } = options
  const { config } = work
  const { beta1, beta2, epsilon, weightDecay, maxGradNorm } = config.dpo
  const planned = plan.rounds[0]!.train.flat()
  const cost = (shape: BatchShape): number => (config.tuning.kind === 'lora' ? 2 : 3) * secondsFor(forward, forwardWork(footprint, shape))
  const usual = planned.length > 0 ? middle(planned) : shapeOf(completions.slice(0, 2).map((ids) => ({ promptTokens: work.examples[0]!.ids.length, completionTokens: Math.max(1, ids.length) })))
  const large = affordable(usual, BUDGET.train / 5, cost, 2)
  const small: BatchShape = { rows: 2, length: 16, positions: 16 }
  const start: TrainingParams = {
    ...placeOf(options), folder: config.model, tuning: config.tuning, from: null, objective: { kind: 'dpo', beta: config.dpo.beta },
    optimiser: { beta1, beta2, epsilon, weightDecay, maxGradNorm }, seed: config.seed, resume: null,
  }
  const batchOf = async (shape: BatchShape) => {
    const sequences = sequencesFor(shape, work)
    const { perTokenLogps } = await engine.call('score', { ...placeOf(options), models: [{ folder: config.model, adapter: null }], sequences, shape }, { signal })
    return { shape, sequences, refLogps: perTokenLogps[0]!, consistency: Array<number>(shape.rows / 2).fill(1) }
  }
  const [first, second] = [await batchOf(large), await batchOf(small)]
  await engine.call('startTraining', start, { signal })
  try {
    const step = (microBatches: Awaited<ReturnType<typeof batchOf>>[]) => engine.call('trainStep', { microBatches, learningRate: 0 }, { signal })
    const one = await timed(() => step([first]), clock)
    const tiny = await timed(() => step([second]), clock)
    const two = await timed(() => step([second, second]), clock)
    const updateSeconds = Math.min(tiny.again, Math.max(0, 2 * tiny.again - two.again))
    const timings = [{ work: stepWork(footprint, large, config.tuning.kind), seconds: one.again - updateSeconds }, { work: stepWork(footprint, small, config.tuning.kind), seconds: tiny.again - updateSeconds }]
    return { step: lineThrough(timings), openStep: Math.max(0, one.first - one.again), updateSeconds, steps: 6 }
  } finally {
    await engine.call('endTraining', {})
  }
}
