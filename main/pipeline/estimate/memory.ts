/** Memory of the engine's process, stage by stage, as sums that say how they were counted. */
import type { Stage } from '../../../preload/contract/domain.ts'
import type { EstimatePart, StageMemory } from '../../../preload/contract/requests/estimate.ts'
import type { BatchShape, Footprint, FootprintParams, GraphSize } from '../../engine/protocol.ts'
import { type SamplingBatch, type WorkPlan, distinctShapes, openings } from './plan.ts'
import { sftOf } from '../tune.ts'
import type { Workload } from './workload.ts'

/** A session beside its arena, measured on onnxruntime-node 1.30: its own structures, and each node's. */
const SESSION_BYTES = 2.5e6
const NODE_BYTES = 8500
/** What the engine's own bound counts a session as, beside its activations (main/engine/graphs.ts). */
const COUNTED_SESSION = 32 * 2 ** 20
/** Slots by which the sampler's cache grows (main/engine/sampler.ts). */
const GROWTH = 64
/** Graphs of one kind that are built to be sized; between them size goes with tokens. */
const SIZED = 6

interface Sized {
  readonly bytes: number
  readonly counted: number
}

/** Which graphs to size: the shapes of every kind, thinned out. */
export function shapesToSize(work: Workload, plan: WorkPlan): FootprintParams {
  const { config } = work
  const { scoring, sft, dpo, sampling } = kindsOf(plan)
  return {
    folder: config.model, tuning: config.tuning, device: config.device, weights: config.weights,
    scoring: thinned(scoring),
    training: [...thinned(sft).map((shape) => ({ objective: sftOf(config), shape })), ...thinned(dpo).map((shape) => ({ objective: { kind: 'dpo' as const, beta: config.dpo.beta }, shape }))],
    sampling: sampling.map(({ shape }) => shape),
  }
}

function kindsOf({ tune, evaluate, rounds }: WorkPlan): { scoring: BatchShape[]; sft: BatchShape[]; dpo: BatchShape[]; sampling: SamplingBatch[] } {
  const largest = (batches: readonly SamplingBatch[]): SamplingBatch[] => batches.toSorted((a, b) => b.shape.rows * b.shape.capacity - a.shape.rows * a.shape.capacity).slice(0, 1)
  return {
    scoring: largestBy(rounds.map(({ score, reference }) => distinctShapes([...score, ...reference]))),
    sft: distinctShapes(tune.flat()),
    dpo: largestBy(rounds.map(({ train }) => distinctShapes(train.flat()))),
    sampling: [...largest(rounds.flatMap(({ sample }) => sample)), ...largest(evaluate.greedy), ...largest(evaluate.sampled)],
  }
}

/** Graphs live for a round at most: the one with the most shapes counts. */
const largestBy = (rounds: readonly BatchShape[][]): BatchShape[] => rounds.reduce((a, b) => (b.length > a.length ? b : a))

const tokensOf = ({ rows, length }: BatchShape): number => rows * length

function thinned(shapes: readonly BatchShape[]): BatchShape[] {
  const sorted = shapes.toSorted((a, b) => tokensOf(a) - tokensOf(b) || a.positions - b.positions)
  return Array.from({ length: Math.min(SIZED, sorted.length) }, (_, i) => sorted[Math.round((i * (sorted.length - 1)) / Math.max(1, Math.min(SIZED, sorted.length) - 1))]!)
}

/** A graph without a backward pass holds more than its arena would need. How much is measured by the probe (1.0 to 1.6 seen); without one it is taken for so much. */
const UNMEASURED_SLACK = 1.8

/** `slack`: what the session holds ÷ what its arena would need. */
export const sessionBytes = ({ nodes, arenaBytes }: Pick<GraphSize, 'nodes' | 'arenaBytes'>, slack = 1): number => SESSION_BYTES + NODE_BYTES * nodes + slack * arenaBytes

/** Sizes of all shapes from those of some: linear in tokens between two sized ones. */
function sizesOf(shapes: readonly BatchShape[], known: readonly BatchShape[], sizes: readonly GraphSize[], slack: number): Sized[] {
  const points = known.map((shape, i) => ({ tokens: tokensOf(shape), ...sizes[i]! })).sort((a, b) => a.tokens - b.tokens)
  return shapes.map((shape) => {
    const above = points.find(({ tokens }) => tokens >= tokensOf(shape)) ?? points.at(-1)!
    const below = points.findLast(({ tokens }) => tokens <= tokensOf(shape)) ?? points[0]!
    const share = above.tokens === below.tokens ? 0 : (tokensOf(shape) - below.tokens) / (above.tokens - below.tokens)
    const between = (of: 'activationBytes' | 'arenaBytes'): number => below[of] + share * (above[of] - below[of])
    return { bytes: sessionBytes({ nodes: above.nodes, arenaBytes: between('arenaBytes') }, slack), counted: COUNTED_SESSION + between('activationBytes') }
  })
}

/** The most that sessions hold together, opened in this order: the longest unused go when the bound is reached. */
export function heldBytes(sessions: readonly Sized[], bound: number): number {
  const held: Sized[] = []
  let most = 0
  for (const session of sessions) {
    while (held.length > 0 && held.reduce((sum, { counted }) => sum + counted, 0) + session.counted > bound) held.shift()
    held.push(session)
    most = Math.max(most, held.reduce((sum, { bytes }) => sum + bytes, 0))
  }
  return most
}

const millions = (count: number): string => `${(count / 1e6).toFixed(count < 1e7 ? 2 : 0)} M`
const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6).toLocaleString('en')} MB`

export interface Held {
  /** An engine beside what it holds. */
  readonly runtimeBytes: number
  readonly forwardSlack: number | null
}

/** Every stage that computes. */
export function memoryOf(work: Workload, plan: WorkPlan, asked: FootprintParams, size: Footprint, { runtimeBytes, forwardSlack }: Held): StageMemory[] {
  const slack = forwardSlack ?? UNMEASURED_SLACK
  const { config } = work
  const { parameters, weightBytes, trainable, largestTensor, sessionBudget } = size
  const isFull = config.tuning.kind === 'full'
  const areHalves = config.weights === 'fp16'
  const kinds = kindsOf(plan)
  const bytesStored = work.storedBytes / parameters
  const weights = 4 * parameters
  const base: EstimatePart[] = [
    { what: 'runtime', bytes: Math.round(runtimeBytes), formula: 'the engine beside what it holds, measured' },
    { what: 'weights', bytes: weightBytes, formula: `${millions(parameters)} parameters × ${areHalves ? '2 B, norms and biases × 4 B' : '4 B'}` },
    // A tensor is read whole, then widened to float32; the bytes that were read go with the next collection. Halves are made piece by piece.
    ...(bytesStored < 3.5 && !areHalves ? [{ what: 'reading', bytes: Math.round(largestTensor * bytesStored), formula: `the largest tensor, ${millions(largestTensor)} × ${bytesStored.toFixed(0)} B` }] : []),
  ]
  const graphs = (what: string, held: number, count: number, bound: number): EstimatePart => ({
    what, bytes: Math.round(held),
    formula: `${count} ${count === 1 ? 'shape' : 'shapes'}: activations and logits as ONNX Runtime's arena lays them out, ${SESSION_BYTES / 1e6} MB + ${NODE_BYTES / 1000} kB a node each; together within ${megabytes(bound)}`,
  })
  const training = (objective: 'sft' | 'dpo', shapes: readonly BatchShape[]): EstimatePart[] => {
    const known = asked.training.flatMap((one, i) => (one.objective.kind === objective ? [{ shape: one.shape, size: size.training[i]! }] : []))
    return [
      { what: 'trained', bytes: 4 * trainable, formula: `${millions(trainable)} ${isFull ? 'weights' : 'adapter weights'} × 4 B` },
      { what: 'moments', bytes: 8 * trainable, formula: `AdamW's two, ${millions(trainable)} × 8 B` },
      { what: 'gradients', bytes: 4 * trainable, formula: `summed over a step, ${millions(trainable)} × 4 B` },
      ...(known.length === 0 ? [] : [graphs('graphs', heldBytes(sizesOf(shapes, known.map(({ shape }) => shape), known.map((one) => one.size), 1), sessionBudget.training), shapes.length, sessionBudget.training)]),
    ]
  }
  const scoring = (shapes: readonly BatchShape[]): EstimatePart[] => {
    // Each shape opens the base's graph and the adapted one's.
    const sized = sizesOf(shapes, asked.scoring, size.scoring, slack).flatMap((one) => (isFull ? [one] : [one, one]))
    return [
      isFull ? { what: 'judges', bytes: weights, formula: `a second model, ${millions(parameters)} × 4 B: judges take turns` } : { what: 'adapters', bytes: 8 * trainable, formula: `two judges' adapters, ${millions(trainable)} × 4 B each` },
      ...(sized.length === 0 ? [] : [graphs('graphs', heldBytes(sized, sessionBudget.scoring), sized.length, sessionBudget.scoring)]),
    ]
  }
  const sampling = (batches: readonly SamplingBatch[]): EstimatePart[] => samplingParts(batches, asked, size, slack)
  const stage = (name: Stage, parts: readonly EstimatePart[]): StageMemory => ({ stage: name, bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0), parts: [...parts] })
  const score = largestBy(plan.rounds.map((round) => distinctShapes(round.score)))
  // The reference is scored beside the graphs that the stage `score` left; all of these go when training starts.
  const [scored, trained] = [stage('train', [...base, ...scoring(kinds.scoring)]), stage('train', [...base, ...training('dpo', kinds.dpo)])]
  return [
    ...(plan.tune.length === 0 ? [] : [stage('tune', [...base, ...training('sft', kinds.sft)])]),
    stage('sample', [...base, ...sampling(plan.rounds.flatMap((round) => round.sample))]),
    stage('score', [...base, ...scoring(score)]),
    trained.bytes >= scored.bytes ? trained : scored,
    ...(plan.evaluate.greedy.length === 0 ? [] : [stage('evaluate', [...base, ...sampling([...plan.evaluate.greedy, ...plan.evaluate.sampled])])]),
  ]
}

/** On the CPU decoding maps the merged weights from a file and repacks them, per shape; a GPU is fed them, or halves with the adapter beside them. */
function samplingParts(batches: readonly SamplingBatch[], asked: FootprintParams, { parameters, head, trainable, cacheWidth, layers, sampling }: Footprint, slack: number): EstimatePart[] {
  if (batches.length === 0) return []
  const onCpu = asked.device === 'cpu'
  const largest = batches.reduce((a, b) => (b.shape.rows * b.shape.capacity > a.shape.rows * a.shape.capacity ? b : a)).shape
  const sized = sampling[asked.sampling.findIndex((shape) => shape.rows === largest.rows && shape.capacity === largest.capacity)]!
  const held = heldSessions(batches)
  const slots = onCpu ? Math.min(largest.capacity, GROWTH * Math.ceil(largest.capacity / GROWTH)) : largest.capacity
  const perSlot = 2 * layers * cacheWidth * 4
  const cache = largest.rows * slots * perSlot
  const small = onCpu && slots > largest.promptLength ? largest.rows * Math.max(0, slots - GROWTH) * perSlot : 0
  return [
    onCpu
      ? { what: 'merged weights', bytes: 4 * (held.prefill * parameters + held.decode * (parameters + head)), formula: `${held.prefill} prompt ${held.prefill === 1 ? 'graph maps' : 'graphs map'} ${millions(parameters)} × 4 B from a file, ${held.decode} decoding ${held.decode === 1 ? 'graph repacks' : 'graphs repack'} them and ${held.decode === 1 ? 'maps' : 'map'} the embedding` }
      : asked.weights === 'fp16'
        ? { what: 'adapters', bytes: 4 * trainable, formula: `beside the weights, ${millions(trainable)} × 4 B` }
        : { what: 'merged weights', bytes: 4 * (parameters - head), formula: `${millions(parameters - head)} × 4 B in the layers` },
    { what: 'cache', bytes: cache + small, formula: `${largest.rows} rows × ${slots} slots × 2 × ${layers} layers × ${cacheWidth} × 4 B${small > 0 ? ', and the smaller one it grows from' : ''}` },
    { what: 'graphs', bytes: Math.round(held.prefill * sessionBytes(sized.prefill, slack) + held.decode * sessionBytes(sized.decode, slack)), formula: `${held.prefill + held.decode} graphs with their arenas` },
  ]
}

/** Prompt and decoding graphs that the sampler holds at once, at most. */
function heldSessions(batches: readonly SamplingBatch[]): { prefill: number; decode: number } {
  const held = openings(batches).map((open) => {
    const decode = open.filter((key) => key.startsWith('decode')).length
    return { decode, prefill: open.length - decode }
  })
  return held.reduce((most, one) => (one.decode > most.decode || (one.decode === most.decode && one.prefill > most.prefill) ? one : most))
}
