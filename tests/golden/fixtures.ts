/** Reads the committed goldens (tests/golden/make says how each was made) and lays their rows out as a graph's feeds. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { fedTensors, vocabularyBlocks, wholeTensors } from '../../native-models/families/tables.ts'
import type { TensorData } from '../../native-models/onnx/types.ts'
import { type Bucket, type ModelSpec, type Objective, trainableTensors, trainingGraph } from '../../native-models/training/graphs.ts'
import type { Lora } from '../../native-models/training/lora.ts'
import { closeCheckpoint, openCheckpoint, readWeights } from '../../native-models/weights/checkpoint.ts'
import { openSafetensors } from '../../native-models/weights/safetensors.ts'
import { type Arrays, relativeError, runGraph } from '../run-graph.ts'

export const goldenPath = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
export const goldenJson = <T>(name: string): T => JSON.parse(readFileSync(goldenPath(name), 'utf8')) as T

// ── tensors ────────────────────────────────────────────────────────────────────────────────────────────────────────

type Numbers = Float32Array | Float64Array | Int32Array

/** All tensors of one golden file. */
export class Goldens {
  readonly #tensors: ReadonlyMap<string, Numbers>

  constructor(name: string) {
    const file = openSafetensors(goldenPath(name))
    this.#tensors = new Map([...file.tensors.keys()].map((key) => [key, file.readTensor(key) as Numbers]))
    file.close()
  }

  get(name: string): Numbers {
    const tensor = this.#tensors.get(name)
    if (!tensor) throw new Error(`the golden has no ${name}`)
    return tensor
  }

  /** Tensors whose names begin with `prefix`, under the rest of their names. */
  under(prefix: string): Record<string, Numbers> {
    return Object.fromEntries([...this.#tensors].filter(([name]) => name.startsWith(prefix)).map(([name, data]) => [name.slice(prefix.length), data]))
  }
}

// ── models ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The adapter of every golden (tests/golden/make/lora.py). */
export const lora: Lora = { r: 4, alpha: 8, targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] }

export interface TestModel {
  /** Without an adapter, the head in one chunk. */
  readonly spec: ModelSpec
  /** Weights by name. */
  readonly weights: Record<string, Float32Array>
}

export function loadModel(folder: string): TestModel {
  const checkpoint = openCheckpoint(folder)
  const weights = Object.fromEntries([...checkpoint.tensors.keys()].map((name) => [name, readWeights(checkpoint, name)]))
  const shapes = [...checkpoint.tensors].map(([name, { shape }]) => ({ name, shape }))
  closeCheckpoint(checkpoint)
  return { spec: { config: checkpoint.config, weights: shapes, lora: null, headChunk: 64 }, weights }
}

/** The same model with its tables in blocks of so many bytes. */
export function inBlocks({ spec, weights }: TestModel, blockBytes: number): TestModel {
  const blocks = vocabularyBlocks(spec.config, blockBytes)
  const fed = fedTensors(spec.weights, blocks)
  const { hiddenSize } = spec.config
  const data = fed.map(({ name, block }) => [name, block ? weights[block.of]!.subarray(block.start * hiddenSize, block.end * hiddenSize) : weights[name]!])
  return { spec: { ...spec, weights: fed, blockBytes }, weights: Object.fromEntries(data) as Record<string, Float32Array> }
}

// ── batches ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A sequence; its completion begins at `start`. */
export interface Row {
  readonly tokens: readonly number[]
  readonly start: number
}

/** The rows of `<prefix>input_ids` [rows, width], cut to their lengths. */
export function rowsOf(goldens: Goldens, prefix = ''): Row[] {
  const [ids, lengths, starts] = ['input_ids', 'length', 'completion_start'].map((name) => Array.from(goldens.get(prefix + name))) as [number[], number[], number[]]
  const width = ids.length / lengths.length
  return lengths.map((length, i) => ({ tokens: ids.slice(i * width, i * width + length), start: starts[i]! }))
}

/** The entries of a golden [rows, width] that belong to completions, row after row: a graph's order of positions. */
export function completionEntries(perToken: ArrayLike<number>, rows: readonly Row[]): number[] {
  const width = perToken.length / rows.length
  return rows.flatMap(({ tokens, start }, i) => tokens.flatMap((_, t) => (t < start ? [] : [perToken[i * width + t]!])))
}

/** [rows, width, V] → the logits of real tokens, row after row. */
export function realLogits(all: ArrayLike<number>, rows: readonly Row[]): number[] {
  const width = Math.max(...rows.map(({ tokens }) => tokens.length))
  const vocabSize = all.length / rows.length / width
  return rows.flatMap(({ tokens }, row) => Array.from(all).slice(row * width * vocabSize, (row * width + tokens.length) * vocabSize))
}

export interface Batch {
  readonly bucket: Bucket
  /** tokens, places, targets, mask and members. */
  readonly feeds: Arrays
}

/** Rows as feeds of the training and scoring graphs, in the smallest bucket or, padded, in a larger one. */
export function batchOf(rows: readonly Row[], larger: Partial<Bucket> = {}): Batch {
  const completions = rows.flatMap(({ tokens, start }, row) => tokens.slice(start).map((target, i) => ({ row, t: start + i - 1, target })))
  const bucket = { rows: rows.length, length: Math.max(...rows.map(({ tokens }) => tokens.length)), positions: completions.length, ...larger }
  const pad = (list: readonly number[], size: number): number[] => [...list, ...Array<number>(size - list.length).fill(0)]
  const members = Array.from({ length: bucket.rows }, (_, row) => pad(completions.map((completion) => Number(completion.row === row)), bucket.positions))
  return {
    bucket,
    feeds: {
      tokens: pad(rows.flatMap(({ tokens }) => pad(tokens, bucket.length)), bucket.rows * bucket.length),
      places: pad(completions.map(({ row, t }) => row * bucket.length + t), bucket.positions),
      targets: pad(completions.map(({ target }) => target), bucket.positions),
      mask: pad(completions.map(() => 1), bucket.positions),
      members: members.flat(),
    },
  }
}

// ── running and comparing ──────────────────────────────────────────────────────────────────────────────────────────

export type Float = 'float32' | 'float64'
export type Results = Record<string, TensorData>

/** One micro-batch of training; sums start at zero unless `feeds` carries some. */
export async function runTraining(model: ModelSpec, objective: Objective, bucket: Bucket, feeds: Arrays, float: Float = 'float32'): Promise<Results> {
  const zeros = Object.fromEntries(trainableTensors(model).map(({ name, shape }) => [`sum.${name}`, new Float32Array(shape.reduce((a, b) => a * b, 1))]))
  return runGraph(trainingGraph(model, objective, bucket, float), { ...zeros, ...feeds })
}

/** The gradients among a run's results, by tensor name. */
export const gradientsOf = (results: Results): Record<string, Numbers> =>
  Object.fromEntries(Object.entries(results).filter(([name]) => name.startsWith('grad.')).map(([name, data]) => [name.slice(5), data as Numbers]))

/** The same by the tensors' usual names, where some are in blocks. */
export const wholeGradients = (results: Results, model: ModelSpec): Record<string, number[]> =>
  Object.fromEntries(wholeTensors(trainableTensors(model)).map(({ name, pieces }) => [name, pieces.flatMap((piece) => Array.from(results[`grad.${piece.name}`] as Numbers))]))

/** max |a − e| / max |e| must not pass `limit`; DEVIATIONS=1 prints what was measured. */
export function expectClose(actual: ArrayLike<number> | TensorData, expected: ArrayLike<number>, limit: number, what: string): void {
  expectAllClose({ '': actual as Numbers }, { '': expected }, limit, what)
}

/** The same for every tensor of a set, whose names must agree. */
export function expectAllClose(actual: Readonly<Record<string, ArrayLike<number>>>, expected: Readonly<Record<string, ArrayLike<number>>>, limit: number, what: string): void {
  expect(Object.keys(actual).sort(), what).toEqual(Object.keys(expected).sort())
  const deviations = Object.entries(expected).map(([name, numbers]) => [relativeError(actual[name]!, numbers), name] as const)
  const [worst, name] = deviations.reduce((a, b) => (b[0] > a[0] || Number.isNaN(b[0]) ? b : a))
  if (process.env['DEVIATIONS']) console.info(`${what} ${name}: ${worst.toExponential(1)} (limit ${limit.toExponential(0)})`)
  expect(worst, `${what} ${name}`).toBeLessThanOrEqual(limit)
}
