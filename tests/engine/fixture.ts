/** What the engine's tests share: engines that are closed again, models on disk, batches, golden data. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import { shapeOf } from '../../main/engine/batches.ts'
import { EngineHost, type EngineOptions } from '../../main/engine/host.ts'
import type { BatchShape, CallMap, EngineCalls, MicroBatch, ModelRef, Place, SampleParams, SampleResult, Sequence, TrainingParams } from '../../main/engine/protocol.ts'
import { hashText, normal, uniform } from '../../native-models/random.ts'
import { readAdapter, writeAdapter } from '../../native-models/weights/adapter.ts'
import { writeCheckpoint } from '../../native-models/weights/checkpoint.ts'
import { parseConfig } from '../../native-models/weights/config.ts'
import type { JsonObject } from '../../native-models/weights/files.ts'
import { openSafetensors } from '../../native-models/weights/safetensors.ts'
import { expectedTensors, linearModules } from '../../native-models/weights/tensors.ts'
import type { Device, Tuning, WeightType } from '../../preload/contract/domain.ts'
import { type Row, goldenPath, lora } from '../golden/fixtures.ts'

const open: { close(): Promise<void> }[] = []
afterAll(() => Promise.all(open.map((engine) => engine.close())))

export function startEngine<Calls extends CallMap<Calls> = EngineCalls>(options: EngineOptions = {}): EngineHost<Calls> {
  const engine = EngineHost.start<Calls>(options)
  open.push(engine)
  return engine
}

/** A folder of this test file's own. */
export const scratch = mkdtempSync(join(tmpdir(), 'creamery-test-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

export const place = (device: Device = 'cpu', weights: WeightType = 'fp32'): Place => ({ device, weights, threads: 1 })
export const golden = (name: string, adapter = false): ModelRef => ({ folder: goldenPath(`llama/${name}`), adapter: adapter ? goldenPath(`llama/${name}/adapter`) : null })

// ── models ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A model with seeded weights: norms 1, the rest normal with this deviation. */
export async function writeRandomModel(name: string, config: JsonObject, seed: number, deviation = 0.05): Promise<string> {
  const folder = join(scratch, name)
  const tensors = expectedTensors(parseConfig(config, 'config.json')).map(({ name, shape }) => {
    const key = hashText(name)
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (shape.length === 1 ? 1 : deviation * normal(seed, key, i)))
    return { name, dtype: 'F32' as const, shape, data }
  })
  await writeCheckpoint(folder, config, tensors)
  return folder
}

/** The bundled model itself. */
export const bundledModel = fileURLToPath(new URL('../../native-models/bundled/model', import.meta.url))
export const bundledConfig = JSON.parse(readFileSync(join(bundledModel, 'config.json'), 'utf8')) as JsonObject

/** An adapter on every linear layer, both factors seeded: unlike a new one it has gradients everywhere. */
export async function writeRandomAdapter(name: string, config: JsonObject, seed: number): Promise<string> {
  const folder = join(scratch, name)
  const base = parseConfig(config, 'config.json')
  const factor = (length: number, ...key: number[]): Float32Array => Float32Array.from({ length }, (_, i) => 0.05 * normal(seed, ...key, i))
  const modules = new Map([...linearModules(base)].map(([module, { inputs, out }]) => [module, { a: factor(lora.r * inputs, hashText(module), 0), b: factor(out * lora.r, hashText(module), 1) }]))
  await writeAdapter(folder, { config: { rank: lora.r, alpha: lora.alpha, dropout: 0, base: 'random', targets: [...lora.targets] }, modules }, base)
  return folder
}

/** One layer of 16 channels: for tests of many steps. */
export const smallConfig: JsonObject = { ...bundledConfig, vocab_size: 32, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 8 }

/** Every factor of an adapter folder, by PEFT name. */
export function adapterValues(folder: string, base: JsonObject): Record<string, Float32Array> {
  const { modules } = readAdapter(folder, parseConfig(base, 'config.json'))
  return Object.fromEntries([...modules].flatMap(([module, { a, b }]) => [[`base_model.model.${module}.lora_A.weight`, a], [`base_model.model.${module}.lora_B.weight`, b]]))
}

/** All tensors of a checkpoint that begin with `prefix`, by the rest of their names. */
export function stateOf(path: string, prefix: 'values/' | 'm/' | 'v/'): Record<string, Float32Array> {
  const file = openSafetensors(path)
  try {
    return Object.fromEntries([...file.tensors.keys()].filter((name) => name.startsWith(prefix)).map((name) => [name.slice(prefix.length), file.readFloats(name)]))
  } finally {
    file.close()
  }
}

// ── batches ────────────────────────────────────────────────────────────────────────────────────────────────────────

export const sequence = (promptIds: ArrayLike<number>, completionIds: ArrayLike<number>): Sequence => ({ promptIds: Int32Array.from(promptIds), completionIds: Int32Array.from(completionIds) })
export const sequenceOf = ({ tokens, start }: Row): Sequence => sequence(tokens.slice(0, start), tokens.slice(start))

/** Seeded sequences of unlike lengths, over ids 3 … vocabSize − 1. */
export function randomSequences(count: number, vocabSize: number, seed = 1): Sequence[] {
  const ids = (length: number, ...key: number[]): number[] => Array.from({ length }, (_, t) => 3 + Math.floor(uniform(seed, ...key, t) * (vocabSize - 3)))
  return Array.from({ length: count }, (_, i) => sequence(ids(3 + ((i * 5) % 9), i, 0), ids(4 + ((i * 7) % 10), i, 1)))
}

export const shapeFor = (sequences: readonly Sequence[], rows = sequences.length): BatchShape => shapeOf(sequences.map(({ promptIds, completionIds }) => ({ promptTokens: promptIds.length, completionTokens: completionIds.length })), rows)

/** What a test asks of an engine; a spying one answers it as well. */
export type Caller = Pick<EngineHost, 'call'>

export async function score(engine: Caller, model: ModelRef, sequences: readonly Sequence[], where: Place = place(), shape = shapeFor(sequences)): Promise<readonly Float32Array[]> {
  return (await engine.call('score', { ...where, models: [model], sequences, shape })).perTokenLogps[0]!
}

export const sftBatch = (sequences: readonly Sequence[]): MicroBatch => ({ sequences, shape: shapeFor(sequences) })
export const dpoBatch = (sequences: readonly Sequence[], refLogps: readonly Float32Array[], consistency: readonly number[]): MicroBatch => ({ sequences, shape: shapeFor(sequences), refLogps, consistency })

// ── calls ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export const optimiser = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 1 }
export const loraTuning: Tuning = { kind: 'lora', r: lora.r, alpha: lora.alpha, targets: [...lora.targets] as Extract<Tuning, { kind: 'lora' }>['targets'] }

export function trainingOf(folder: string, more: Partial<TrainingParams> = {}): TrainingParams {
  return { ...place(), folder, tuning: loraTuning, from: null, objective: { kind: 'dpo', beta: 0.1 }, optimiser, seed: 5, resume: null, ...more }
}

export function sampling(model: ModelRef, prompts: readonly (readonly number[])[], more: Partial<SampleParams> = {}): SampleParams {
  const maxNewTokens = more.maxNewTokens ?? 48
  const longest = Math.max(...prompts.map((prompt) => prompt.length))
  return {
    ...place(), model, prompts: prompts.map((prompt) => Int32Array.from(prompt)), rows: prompts.map((_, i) => ({ prompt: i, key: [i] })),
    shape: { rows: more.rows?.length ?? prompts.length, prompts: prompts.length, promptLength: Math.ceil(longest / 16) * 16, capacity: Math.ceil((longest + maxNewTokens) / 16) * 16 },
    seed: 11, samplingTemperature: 0, topP: 1, topK: 0, maxNewTokens, eosIds: [], stream: false, ...more,
  }
}

export const textsOf = ({ completions }: SampleResult): number[][] => completions.map(({ ids }) => Array.from(ids))
