/** How long every stage will take: its batches, each by the rates that the probe found. */
import type { StageTime } from '../../../preload/contract/requests/estimate.ts'
import type { BatchShape, Footprint } from '../../engine/protocol.ts'
import { type Behaviour, meanSteps } from './behaviour.ts'
import { type SamplingBatch, type StepShapes, type WorkPlan, distinctShapes, openings } from './plan.ts'
import type { Probe, Rates } from './probe/probe.ts'
import { type Line, forwardWork, prefillWork, secondsFor, stepWork } from './work.ts'
import type { Workload } from './workload.ts'

/** Below so many rows a decoding step takes as long: it waits for the weights (ENGINE, "Cost model"). */
const FLAT_ROWS = 16

/** Storing: seconds per prompt of a round's responses, scores, rankings and pairs, and per answer of an evaluation. */
export interface Paces {
  readonly storeSample: number
  readonly storeScore: number
  readonly storeRank: number
  readonly storePair: number
  readonly storeAnswer: number
}

/** `learned`: how the model answers once SFT is done. */
export function timesOf(work: Workload, plan: WorkPlan, size: Footprint, { rates, behaviour }: Probe, learned: Behaviour, paces: Paces): StageTime[] {
  const { tuning: { kind }, sampling, evaluation } = work.config
  const graphsPerShape = kind === 'full' ? 1 : 2
  const opening = (shapes: readonly BatchShape[], line: Line, workOf: (shape: BatchShape) => number): number => distinctShapes(shapes).reduce((sum, shape) => sum + secondsFor(line, workOf(shape)), 0)
  const sampled = (batches: readonly SamplingBatch[], how: Behaviour): Sampled => ({ open: rates.mergeSeconds + (openings(batches).length / 2) * rates.openSampling, decoding: batches.reduce((sum, batch) => sum + batchSeconds(batch, size, rates, how), 0) })
  const questions = [...plan.evaluate.greedy, ...plan.evaluate.sampled]
  const answers = (t: number, models: readonly Behaviour[]): StageTime => {
    if (questions.length === 0) return { t, stage: 'evaluate', seconds: 0, formula: 'no held-out tasks' }
    const each = models.map((how) => sampled(questions, how))
    const [open, decoding] = [each[0]!.open, each.reduce((sum, one) => sum + one.decoding, 0)]
    const stored = models.length * work.questions.length * (1 + evaluation.samples) * paces.storeAnswer
    return {
      t, stage: 'evaluate', seconds: work.seconds.questions + models.length * open + decoding + stored,
      formula: `${seconds(work.seconds.questions)} to read the questions + ${models.length} ${models.length === 1 ? 'model' : 'models'} × (${seconds(open)} to merge and open + ${seconds(decoding / models.length)} of decoding) + ${seconds(stored)} to store`,
    }
  }
  const training = (steps: readonly StepShapes[]): { open: number; steps: number } => ({
    open: opening(steps.flat(), rates.openStep, (shape) => stepWork(size, shape, kind)),
    steps: steps.reduce((sum, shapes) => sum + rates.updateSeconds + shapes.reduce((inner, shape) => inner + secondsFor(rates.step, stepWork(size, shape, kind)), 0), 0),
  })
  const described = (steps: readonly StepShapes[], { open, steps: all }: ReturnType<typeof training>): string =>
    `${steps.length} steps of ${seconds(steps.length === 0 ? 0 : all / steps.length)} + ${seconds(open)} to open ${distinctShapes(steps.flat()).length} shapes`
  const tuning = training(plan.tune)
  const tune: StageTime = {
    t: 0, stage: 'tune', seconds: rates.startSeconds + work.seconds.sft + tuning.open + tuning.steps,
    formula: `${seconds(rates.startSeconds)} to start and load the model + ${seconds(work.seconds.sft)} to read the examples + ${described(plan.tune, tuning)}`,
  }
  const rounds = plan.rounds.flatMap((round, i): StageTime[] => {
    const t = i + 1
    const judges = t === 1 ? 2 : 3
    const scoring = (shapes: readonly BatchShape[], models: number, graphs: number): { open: number; passes: number } => ({
      open: graphs * opening(shapes, rates.openForward, (shape) => forwardWork(size, shape)),
      passes: models * shapes.reduce((sum, shape) => sum + secondsFor(rates.forward, forwardWork(size, shape)), 0),
    })
    const [responses, score, noise, reference, steps] = [sampled(round.sample, learned), scoring(round.score, judges, graphsPerShape), scoring(round.noise, judges, graphsPerShape), scoring(round.reference, 1, 1), training(round.train)]
    const stored = { sample: round.prompts * paces.storeSample, score: round.prompts * paces.storeScore, rank: round.prompts * paces.storeRank, pair: round.prompts * paces.storePair }
    const [again, referred] = [noise.open + noise.passes, reference.open + reference.passes]
    const usual = meanSteps(learned, round.sample[0]?.rows ?? 0, sampling.maxNewTokens)
    return [
      { t, stage: 'sample', seconds: responses.open + responses.decoding + stored.sample, formula: `${seconds(responses.open)} to merge and open + ${round.sample.length} batches of ${round.sample[0]?.shape.rows ?? 0} rows, about ${usual.toFixed(0)} tokens until the longest response ends, ${seconds(rates.decode.seconds)} a token for ${rates.decode.rows} rows = ${seconds(responses.decoding)} + ${seconds(stored.sample)} to store` },
      { t, stage: 'score', seconds: score.open + score.passes + stored.score, formula: `${round.score.length} batches × ${judges} judges = ${seconds(score.passes)} + ${seconds(score.open)} to open ${distinctShapes(round.score).length} shapes + ${seconds(stored.score)} to store` },
      { t, stage: 'rank', seconds: again + stored.rank, formula: `${seconds(again)} to measure the re-score noise + ${round.prompts} prompts × ${seconds(paces.storeRank)}` },
      { t, stage: 'pair', seconds: stored.pair, formula: `${round.prompts} prompts × ${seconds(paces.storePair)}, stored scores only` },
      { t, stage: 'audit', seconds: null, formula: 'as long as a person takes' },
      { t, stage: 'train', seconds: referred + steps.open + steps.steps, formula: `about ${round.pairs} pairs: ${seconds(referred)} to score the reference + ${described(round.train, steps)}` },
      answers(t, [learned]),
    ]
  })
  return [...(plan.tune.length === 0 ? [] : [tune]), answers(0, [behaviour, learned]), ...rounds]
}

interface Sampled {
  readonly open: number
  readonly decoding: number
}

const seconds = (value: number): string => (value < 0.1 ? `${(1000 * value).toFixed(value < 0.01 ? 1 : 0)} ms` : `${value.toFixed(value < 10 ? 1 : 0)} s`)

/**
 * Reading the prompts, then a step a token. A step waits for the products of its rows (at least FLAT_ROWS of them) and for
 * the memory it reads: all weights and the cache in use, which grows.
 */
function batchSeconds({ shape, rows, maxNewTokens, promptTokens }: SamplingBatch, size: Footprint, rates: Rates, behaviour: Behaviour): number {
  const { decode, forward } = rates
  const perSlot = 2 * size.layers * size.cacheWidth * 4
  const traffic = (slots: number): number => 4 * size.parameters + shape.rows * slots * perSlot
  const steps = Math.max(1, meanSteps(behaviour, rows, maxNewTokens))
  const byRows = Math.max(FLAT_ROWS, shape.rows) / Math.max(FLAT_ROWS, decode.rows)
  const seen = 4 * size.parameters + decode.rows * decode.slots * perSlot
  const growth = Math.max(1, traffic(promptTokens + steps / 2) / Math.max(seen, traffic(decode.slots)))
  return rates.batchSeconds + secondsFor(forward, prefillWork(size, shape.prompts, shape.promptLength)) + (steps - 1) * decode.seconds * byRows * growth
}
