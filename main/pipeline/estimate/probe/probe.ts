/** About ten seconds of the run's own engine calls at the run's own shapes: what rates and behaviour are taken from. */
import { type Behaviour, longest } from '../behaviour.ts'
import { sessionBytes } from '../memory.ts'
import { planWork } from '../plan.ts'
import type { Line } from '../work.ts'
import { type SamplingPace, probeSampling } from './sampling.ts'
import { type ScoringPace, probeScoring } from './scoring.ts'
import type { ProbeOptions } from './timing.ts'
import { type TrainingPace, probeTraining } from './training.ts'

export interface Rates extends TrainingPace, SamplingPace {
  /** From the start of engine and tokenizer to the first score. */
  readonly startSeconds: number
  readonly forward: Line
  /** Opening one scoring graph, by the work of a pass through it. */
  readonly openForward: Line
}

export interface Probe {
  readonly rates: Rates
  readonly behaviour: Behaviour
  /** Resident memory of an engine that has worked, beside the weights it has loaded. */
  readonly runtimeBytes: number
  /** What a graph without a backward pass holds ÷ what its arena would need; null where the graphs are too small to tell. */
  readonly forwardSlack: number | null
  /** Bytes of text a token writes, on average. */
  readonly bytesPerToken: number
  readonly seconds: number
  readonly sentence: string
}

export async function probeRun(options: ProbeOptions): Promise<Probe> {
  const { engine, work, startSeconds, signal } = options
  const began = performance.now()
  const [round] = planWork(work, longest).rounds
  const scoring = await probeScoring(options, round!)
  signal.throwIfAborted()
  const { behaviour, bytesPerToken, observed, steps, ...sampling } = await probeSampling(options, round!.sample[Math.floor(round!.sample.length / 2)]!, scoring.forward)
  signal.throwIfAborted()
  const training = await probeTraining(options, planWork(work, behaviour), scoring.forward)
  const { rss } = await engine.call('memory', {}, { signal })
  const loaded = work.config.device === 'cpu' ? 4 * options.footprint.parameters : 0
  const runtimeBytes = Math.max(options.runtimeBytes, rss - loaded)
  const forwardSlack = await slackOf(options, scoring.largest)
  const seconds = (performance.now() - began) / 1000
  return {
    rates: { startSeconds: startSeconds + scoring.loadSeconds, forward: scoring.forward, openForward: scoring.open, ...sampling, ...training },
    behaviour, runtimeBytes, forwardSlack, bytesPerToken, seconds,
    sentence: `In ${seconds.toFixed(0)} s the engine scored ${scoring.sequences} sequences, sampled ${observed} responses${behaviour.ended === 0 ? `, none to its end within ${steps} tokens,` : ''} and took ${training.steps} training steps.`,
  }
}

/** Less than this is lost in what the process itself gains and loses. */
const TELLING_BYTES = 16e6

async function slackOf({ engine, work, model, signal }: ProbeOptions, { shape, bytes }: ScoringPace['largest']): Promise<number | null> {
  const { device, weights, tuning } = work.config
  if (device !== 'cpu') return null // a GPU's memory is told by no one
  const { scoring: [size] } = await engine.call('footprint', { folder: model.folder, tuning: model.adapter === null ? { kind: 'full' } : tuning, device, weights, scoring: [shape], training: [], sampling: [] }, { signal })
  return size!.arenaBytes < TELLING_BYTES ? null : Math.max(1, (bytes - sessionBytes({ ...size!, arenaBytes: 0 })) / size!.arenaBytes)
}
