/** What is timed: the engine's own calls, each round beside a round of plain products in the same process. */
import { EngineHost } from '../../main/engine/host.ts'
import type { EngineCalls, Place, Sequence } from '../../main/engine/protocol.ts'
import type { ModelConfig } from '../../native-models/weights/config.ts'
import { expectedTensors } from '../../native-models/weights/tensors.ts'
import { type BenchModel, tuning } from './model.ts'

export interface Rounds {
  readonly gemmGflops: readonly number[]
  readonly ms: readonly number[]
}

/** Tokens that pass through the layers, and tokens that also pass through the head. */
export interface Work {
  readonly tokens: number
  readonly completionTokens: number
}

export interface Sizes {
  /** Products per round of the ceiling: [edge, edge]·[edge, edge]. */
  readonly gemm: { readonly edge: number; readonly repeats: number }
  readonly rounds: number
  readonly length: number
  readonly completion: number
  readonly scored: number
  readonly sampled: { readonly rounds: number; readonly prompts: number; readonly responses: number; readonly prompt: number; readonly context: number }
}

type Engine = EngineHost<EngineCalls>
const place: Place = { device: 'cpu', weights: 'fp32', threads: 0 }

/** Multiply-adds count as 2; a LoRA step is 4·P (no gradients of frozen weights), a forward pass 2·P. The adapter's own work is not counted. */
export function countFlops(config: ModelConfig, kind: 'step' | 'forward', { tokens, completionTokens }: Work): number {
  const parameters = expectedTensors(config).reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
  const head = config.vocabSize * config.hiddenSize
  return (kind === 'step' ? 4 : 2) * ((parameters - head) * tokens + head * completionTokens)
}

/** DPO steps on one pair, in an engine that does nothing else. */
export async function measureTraining(model: BenchModel, sizes: Sizes): Promise<Rounds & Work & { peakRss: number }> {
  const { sequences, shape, ...work } = makeBatch(model.config, sizes, 2)
  const refLogps = await withEngine(async (engine) => (await engine.call('score', { ...place, models: [{ folder: model.folder, adapter: null }], sequences, shape })).perTokenLogps[0]!)
  return withEngine(async (engine) => {
    const optimiser = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 1 }
    await engine.call('startTraining', { ...place, folder: model.folder, tuning, from: null, objective: { kind: 'dpo', beta: 0.1 }, optimiser, seed: 1, resume: null })
    const microBatches = [{ sequences, shape, consistency: [0.8], refLogps }]
    const rounds = await interleave(engine, sizes, sizes.rounds, () => engine.call('trainStep', { learningRate: 1e-5, microBatches }))
    return { ...rounds, ...work, peakRss: (await engine.call('memory', {})).peakRss }
  })
}

/** One batch under a model with an adapter. */
export async function measureScoring(model: BenchModel, sizes: Sizes): Promise<Rounds & Work> {
  const { sequences, shape, ...work } = makeBatch(model.config, sizes, sizes.scored)
  const models = [{ folder: model.folder, adapter: model.adapter }]
  return withEngine(async (engine) => ({ ...(await interleave(engine, sizes, sizes.rounds, () => engine.call('score', { ...place, models, sequences, shape }))), ...work }))
}

/** Whole batches, several responses to each prompt as in a run, prefill included; every row runs to the end of its context. */
export async function measureSampling(model: BenchModel, sizes: Sizes): Promise<Rounds & { newTokens: number }> {
  const { rounds, prompts, responses, prompt, context } = sizes.sampled
  const rows = prompts * responses
  const maxNewTokens = context - prompt
  const params = {
    ...place, model: { folder: model.folder, adapter: model.adapter },
    prompts: Array.from({ length: prompts }, (_, i) => makeTokens(model.config, prompt, i)),
    rows: Array.from({ length: rows }, (_, row) => ({ prompt: Math.floor(row / responses), key: [row, 0] })),
    shape: { rows, prompts, promptLength: prompt, capacity: context },
    seed: 1, samplingTemperature: 0.8, topP: 0.95, topK: 0, maxNewTokens, eosIds: [], stream: false,
  }
  return withEngine(async (engine) => {
    await engine.call('sample', { ...params, maxNewTokens: 2 }) // merges the adapter and opens the sessions
    return { ...(await interleave(engine, sizes, rounds, () => engine.call('sample', params))), newTokens: rows * maxNewTokens }
  })
}

/** One untimed call each first; then product, call, product, call, … */
async function interleave(engine: Engine, { gemm }: Sizes, rounds: number, call: () => Promise<unknown>): Promise<Rounds> {
  const products = async (): Promise<number> => (await engine.call('gemm', { ...place, m: gemm.edge, k: gemm.edge, n: gemm.edge, repeats: gemm.repeats })).gflops
  await products()
  await call()
  const [gemmGflops, ms]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    gemmGflops.push(await products())
    const started = performance.now()
    await call()
    ms.push(performance.now() - started)
  }
  return { gemmGflops, ms }
}

async function withEngine<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = EngineHost.start()
  try {
    return await work(engine)
  } finally {
    await engine.close()
  }
}

function makeBatch(config: ModelConfig, { length, completion }: Sizes, rows: number): { sequences: Sequence[]; shape: { rows: number; length: number; positions: number } } & Work {
  const sequences = Array.from({ length: rows }, (_, row) => ({ promptIds: makeTokens(config, length - completion, row), completionIds: makeTokens(config, completion, row + rows) }))
  const completionTokens = rows * completion
  return { sequences, shape: { rows, length, positions: completionTokens }, tokens: rows * length, completionTokens }
}

const makeTokens = ({ vocabSize }: ModelConfig, length: number, key: number): Int32Array => Int32Array.from({ length }, (_, t) => (key * 7919 + t * 104_729) % vocabSize)
