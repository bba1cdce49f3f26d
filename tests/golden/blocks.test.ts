/** Embedding and head in blocks of rows: what is computed is what one block gives, and what transformers and PEFT give. */
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeGraph, logitsGraph as logitsOfHidden, mergedParameters, prefillGraph } from '../../native-models/families/decoding.ts'
import { BLOCK_BYTES, blockTensors, fedTensors, vocabularyBlocks, wholeTensors } from '../../native-models/families/tables.ts'
import { arenaBytes } from '../../native-models/onnx/arena.ts'
import { normal } from '../../native-models/random.ts'
import { scoringGraph, trainingGraph } from '../../native-models/training/graphs.ts'
import { logitsGraph } from './logits-graph.ts'
import { runGraph } from '../run-graph.ts'
import { type TestModel, Goldens, batchOf, expectAllClose, expectClose, goldenPath, inBlocks, loadModel, lora, rowsOf, runTraining, wholeGradients } from './fixtures.ts'
import { testParity } from './parity.ts'

// The goldens' tables are 96 rows of 128 bytes: three blocks, and six.
const THREE = 4096
const SIX = 2048
/**
 * Sums over the vocabulary are taken in another order, and in float64 nothing else sets the two apart. In float32 that
 * moves a gradient by 1.3e-6 at most here; one block's own gradients are 2e-6 to 2e-5 from float64's.
 */
const limits = { float32: { values: 1e-6, gradients: 2e-6 }, float64: { values: 1e-14, gradients: 1e-13 } }
const models = (['llama', 'families'] as const).flatMap((folder) => readdirSync(goldenPath(folder)).sort().map((name) => ({ folder, name })))

describe.each(models)('$name in three blocks', ({ folder, name }) => testParity(folder, name, THREE))

describe.each(models)('$name in blocks is $name in one', ({ folder, name }) => {
  const one = loadModel(goldenPath(`${folder}/${name}`))
  const adapter = new Goldens(`${folder}/${name}/adapter/adapter_model.safetensors`).under('')
  const { bucket, feeds } = batchOf(rowsOf(new Goldens(`${folder}/${name}/golden.safetensors`)))

  it.each([THREE, SIX])('logits, log-probabilities and gradients, blocks of %d bytes', async (blockBytes) => {
    const blocks = inBlocks(one, blockBytes)
    for (const tuning of [lora, null]) {
      const specOf = ({ spec }: TestModel) => ({ ...spec, lora: tuning, headChunk: 5 }) // several chunks of every block
      const fedTo = ({ weights }: TestModel) => ({ ...weights, ...(tuning && adapter), ...feeds, scale: 1 })
      const logits = async (model: TestModel) => (await runGraph(logitsGraph(specOf(model), bucket.rows, bucket.length), fedTo(model)))['logits']!
      expectClose(await logits(blocks), await logits(one) as Float32Array, 1e-6, `${name} ${blockBytes} logits`)
      for (const float of ['float32', 'float64'] as const) {
        const all = async (model: TestModel) => {
          const { logps } = await runGraph(scoringGraph(specOf(model), bucket, float), fedTo(model))
          const trained = await runTraining(specOf(model), { kind: 'sft' }, bucket, fedTo(model), float)
          return { values: { logps: logps as Float32Array, loss: trained['loss'] as Float32Array }, gradients: wholeGradients(trained, specOf(model)) }
        }
        const [mine, whole] = [await all(blocks), await all(one)]
        const what = `${name} ${blockBytes} ${float}`
        expectAllClose(mine.values, whole.values, limits[float].values, what)
        expectAllClose(mine.gradients, whole.gradients, limits[float].gradients, `${what} gradients`)
      }
    }
  })

  it('the next token’s candidates', async () => {
    const { config } = one.spec
    const hidden = Float32Array.from({ length: 3 * config.hiddenSize }, (_, i) => normal(7, i))
    const all = async ({ spec, weights }: TestModel) => (await runGraph(logitsOfHidden(config, 3, mergedParameters(config, spec.blockBytes)), { ...weights, hidden, inverseTemperature: 1.25 }))['logits'] as Float32Array
    expectClose(await all(inBlocks(one, SIX)), await all(one), 1e-6, `${name} logits`)
    for (const graph of [prefillGraph(config, 2, 16, mergedParameters(config, SIX)), decodeGraph(config, 2, 16, 'rows', mergedParameters(config, SIX))]) {
      const fed = fedTensors(one.spec.weights, vocabularyBlocks(config, SIX)).map((tensor) => tensor.name)
      expect(graph.inputs.flatMap((input) => (/^(model|lm_head)\./.test(input.name) ? [input.name] : [])).sort()).toEqual(fed.sort())
    }
  })
})

describe('blocks', () => {
  it.each([
    { vocabSize: 49_152, hiddenSize: 576, sizes: [49_152] }, // SmolLM2-135M
    { vocabSize: 131_072, hiddenSize: 1024, sizes: [131_072] }, // exactly the limit
    { vocabSize: 131_073, hiddenSize: 1024, sizes: [65_552, 65_521] },
    { vocabSize: 160_000, hiddenSize: 1024, sizes: [80_000, 80_000] },
    { vocabSize: 151_936, hiddenSize: 1536, sizes: [75_968, 75_968] }, // Qwen2.5-1.5B
    { vocabSize: 128_256, hiddenSize: 2048, sizes: [64_128, 64_128] }, // Llama 3.2 1B
    { vocabSize: 256_000, hiddenSize: 2304, sizes: [51_200, 51_200, 51_200, 51_200, 51_200] }, // Gemma 2 2B
    { vocabSize: 262_144, hiddenSize: 1152, sizes: [87_392, 87_392, 87_360] }, // Gemma 3 1B
  ])('of $vocabSize × $hiddenSize in fp32: $sizes', ({ sizes, ...config }) => {
    const blocks = vocabularyBlocks(config)
    expect(blocks.map(({ start, end }) => end - start)).toEqual(sizes)
    expect(blocks.map(({ start }) => start)).toEqual(sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0)))
    for (const { start, end } of blocks) expect((end - start) * config.hiddenSize * 4).toBeLessThanOrEqual(BLOCK_BYTES)
    for (const { start } of blocks) expect(start % 16).toBe(0)
  })

  it('of halves hold twice the rows', () => {
    expect(vocabularyBlocks({ vocabSize: 256_000, hiddenSize: 2304 }, BLOCK_BYTES, 2)).toHaveLength(3)
  })

  it('never have fewer than 16 rows but for what is left at the end', () => {
    expect(vocabularyBlocks({ vocabSize: 40, hiddenSize: 8 }, 1).map(({ start, end }) => [start, end])).toEqual([[0, 16], [16, 32], [32, 40]])
  })

  it('are put together under the table’s name, other tensors left alone', () => {
    const tensors = [{ name: 'model.embed_tokens.weight', shape: [40, 8] }, { name: 'model.norm.weight', shape: [8] }, { name: 'lm_head.weight', shape: [40, 8] }]
    for (const blockBytes of [BLOCK_BYTES, 1]) {
      const fed = fedTensors(tensors, vocabularyBlocks({ vocabSize: 40, hiddenSize: 8 }, blockBytes))
      expect(fed).toHaveLength(blockBytes === 1 ? 7 : 3)
      expect(wholeTensors(fed).map(({ name, shape }) => ({ name, shape }))).toEqual(tensors)
    }
    expect(blockTensors(tensors[0]!, [{ start: 0, end: 16 }, { start: 16, end: 40 }])[1]).toEqual({ name: 'model.embed_tokens.weight[16:40]', shape: [24, 8], block: { of: 'model.embed_tokens.weight', start: 16, end: 40 } })
  })
})

it('in blocks no more memory is needed than in one', () => {
  const { spec } = loadModel(goldenPath('llama/gqa-tied'))
  const config = { ...spec.config, vocabSize: 16_384 }
  const weights = spec.weights.map(({ name, shape }) => ({ name, shape: shape[0] === 96 && shape.length === 2 ? [config.vocabSize, shape[1]!] : shape }))
  const bucket = { rows: 4, length: 64, positions: 128 }
  const [whole, blocks] = [BLOCK_BYTES, 2 ** 18].map((blockBytes) => {
    const model = { config, weights: fedTensors(weights, vocabularyBlocks(config, blockBytes)), headChunk: 32, blockBytes }
    const bytes = (tuning: typeof lora | null): number => arenaBytes(trainingGraph({ ...model, lora: tuning }, { kind: 'sft' }, bucket))
    return { lora: bytes(lora), full: bytes(null), score: arenaBytes(scoringGraph({ ...model, lora: null }, bucket)) }
  })
  expect(fedTensors(weights, vocabularyBlocks(config, 2 ** 18))).toHaveLength(weights.length + 7)
  for (const kind of ['lora', 'full', 'score'] as const) expect(blocks![kind], kind).toBeLessThanOrEqual(whole![kind])
})
