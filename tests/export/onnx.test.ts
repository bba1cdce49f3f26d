/** Exported decoders of every family, run as their users run them (one padded batch, then from the cache), against our own graphs. */
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ModelRef } from '../../main/engine/protocol.ts'
import { openSession, tensor } from '../../main/engine/sessions.ts'
import { writeModel } from '../../main/export/formats/onnx.ts'
import { modelFile } from '../../main/export/formats/onnx-configs.ts'
import { type ExportSource, openSource } from '../../main/export/source.ts'
import { BLOCK, dequantiseFourBit, quantiseFourBit } from '../../native-models/interchange/four-bit.ts'
import { GraphBuilder } from '../../native-models/onnx/builder.ts'
import { encodeModel } from '../../native-models/onnx/wire.ts'
import { normal, uniform } from '../../native-models/random.ts'
import { writeCheckpoint } from '../../native-models/weights/checkpoint.ts'
import type { ModelConfig } from '../../native-models/weights/config.ts'
import { decodeFloats, encodeFloats } from '../../native-models/weights/dtype.ts'
import { linearModules } from '../../native-models/weights/tensors.ts'
import type { OnnxPrecision } from '../../preload/contract/requests/export.ts'
import { place, scratch, startEngine } from '../engine/fixture.ts'
import { goldenPath } from '../golden/fixtures.ts'

const models = ['llama', 'families'].flatMap((kind) => readdirSync(goldenPath(kind)).filter((name) => statSync(goldenPath(`${kind}/${name}`)).isDirectory()).map((name) => `${kind}/${name}`)).sort()
const engine = startEngine()
const unstopped = new AbortController().signal

/** A model without a project. */
const sourceOf = (ref: ModelRef): ExportSource => openSource({ ref, run: { basePath: ref.folder } } as Parameters<typeof openSource>[0])

async function write(ref: ModelRef, name: string, precision: OnnxPrecision, limit = Infinity): Promise<string> {
  const source = sourceOf(ref)
  const folder = join(scratch, name)
  mkdirSync(join(folder, 'onnx'), { recursive: true })
  try {
    await writeModel(source, folder, precision, limit, unstopped, () => {})
    return join(folder, 'onnx', modelFile(precision))
  } finally {
    source.close()
  }
}

function deviation(ours: readonly Float32Array[], theirs: readonly Float32Array[]): { worst: number; largest: number } {
  let [worst, largest] = [0, 0]
  ours.forEach((mine, i) => {
    expect(theirs[i]).toHaveLength(mine.length)
    mine.forEach((logit, at) => {
      worst = Math.max(worst, Math.abs(logit - theirs[i]![at]!))
      largest = Math.max(largest, Math.abs(logit))
    })
    expect(theirs[i]!.every(Number.isFinite)).toBe(true)
  })
  return { worst, largest }
}

/** Longer than the golden windows, of unlike lengths. */
const sequencesFor = (vocabSize: number): Int32Array[] => [41, 17, 30].map((length, row) => Int32Array.from({ length }, (_, t) => Math.floor(uniform(3, row, t) * vocabSize)))

describe.each(models)('%s', (name) => {
  const ref = { folder: goldenPath(name), adapter: goldenPath(`${name}/adapter`) }
  let config: ModelConfig
  let sequences: Int32Array[]
  let ours: readonly Float32Array[]
  beforeAll(async () => {
    const source = sourceOf(ref)
    config = source.config
    source.close()
    sequences = sequencesFor(config.vocabSize)
    ours = (await engine.call('logits', { ...place(), model: ref, sequences })).logits
  }, 60_000)
  const run = async (path: string, steps = 9) => (await engine.call('onnxLogits', { ...place(), path, sequences, steps })).logits

  test('fp32 with the adapter merged: left padding, prefill and cache give the engine’s logits to 1e-4', async () => {
    const path = await write(ref, name, 'fp32')
    for (const steps of [0, 9, 40]) expect(deviation(ours, await run(path, steps)).worst).toBeLessThanOrEqual(1e-4)
  }, 120_000)

  test('fp16 moves logits hardly more than rounding the weights alone does', async () => {
    const rounded = await rewrite(ref, `${name}-rounded`, (values) => decodeFloats('F16', encodeFloats('F16', values)))
    const byWeights = deviation(ours, (await engine.call('logits', { ...place(), model: rounded, sequences })).logits).worst
    const { worst } = deviation(ours, await run(await write(ref, name, 'fp16')))
    expect(worst).toBeGreaterThan(0)
    expect(worst).toBeLessThanOrEqual(3 * byWeights)
  }, 120_000)

  test('q4 computes what its codes and scales say', async () => {
    const q4 = await run(await write(ref, name, 'q4'))
    const linears = linearModules(config)
    const plain = await rewrite(ref, `${name}-four-bit`, (values, tensorName, width) =>
      linears.has(tensorName.replace(/\.weight$/, '')) && tensorName.endsWith('.weight') ? dequantiseFourBit(quantiseFourBit(values, width), width) : values)
    const byCodes = (await engine.call('logits', { ...place(), model: plain, sequences })).logits
    expect(deviation(byCodes, q4).worst).toBeLessThanOrEqual(1e-4)
    expect(deviation(ours, q4).worst).toBeGreaterThan(0.1)
  }, 120_000)
})

/** The model with other weights, in a folder of its own. */
async function rewrite(ref: ModelRef, name: string, change: (values: Float32Array, tensor: string, width: number) => Float32Array): Promise<ModelRef> {
  const source = sourceOf(ref)
  const folder = join(scratch, name)
  await writeCheckpoint(folder, source.configJson, source.tensors.map(({ name: tensor, shape }) => ({ name: tensor, shape, dtype: 'F32' as const, data: change(source.readTensor(tensor), tensor, shape.at(-1)!) })))
  source.close()
  return { folder, adapter: null }
}

test('weights beside the model, in files of a limited size, are the same weights', async () => {
  const ref = { folder: goldenPath('families/qwen3-headdim'), adapter: null }
  const sequences = sequencesFor(64)
  const inside = await engine.call('onnxLogits', { ...place(), path: await write(ref, 'inside', 'fp32'), sequences, steps: 4 })
  const path = await write(ref, 'beside', 'fp32', 20_000)
  const names = readdirSync(join(path, '..')).sort()
  expect(names.length).toBeGreaterThan(3)
  expect(names).toEqual(['model.onnx', ...Array.from({ length: names.length - 1 }, (_, i) => `model.onnx_data${i === 0 ? '' : `_${i}`}`)].sort())
  const beside = await engine.call('onnxLogits', { ...place(), path, sequences, steps: 4 })
  expect(beside.logits).toEqual(inside.logits)
}, 60_000)

test('inputs and outputs are those that transformers.js and onnxruntime-genai look for', async () => {
  const session = await openSession(await write({ folder: goldenPath('families/qwen3-headdim'), adapter: null }, 'ports', 'q4'), { device: 'cpu', threads: 1 })
  const cache = (name: string, length: string) => ({ name, dtype: 'float32', dims: ['batch_size', expect.any(Number), length, expect.any(Number)] })
  expect(session.inputs.filter(({ name }) => !/\.[1-9]\d*\./.test(name)).toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
    { name: 'attention_mask', dtype: 'int64', dims: ['batch_size', 'total_sequence_length'] },
    { name: 'input_ids', dtype: 'int64', dims: ['batch_size', 'sequence_length'] },
    cache('past_key_values.0.key', 'past_sequence_length'), cache('past_key_values.0.value', 'past_sequence_length'),
    { name: 'position_ids', dtype: 'int64', dims: ['batch_size', 'sequence_length'] },
  ])
  expect(session.outputs.slice(0, 3)).toEqual([
    { name: 'logits', dtype: 'float32', dims: ['batch_size', 'sequence_length', expect.any(Number)] },
    cache('present.0.key', 'total_sequence_length'), cache('present.0.value', 'total_sequence_length'),
  ])
  await session.dispose()
})

describe('four bits', () => {
  const [rows, columns] = [5, 77] // the last block is short
  const weights = Float32Array.from({ length: rows * columns }, (_, i) => normal(1, i))
  weights.fill(0, columns, columns + BLOCK) // a block of zeros

  test('meet the farthest weight of a block exactly and the others to half a scale, a whole one at the far end', () => {
    const packed = quantiseFourBit(weights, columns)
    const back = dequantiseFourBit(packed, columns)
    for (let row = 0; row < rows; row++) {
      for (let from = 0; from < columns; from += BLOCK) {
        const places = Array.from({ length: Math.min(BLOCK, columns - from) }, (_, i) => row * columns + from + i)
        const far = places.reduce((a, b) => (Math.abs(weights[b]!) > Math.abs(weights[a]!) ? b : a))
        const scale = Math.abs(packed.scales[row * Math.ceil(columns / BLOCK) + from / BLOCK]!)
        expect(back[far]).toBeCloseTo(weights[far]!, 6)
        for (const i of places) expect(Math.abs(back[i]! - weights[i]!)).toBeLessThanOrEqual(scale * (weights[i]! * weights[far]! < 0 ? 1.0001 : 0.5001))
      }
    }
    expect([...packed.codes.subarray(3 * BLOCK / 2, 4 * BLOCK / 2)]).toEqual(Array(BLOCK / 2).fill(0x88))
  })

  test('are what MatMulNBits multiplies by', async () => {
    const { codes, scales } = quantiseFourBit(weights, columns)
    const b = new GraphBuilder()
    const blocks = Math.ceil(columns / BLOCK)
    b.output('y', b.matmulFourBit(b.input('x', 'float32', [3, columns]), b.input('codes', 'uint8', [rows, blocks, BLOCK / 2]), b.input('scales', 'float32', [rows * blocks]), rows, BLOCK))
    const session = await openSession(encodeModel(b.graph()), { device: 'cpu', threads: 1 })
    const x = Float32Array.from({ length: 3 * columns }, (_, i) => normal(2, i))
    const { y } = await session.run({ x: tensor('float32', [3, columns], x), codes: tensor('uint8', [rows, blocks, BLOCK / 2], codes), scales: tensor('float32', [rows * blocks], scales) })
    const matrix = dequantiseFourBit({ codes, scales }, columns)
    const product = Array.from({ length: 3 * rows }, (_, i) => matrix.subarray((i % rows) * columns, ((i % rows) + 1) * columns).reduce((sum, w, at) => sum + w * x[Math.floor(i / rows) * columns + at]!, 0))
    Array.from(y!.data as Float32Array).forEach((value, i) => expect(value).toBeCloseTo(product[i]!, 4))
    await session.dispose()
  })
})
