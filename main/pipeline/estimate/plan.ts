/** The batches a run will have, by the planners that will plan them, from lengths alone. */
import type { Optimisation } from '../../../preload/contract/config.ts'
import { type Lengths, planMicroBatches, planSampling, planScoring, shapeOf } from '../../engine/batches.ts'
import type { BatchShape, SampleShape } from '../../engine/protocol.ts'
import { runId } from '../../store/ids.ts'
import { type StepOrder, planSteps } from '../optimise.ts'
import { type Behaviour, drawLengths } from './behaviour.ts'
import type { Workload } from './workload.ts'

/** A decoding batch: so many new tokens at most, for so many real rows. */
export interface SamplingBatch {
  readonly shape: SampleShape
  readonly rows: number
  readonly maxNewTokens: number
  readonly promptTokens: number
}

/** One optimiser step. */
export type StepShapes = readonly BatchShape[]

export interface RoundPlan {
  readonly prompts: number
  readonly responses: number
  readonly sample: readonly SamplingBatch[]
  readonly score: readonly BatchShape[]
  /** Responses that the stage `rank` scores again, one by one, to measure its noise. */
  readonly noise: readonly BatchShape[]
  /** The pairs' micro-batches in the first epoch, which the reference scores as well. */
  readonly reference: readonly BatchShape[]
  readonly train: readonly StepShapes[]
  readonly pairs: number
}

export interface WorkPlan {
  readonly tune: readonly StepShapes[]
  /** Of one model. */
  readonly evaluate: { readonly greedy: readonly SamplingBatch[]; readonly sampled: readonly SamplingBatch[] }
  readonly rounds: readonly RoundPlan[]
}

/** As many as the stage takes (main/pipeline/rank.ts). */
const NOISE_SAMPLE = 16

export function planWork(work: Workload, behaviour: Behaviour): WorkPlan {
  const { config, sft, questions, contextLength } = work
  const { evaluation } = config
  const answers = (samples: number): SamplingBatch[] => (samples === 0 ? [] : samplingBatches(questions, samples, evaluation.maxNewTokens, contextLength))
  return {
    tune: steps(sft, 1, config.sft, { run: { id: runId(1), seed: config.seed }, iteration: { t: 0 }, stage: 'tune' }),
    evaluate: { greedy: answers(1), sampled: answers(evaluation.samples) },
    rounds: work.shares.map((prompts, i) => planRound(prompts, i + 1, behaviour, work)),
  }
}

function planRound(prompts: readonly number[], t: number, behaviour: Behaviour, { config, contextLength }: Workload): RoundPlan {
  const { dpo, sampling: { responses: samples, maxNewTokens } } = config
  const room = Math.min(maxNewTokens, contextLength - Math.max(0, ...prompts))
  const lengths = drawLengths(behaviour, prompts.length * samples, Math.max(1, room), config.seed + t)
  const responses = prompts.flatMap((promptTokens, prompt) => Array.from({ length: samples }, (_, i) => ({ promptTokens, completionTokens: lengths[prompt * samples + i]! })))
  const pairCount = Math.round(prompts.length * behaviour.distinct)
  // Two responses of every prompt that has a pair, spread evenly.
  const pairs = Array.from({ length: pairCount }, (_, i) => Math.floor((i * prompts.length) / pairCount)).flatMap((prompt) => [responses[prompt * samples]!, responses[prompt * samples + 1]!])
  const train = steps(pairs, 2, dpo, { run: { id: runId(1), seed: config.seed }, iteration: { t }, stage: 'train' })
  return {
    prompts: prompts.length, responses: responses.length, pairs: pairCount,
    sample: samplingBatches(prompts, samples, maxNewTokens, contextLength),
    score: planScoring(responses).map(({ shape }) => shape),
    noise: config.consistency.tieTolerance === 'measured' ? responses.slice(0, NOISE_SAMPLE).map((one) => shapeOf([one], 2)) : [],
    reference: train.slice(0, Math.ceil(pairCount / dpo.batchSize)).flat(),
    train,
  }
}

function samplingBatches(prompts: readonly number[], samples: number, maxNewTokens: number, contextLength: number): SamplingBatch[] {
  return planSampling(prompts, samples, maxNewTokens).map(({ members, shape }) => {
    const longest = Math.max(...members.map((i) => prompts[i]!))
    return { shape, rows: members.length * samples, maxNewTokens: Math.min(maxNewTokens, contextLength - longest), promptTokens: longest }
  })
}

/** In the order that training will take them in (`planSteps`). */
function steps(sequences: readonly Lengths[], group: 1 | 2, hyper: Optimisation, order: StepOrder): StepShapes[] {
  const examples = sequences.length / group
  return planSteps(order, { examples, hyper }).map((members) =>
    planMicroBatches(members.flatMap((unit) => sequences.slice(unit * group, (unit + 1) * group)), group).map(({ shape }) => shape))
}

/** Shapes without repeats, in the order they come first. */
export function distinctShapes<Shape extends object>(shapes: readonly Shape[]): Shape[] {
  return [...new Map(shapes.map((shape) => [JSON.stringify(shape), shape])).values()]
}

/** Prompt and decoding graphs that the sampler keeps open (main/engine/sampler.ts). */
const SAMPLER_SESSIONS = 4

/** The graphs that sampling these batches opens, one after the other, each with those that are then open: kinds as the sampler names them. */
export function openings(batches: readonly SamplingBatch[]): string[][] {
  const open: string[] = []
  return batches.flatMap(({ shape: { prompts, promptLength, rows, capacity } }) => [`prefill ${prompts} ${promptLength}`, `decode ${rows} ${capacity}`]).flatMap((key) => {
    const at = open.indexOf(key)
    if (at >= 0) open.splice(at, 1)
    else if (open.length === SAMPLER_SESSIONS) open.shift()
    open.push(key)
    return at >= 0 ? [] : [[...open]]
  })
}
