/** What must not matter does not: batching, padding, chunks, the shape reference log-probs were scored in; C = 1 and C = 0.5. */
import { describe, expect, it } from 'vitest'
import { type Batch, Goldens, type Results, type Row, batchOf, expectAllClose, expectClose, goldenPath, gradientsOf, loadModel, lora, rowsOf, runTraining } from './fixtures.ts'
import { gradients } from '../../native-models/autodiff/backward.ts'
import { GraphBuilder } from '../../native-models/onnx/builder.ts'
import { type Bucket, type ModelSpec, type Objective, finish, scoringGraph } from '../../native-models/training/graphs.ts'
import { consistencyDpoLoss } from '../../native-models/training/objectives.ts'
import { type Arrays, runGraph } from '../run-graph.ts'

const golden = new Goldens('curve.safetensors')
const { spec: base, weights } = loadModel(goldenPath('llama/gqa-tied'))
const adapted: ModelSpec = { ...base, lora }
const adapter = golden.under('initial.')
const rows = rowsOf(golden) // 8 pairs: chosen, rejected, chosen, …
const consistencies = Array.from(golden.get('c'))
const beta = 0.1
const dpo: Objective = { kind: 'dpo', beta }
const models = [{ title: 'LoRA', model: adapted, feeds: { ...weights, ...adapter } as Arrays }, { title: 'full', model: base, feeds: weights as Arrays }]

async function score({ bucket, feeds }: Batch, model = adapted): Promise<Float32Array> {
  return (await runGraph(scoringGraph(model, bucket), { ...weights, ...adapter, ...feeds }))['logps'] as Float32Array
}

/** Runs micro-batches one after another, each adding to the sums of those before it; losses are added too. */
async function accumulate(batches: readonly (() => Promise<readonly [Batch, Arrays]>)[], model: ModelSpec, objective: Objective): Promise<{ loss: number; gradients: Record<string, ArrayLike<number>> }> {
  let loss = 0
  let sums: Record<string, Float32Array> = {}
  for (const make of batches) {
    const [{ bucket, feeds }, more] = await make()
    const carried = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [`sum.${name}`, sum]))
    const results = await runTraining(model, objective, bucket, { ...feeds, ...more, ...carried })
    loss += Number(results['loss']![0])
    sums = gradientsOf(results) as Record<string, Float32Array>
  }
  return { loss, gradients: sums }
}

/** Reference log-probs that differ from the policy's, so that margins and rewards are not zero. */
const referenceOf = async (batch: Batch): Promise<Float32Array> => score(batch, base)

/**
 * The bucket rule that makes log-probs exact: positions in sixteens. ONNX Runtime takes a Log four or more elements at a
 * time and the rest one by one, with another last bit; and it multiplies one row by another routine than several.
 */
const exactBatch = (list: readonly Row[], larger: Partial<Bucket> = {}): Batch => {
  const { positions } = batchOf(list).bucket
  return batchOf(list, { positions: Math.ceil(positions / 16) * 16, ...larger })
}
const completionTokens = (list: readonly Row[]): number => batchOf(list).bucket.positions

const pairsOf = (list: readonly Row[]): Row[][] => Array.from({ length: list.length / 2 }, (_, i) => list.slice(2 * i, 2 * i + 2))

describe.each(models)('a batch of 8 is 8 micro-batches, $title', ({ title, model, feeds }) => {
  it('SFT', async () => {
    const eight = rows.slice(0, 8)
    const whole = batchOf(eight)
    const more = { ...feeds, scale: 1 / whole.bucket.positions }
    const results = await runTraining(model, { kind: 'sft' }, whole.bucket, { ...whole.feeds, ...more })
    const parts = await accumulate(eight.map((row) => async () => [batchOf([row]), more] as const), model, { kind: 'sft' })
    expectClose([parts.loss], results['loss'] as Float32Array, 1e-5, `${title} SFT loss`)
    expectAllClose(parts.gradients, gradientsOf(results), 1e-5, `${title} SFT gradients`)
  })

  it('DPO', async () => {
    const whole = batchOf(rows)
    const results = await runTraining(model, dpo, whole.bucket, { ...feeds, ...whole.feeds, refLogps: await referenceOf(whole), consistency: consistencies, weight: Array<number>(8).fill(1 / 8) })
    const parts = await accumulate(pairsOf(rows).map((pair, i) => async () => {
      const batch = batchOf(pair)
      return [batch, { ...feeds, refLogps: await referenceOf(batch), consistency: [consistencies[i]!], weight: [1 / 8] }] as const
    }), model, dpo)
    expectClose([parts.loss], results['loss'] as Float32Array, 1e-5, `${title} DPO loss`)
    expectAllClose(parts.gradients, gradientsOf(results), 1e-5, `${title} DPO gradients`)
  })
})

it('adds to the sums it is given', async () => {
  const batch = batchOf(rows.slice(0, 2))
  const run = (sum: number): Promise<Results> => {
    const sums = Object.fromEntries(Object.entries(adapter).map(([name, { length }]) => [`sum.${name}`, new Float32Array(length).fill(sum)]))
    return runTraining(adapted, { kind: 'sft' }, batch.bucket, { ...weights, ...adapter, ...batch.feeds, ...sums, scale: 1 })
  }
  const fresh = gradientsOf(await run(0))
  const added = Object.fromEntries(Object.entries(fresh).map(([name, gradient]) => [name, Array.from(gradient, (g) => g + 3)]))
  expectAllClose(gradientsOf(await run(3)), added, 1e-6, 'added')
})

describe('padding', () => {
  const few = rows.slice(0, 4)
  const larger: Bucket = { rows: 6, length: 32, positions: 64 }

  it.each(['gqa-biased', 'gqa-tied', 'headdim', 'llama3-rope', 'mha-untied'])('leaves log-probs of %s as they are, bit for bit', async (name) => {
    const { spec, weights: own } = loadModel(goldenPath(`llama/${name}`))
    const logpsIn = async (list: readonly Row[], more: Partial<Bucket> = {}, headChunk = 16): Promise<number[]> => {
      const { bucket, feeds } = exactBatch(list, more)
      const { logps } = await runGraph(scoringGraph({ ...spec, headChunk }, bucket), { ...own, ...feeds })
      return Array.from(logps as Float32Array).slice(0, completionTokens(list))
    }
    const logps = await logpsIn(few)
    expect(await logpsIn(few, { length: 33 })).toEqual(logps)
    expect(await logpsIn(few, larger)).toEqual(logps)
    expect(await logpsIn(few, { positions: 80 }, 64)).toEqual(logps)
    expect((await logpsIn(rows)).slice(0, logps.length)).toEqual(logps)
    expect((await Promise.all(few.map((row) => logpsIn([row])))).flat()).toEqual(logps)
  })

  it('leaves loss and gradients as they are', async () => {
    const run = async (batch: Batch, pad: number): Promise<Results> => {
      const padded = (list: readonly number[], by: number): number[] => [...list, ...Array<number>(by).fill(by && 7)]
      const refLogps = padded(Array.from(await referenceOf(batchOf(few))), batch.bucket.positions - batchOf(few).bucket.positions)
      return runTraining(adapted, dpo, batch.bucket, { ...weights, ...adapter, ...batch.feeds, refLogps, consistency: padded([0.9, 0.6], pad), weight: [0.5, 0.5, ...Array<number>(pad).fill(0)] })
    }
    const [tight, loose] = [await run(batchOf(few), 0), await run(batchOf(few, larger), 1)]
    expectClose(loose['loss']!, tight['loss'] as Float32Array, 1e-6, 'padded loss')
    expectAllClose(gradientsOf(loose), gradientsOf(tight), 1e-5, 'padded gradients')
  })
})

describe.each(models)('the size of the head’s chunks does not matter, $title', ({ title, model, feeds }) => {
  it.each([1, 3, 50])('%i', async (headChunk) => {
    const batch = batchOf(rows)
    const more = { ...feeds, ...batch.feeds, scale: 1 }
    const chunked = { ...model, headChunk }
    const whole = { ...model, headChunk: batch.bucket.positions }
    const [logps, expected] = await Promise.all([chunked, whole].map((one) => runGraph(scoringGraph(one, batch.bucket), more)))
    expectClose(logps!['logps']!, expected!['logps'] as Float32Array, 1e-6, `${title} chunk ${headChunk} logps`)
    const [results, reference] = await Promise.all([chunked, whole].map((one) => runTraining(one, { kind: 'sft' }, batch.bucket, more)))
    expectAllClose(gradientsOf(results!), gradientsOf(reference!), 1e-5, `${title} chunk ${headChunk} gradients`)
  })
})

describe('step 0: the policy is the reference', () => {
  const step = async (list: readonly Row[], refLogps: readonly number[], consistency: readonly number[]): Promise<Results> => {
    const { bucket, feeds } = exactBatch(list)
    const padded = [...refLogps, ...Array<number>(bucket.positions - refLogps.length).fill(0)]
    return runTraining(adapted, dpo, bucket, { ...weights, ...adapter, ...feeds, refLogps: padded, consistency, weight: consistency.map((_, __, { length }) => 1 / length) })
  }
  /** Reference log-probs of all rows, scored part by part. */
  const scoreParts = async (parts: readonly Row[][], larger: Partial<Bucket> = {}): Promise<number[]> =>
    (await Promise.all(parts.map(async (part) => Array.from(await score(exactBatch(part, larger))).slice(0, completionTokens(part))))).flat()

  it.each([
    ['the same bucket', [rows], {}],
    ['a longer one', [rows], { length: 48, positions: 160 }],
    ['pairs of their own lengths', pairsOf(rows), {}],
    ['rows of their own lengths', rows.map((row) => [row]), {}],
    ['rows padded to 64', rows.map((row) => [row]), { length: 64, positions: 48 }],
  ])('every loss is exactly ln 2 with reference log-probs from %s', async (_, parts, larger) => {
    const refLogps = await scoreParts(parts, larger)
    const results = await step(rows, refLogps, consistencies)
    expect(Array.from(results['losses'] as Float32Array)).toEqual(Array(8).fill(Math.fround(Math.LN2)))
    expect(results['loss']![0]).toBe(Math.fround(Math.LN2))
  })

  it('and for one pair, two and three', async () => {
    const refLogps = await scoreParts([rows])
    for (const pairs of [1, 2, 3]) {
      const list = rows.slice(0, 2 * pairs)
      const results = await step(list, refLogps.slice(0, completionTokens(list)), consistencies.slice(0, pairs))
      expect(Array.from(results['losses'] as Float32Array)).toEqual(Array(pairs).fill(Math.fround(Math.LN2)))
    }
  })

  it('C = 0.5 has no gradient at all, C = 1 has one everywhere', async () => {
    const refLogps = await scoreParts([rows])
    const half = gradientsOf(await step(rows, refLogps, Array<number>(8).fill(0.5)))
    expect(Object.values(half).every((gradient) => gradient.every((g) => g === 0))).toBe(true)
    const one = gradientsOf(await step(rows, refLogps, Array<number>(8).fill(1)))
    expect(Object.values(one).every((gradient) => gradient.some((g) => g !== 0))).toBe(true)
  })
})

it('C = 1 is plain DPO, softplus(−z), in losses and gradients; any C turns the gradient by (σ(z) − C) / (σ(z) − 1)', async () => {
  const ratios = [3, -2, 0.5, 4, -30, 25, 1, 1] // Σ of a row's log-ratio; one token a row
  const lossGraph = (b: GraphBuilder, plain: boolean) => {
    const logps = b.input('logps', 'float64', [8])
    const consistency = b.input('consistency', 'float64', [4, 1])
    const ours = consistencyDpoLoss(b, { logps, refLogps: b.input('refLogps', 'float64', [8]), rows: b.floats(Array.from({ length: 64 }, (_, i) => Number(i % 9 === 0)), [8, 8]), consistency, weight: b.floats([1, 1, 1, 1], [4, 1]) }, beta)
    const losses = plain ? b.softplus(b.neg(b.sub(ours.chosenRewards, ours.rejectedRewards))) : ours.losses
    b.output('losses', losses)
    b.output('gradient', gradients(b, plain ? b.reduceSum(losses, [0, 1], false) : ours.loss, [logps])[0]!)
    return finish(b)
  }
  const run = async (plain: boolean, c: number) => runGraph(lossGraph(new GraphBuilder('float64'), plain), { logps: ratios.map((r, i) => r - i), refLogps: ratios.map((_, i) => -i), consistency: Array<number>(4).fill(c) })
  const plain = await run(true, 1)
  const one = await run(false, 1)
  expectClose(one['losses']!, plain['losses'] as Float64Array, 1e-15, 'C = 1 losses')
  expectClose(one['gradient']!, plain['gradient'] as Float64Array, 1e-15, 'C = 1 gradient')
  for (const c of [0.73, 0.5, 0.2]) {
    const turned = Array.from(plain['gradient'] as Float64Array, (g, i) => {
      const z = beta * (ratios[i - (i % 2)]! - ratios[i - (i % 2) + 1]!)
      const sigma = 1 / (1 + Math.exp(-z))
      return (g * (sigma - c)) / (sigma - 1)
    })
    expectClose((await run(false, c))['gradient']!, turned, 1e-12, `C = ${c} gradient`)
  }
})
