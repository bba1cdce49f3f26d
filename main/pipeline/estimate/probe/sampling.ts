/** Batches as the stages sample them, decoded to text: their pace, and how the model answers. */
import { AppError } from '../../../../preload/contract/errors.ts'
import type { EngineCalls, SampleShape } from '../../../engine/protocol.ts'
import { type Behaviour, type Observed, behaviourOf } from '../behaviour.ts'
import type { SamplingBatch } from '../plan.ts'
import { type Line, prefillWork, secondsFor } from '../work.ts'
import { type ProbeOptions, placeOf, timeOnce } from './timing.ts'

/** Seconds of reading the prompts, as far as scoring tells; of the batch that is watched; of those after it. */
const BUDGET = { read: 1, watched: 3, more: 1.5 }
/** Decoding steps that tell the pace even where the time is over. */
const LEAST_STEPS = 4

export interface SamplingPace {
  /** Merging the model's adapter into weights that sampling holds. */
  readonly mergeSeconds: number
  /** Opening a shape's two graphs. */
  readonly openSampling: number
  /** A batch beside reading its prompts and its decoding steps: its way to the engine and back, and to text. */
  readonly batchSeconds: number
  /** One decoding step of so many rows at so many slots in use. */
  readonly decode: { readonly seconds: number; readonly rows: number; readonly slots: number }
}

export interface Sampled extends SamplingPace {
  readonly behaviour: Behaviour
  /** Bytes of text a token writes, on average. */
  readonly bytesPerToken: number
  readonly observed: number
  readonly steps: number
}

type Params = EngineCalls['sample']['params']

/** The first batch is watched step by step, and ended when it takes long; where it was whole, others follow as a run has them. */
export async function probeSampling(options: ProbeOptions, batch: SamplingBatch, forward: Line): Promise<Sampled> {
  const { engine, footprint, clock, signal, decode } = options
  const { responses } = options.work.config.sampling
  const reading = ({ prompts, promptLength }: SampleShape): number => secondsFor(forward, prefillWork(footprint, prompts, promptLength))
  const prompts = Math.max(1, Math.min(batch.shape.prompts, Math.floor(BUDGET.read / reading({ ...batch.shape, prompts: 1 }))))
  const shape = { ...batch.shape, prompts }
  const groups = Math.max(1, Math.floor(shape.rows / responses))

  const watched = await watch(options, paramsFor(options, batch, shape, 0))
  const batches: Sample[] = [{ completions: watched.completions, texts: await decode(watched.completions), seconds: watched.firstSeconds + sum(watched.steps) }]
  const expected = sum(watched.steps) + reading(shape)
  const whole = (): readonly Sample[] => batches.slice(1)
  while (watched.isWhole && sum(whole().map(({ seconds }) => seconds)) + expected < BUDGET.more) { // with other draws, where the prompts come around
    const began = clock()
    const { completions } = await engine.call('sample', paramsFor(options, batch, shape, batches.length * prompts), { signal })
    const ids = completions.map((one) => [...one.ids])
    batches.push({ completions: ids, texts: await decode(ids), seconds: clock() - began })
  }
  const another = { ...shape, prompts: 1, capacity: shape.capacity + 16 }
  const openSampling = Math.max(0, await timeOnce(() => engine.call('sample', { ...paramsFor(options, batch, another, 0), maxNewTokens: 1 }, { signal }), clock) - reading(another))
  await engine.call('endSampling', {})

  const eos = new Set(options.work.eosIds)
  const observed = batches.flatMap(({ completions }) => completions.map((ids): Observed => ({ tokens: ids.length, ended: eos.has(ids.at(-1) ?? -1) })))
  const byPrompt = batches.flatMap(({ texts }) => Array.from({ length: groups }, (_, g) => new Set(texts.slice(g * responses, (g + 1) * responses)).size))
  const [tokens, bytes] = [sum(observed.map((one) => one.tokens)), sum(batches.flatMap(({ texts }) => texts.map((text) => Buffer.byteLength(text))))]
  const promptTokens = mean(paramsFor(options, batch, shape, 0).prompts.map(({ length }) => length))
  const distinct = partedBy(batch.maxNewTokens)
  return {
    ...paceOf(),
    openSampling, mergeSeconds: Math.max(0, watched.firstSeconds - openSampling - reading(shape)),
    behaviour: behaviourOf(observed, { distinct, variety: Math.max(mean(byPrompt), 1 + distinct) / responses }),
    bytesPerToken: tokens === 0 ? 0 : bytes / tokens,
    observed: observed.length, steps: watched.steps.length + 1,
  }

  /** Share of the prompts whose responses differ. Those that were cut while they were the same part later, at the rate seen (half a prompt's at least). */
  function partedBy(most: number): number {
    const seen = byPrompt.filter((count) => count > 1).length / byPrompt.length
    const longest = Math.max(...observed.map((one) => one.tokens))
    return watched.isWhole ? seen : 1 - (1 - Math.max(seen, 0.5 / byPrompt.length)) ** (most / longest)
  }

  function paceOf(): Pick<SamplingPace, 'batchSeconds' | 'decode'> {
    const { steps, firstSeconds } = watched
    const step = steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)] ?? firstSeconds // one token each: nothing was decoded
    const at = { rows: shape.rows, slots: promptTokens + steps.length / 2 }
    if (batches.length === 1) return { batchSeconds: 0, decode: { seconds: step, ...at } }
    // Whole batches tell the sum; the watched one, slower for being watched, how much of it goes with the steps.
    const spent = Math.max(0, mean(whole().map(({ seconds }) => seconds)) - reading(shape))
    const taken = mean(whole().map(({ completions }) => Math.max(...completions.map((ids) => ids.length)) - 1))
    const seconds = Math.min(step, spent / Math.max(1, taken))
    return { batchSeconds: spent - seconds * taken, decode: { seconds, ...at } }
  }
}

interface Sample {
  readonly completions: number[][]
  readonly texts: string[]
  readonly seconds: number
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const mean = (values: readonly number[]): number => sum(values) / values.length

/** Prompts from the examples, number `from` on, that fit the batch; groups of as many responses as a run samples to each. */
function paramsFor(options: ProbeOptions, batch: SamplingBatch, shape: SampleShape, from: number): Params {
  const { model, work } = options
  const { sampling, seed } = work.config
  const fitting = work.examples.filter(({ ids }) => ids.length <= shape.promptLength && ids.length + batch.maxNewTokens <= shape.capacity)
  const prompts = Array.from({ length: shape.prompts }, (_, i) => Int32Array.from(fitting[(from + i) % fitting.length]!.ids))
  const groups = Math.max(1, Math.floor(shape.rows / sampling.responses))
  const rows = Array.from({ length: groups }, (_, g) => Array.from({ length: sampling.responses }, (_, i) => ({ prompt: g % prompts.length, key: [from, g, i] }))).flat()
  return { ...placeOf(options), ...sampling, model, prompts, rows, shape, seed, maxNewTokens: batch.maxNewTokens, eosIds: work.eosIds, stream: false }
}

interface Watched {
  readonly completions: number[][]
  readonly isWhole: boolean
  /** Until the first token: merging, opening, reading. */
  readonly firstSeconds: number
  /** Of every decoding step. */
  readonly steps: number[]
}

async function watch({ engine, clock, signal }: ProbeOptions, params: Params): Promise<Watched> {
  const completions: number[][] = params.rows.map(() => [])
  const steps: number[] = []
  const enough = new AbortController()
  const began = clock()
  let [last, firstSeconds, firstAt] = [began, 0, 0]
  try {
    await engine.call('sample', { ...params, stream: true }, {
      signal: AbortSignal.any([signal, enough.signal]),
      onEvent({ step, ids }) {
        const now = clock()
        if (step === 0) [firstSeconds, firstAt] = [now - began, performance.now()]
        else steps.push(now - last)
        last = now
        ids.forEach((id, row) => { if (id >= 0) completions[row]!.push(id) })
        if (step >= LEAST_STEPS && performance.now() - firstAt > 1000 * BUDGET.watched) enough.abort()
      },
    })
    return { completions, steps, firstSeconds, isWhole: true }
  } catch (error) {
    if (signal.aborted || !enough.signal.aborted || !(error instanceof AppError) || error.code !== 'cancelled') throw error
    return { completions, steps, firstSeconds, isWhole: false }
  }
}
