/** How long every stage will take: its batches, each by the rates that the probe found. */
import type { StageTime } from '../../../preload/contract/requests/estimate.ts'
import type { BatchShape, Footprint } from '../../engine/protocol.ts'
import { type Behaviour, meanSteps } from './behaviour.ts'
import { type SamplingBatch, type StepShapes, type WorkPlan, distinctShapes } from './plan.ts'
import type { Probe, Rates } from './probe.ts'
import { forwardWork, prefillWork, secondsFor, stepWork } from './work.ts'
import type { Workload } from './workload.ts'

/** Below so many rows a decoding step takes as long: it waits for the weights (ENGINE, "Cost model"). */
const FLAT_ROWS = 16

export interface Paces {
  /** Storing: seconds per prompt of a round's responses and scores, of its rankings, and per answer of an evaluation. */
  readonly storeSample: number
  readonly storeScore: number
  readonly storeRank: number
  readonly storeAnswer: number
}

export function timesOf(work: Workload, plan: WorkPlan, size: Footprint, { rates, behaviour }: Probe, paces: Paces): StageTime[] {
  const { config } = work
  const kind = config.tuning.kind
  const graphsPerShape = kind === 'full' ? 1 : 2
  const clock = { size, rates, behaviour }
  const answers = (models: number): StageTime => {
    const once = samplingSeconds(plan.evaluate.greedy, clock) + samplingSeconds(plan.evaluate.sampled, clock)
    const stored = work.questions.length * (1 + config.evaluation.samples) * paces.storeAnswer
    const any = plan.evaluate.greedy.length > 0
    return { t: 0, stage: 'evaluate', seconds: any ? models * (rates.setupSeconds + once + stored) : 0, formula: `${models} ${models === 1 ? 'model' : 'models'} × (${seconds(rates.setupSeconds)} to merge and open + ${seconds(once)} of decoding)` }
  }
  const training = (steps: readonly StepShapes[]): number => {
    const open = distinctShapes(steps.flat()).length * rates.openStep
    return open + steps.reduce((sum, shapes) => sum + rates.updateSeconds + shapes.reduce((inner, shape) => inner + secondsFor(rates.step, stepWork(size, shape, kind)), 0), 0)
  }
  const tune: StageTime = {
    t: 0, stage: 'tune', seconds: rates.startSeconds + training(plan.tune),
    formula: `${seconds(rates.startSeconds)} to load the model + ${plan.tune.length} steps of ${perStep(plan.tune, training)} + ${distinctShapes(plan.tune.flat()).length} shapes × ${seconds(rates.openStep)} to open`,
  }
  const rounds = plan.rounds.flatMap((round, i): StageTime[] => {
    const t = i + 1
    const judges = t === 1 ? 2 : 3
    const scoring = (shapes: readonly BatchShape[], models: number, graphs: number): number =>
      distinctShapes(shapes).length * graphs * rates.openForward + models * shapes.reduce((sum, shape) => sum + secondsFor(rates.forward, forwardWork(size, shape)), 0)
    const decoding = samplingSeconds(round.sample, clock)
    const [score, noise, reference, steps] = [scoring(round.score, judges, graphsPerShape), scoring(round.noise, judges, graphsPerShape), scoring(round.reference, 1, 1), training(round.train)]
    return [
      { t, stage: 'sample', seconds: rates.setupSeconds + decoding + round.prompts * paces.storeSample, formula: `${round.sample.length} batches of ${round.sample[0]?.shape.rows ?? 0} rows, ${seconds(rates.decode.seconds)} a token for ${rates.decode.rows} rows, until the longest response of a batch ends` },
      { t, stage: 'score', seconds: score + round.prompts * paces.storeScore, formula: `${round.score.length} batches × ${judges} judges = ${seconds(score)}, ${distinctShapes(round.score).length} shapes to open among them` },
      { t, stage: 'rank', seconds: noise + round.prompts * paces.storeRank, formula: `${seconds(noise)} to measure the re-score noise + ${round.prompts} prompts × ${seconds(paces.storeRank)}` },
      { t, stage: 'pair', seconds: round.prompts * paces.storeRank * 0.1, formula: `${round.prompts} prompts, stored scores only` },
      { t, stage: 'audit', seconds: null, formula: 'as long as a person takes' },
      { t, stage: 'train', seconds: reference + steps, formula: `about ${round.pairs} pairs: ${seconds(reference)} to score the reference + ${round.train.length} steps of ${perStep(round.train, training)}, openings included` },
      { ...answers(1), t },
    ]
  })
  return [...(plan.tune.length === 0 ? [] : [tune]), answers(2), ...rounds]
}

const perStep = (steps: readonly StepShapes[], training: (steps: readonly StepShapes[]) => number): string => seconds(steps.length === 0 ? 0 : training(steps) / steps.length)
const seconds = (value: number): string => (value < 0.1 ? `${(1000 * value).toFixed(value < 0.01 ? 1 : 0)} ms` : `${value.toFixed(value < 10 ? 1 : 0)} s`)

interface Clock {
  readonly size: Footprint
  readonly rates: Rates
  readonly behaviour: Behaviour
}

/**
 * Reading the prompts, then a step a token. A step waits for the products of its rows (at least FLAT_ROWS of them) and for
 * the memory it reads: all weights and the cache in use, which grows.
 */
function samplingSeconds(batches: readonly SamplingBatch[], { size, rates, behaviour }: Clock): number {
  const { decode, forward } = rates
  const perSlot = 2 * size.layers * size.cacheWidth * 4
  const traffic = (rows: number, slots: number): number => 4 * size.parameters + rows * slots * perSlot
  const seen = traffic(decode.rows, decode.slots)
  return batches.reduce((sum, { shape, rows, maxNewTokens, promptTokens }) => {
    const steps = Math.max(1, meanSteps(behaviour, rows, maxNewTokens))
    const byRows = Math.max(FLAT_ROWS, shape.rows) / Math.max(FLAT_ROWS, decode.rows)
    const growth = Math.max(1, traffic(shape.rows, promptTokens + steps / 2) / Math.max(seen, traffic(shape.rows, decode.slots)))
    return sum + secondsFor(forward, prefillWork(size, shape.prompts, shape.promptLength)) + (steps - 1) * decode.seconds * byRows * growth
  }, 0)
}
