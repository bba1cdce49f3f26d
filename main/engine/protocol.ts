/**
 * What main and the engine say to each other over the child's IPC channel (structured clone: typed arrays cross as bytes).
 * A new call: a row in `EngineCalls` here, a handler in worker.ts's table; the compiler leads.
 */
import type { Objective } from '../../native-models/training/graphs.ts'
import type { Device, FinishReason, Tuning, WeightType } from '../../preload/contract/domain.ts'
import { AppError, type ErrorCode } from '../../preload/contract/errors.ts'

export type Nothing = Record<string, never>

/** One call: what goes in, what comes back, and the events that arrive meanwhile (`never`: none). */
export interface Call {
  params: unknown
  result: unknown
  event: unknown
}

/** Constrains an interface of calls. */
export type CallMap<Calls> = { [Name in keyof Calls]: Call }

export interface EngineCalls {
  /** Who answers. */
  hello: { params: Nothing; result: Hello; event: never }
  /** Which devices really run a graph here. */
  probe: { params: Nothing; result: DeviceReport[]; event: never }
  /** Runs a tiny graph on a device and checks its numbers; a bad driver may end the process, so `probe` asks a process of its own. */
  tryDevice: { params: { device: Device; weights: WeightType }; result: { milliseconds: number }; event: never }
  memory: { params: Nothing; result: MemoryReport; event: never }
  /** How fast plain matrix products are: the ceiling of everything else. */
  gemm: { params: GemmParams; result: { gflops: number }; event: never }
  /** How large the graphs of these shapes are; loads no weights. */
  footprint: { params: FootprintParams; result: Footprint; event: never }
  /** Log-probabilities of completions under one or more models. */
  score: { params: ScoreParams; result: ScoreResult; event: never }
  /** Every logit of given token sequences: what a proof compares. */
  logits: { params: LogitsParams; result: { logits: readonly Float32Array[] }; event: never }
  /** The same under an exported ONNX decoder. */
  onnxLogits: { params: OnnxLogitsParams; result: { logits: readonly Float32Array[] }; event: never }
  /** Responses of one planned batch; events stream tokens as they come. */
  sample: { params: SampleParams; result: SampleResult; event: SampleEvent }
  /** Frees what sampling holds (merged weights, cache). */
  endSampling: { params: Nothing; result: Nothing; event: never }
  /** Starts or resumes training; one training runs at a time. */
  startTraining: { params: TrainingParams; result: TrainingStarted; event: never }
  /** One optimiser step over its micro-batches. */
  trainStep: { params: TrainStepParams; result: TrainStepResult; event: never }
  /** Writes parameters and optimiser moments, to resume from. */
  saveCheckpoint: { params: { path: string }; result: SavedFile; event: never }
  /** Writes what was trained: a PEFT adapter folder, or a whole checkpoint folder. */
  saveModel: { params: { folder: string }; result: SavedFile; event: never }
  endTraining: { params: Nothing; result: Nothing; event: never }
}

/** Where to compute. Every call says so: a fresh engine needs no other state. */
export interface Place {
  readonly device: Device
  /** How the weights that are not trained lie in its memory. */
  readonly weights: WeightType
  /** 0 = all cores. */
  readonly threads: number
}

/** `repeats` products of [m, k] by [k, n]. */
export interface GemmParams extends Place {
  readonly m: number
  readonly k: number
  readonly n: number
  readonly repeats: number
}

export interface FootprintParams {
  readonly folder: string
  readonly tuning: Tuning
  readonly device: Device
  readonly weights: WeightType
  readonly scoring: readonly BatchShape[]
  readonly training: readonly { readonly objective: TrainingParams['objective']; readonly shape: BatchShape }[]
  readonly sampling: readonly SampleShape[]
}

/** Counts of elements, and the sizes of the asked-for graphs, aligned with the shapes. */
export interface Footprint {
  readonly parameters: number
  /** Bytes of all weights as they lie in memory. */
  readonly weightBytes: number
  /** The largest that is read at once: a tensor, or a block of a table. */
  readonly largestTensor: number
  /** The output layer's, also where it is the embedding. */
  readonly head: number
  /** What training changes. */
  readonly trainable: number
  readonly layers: number
  /** Elements of one layer's keys (or values) per position. */
  readonly cacheWidth: number
  /** The same of all heads' queries. */
  readonly attentionWidth: number
  /** Bytes that the sessions of training may hold together, and those of scoring, as they count themselves. */
  readonly sessionBudget: { readonly training: number; readonly scoring: number }
  readonly scoring: readonly GraphSize[]
  readonly training: readonly GraphSize[]
  readonly sampling: readonly { readonly prefill: GraphSize; readonly decode: GraphSize }[]
}

export interface GraphSize {
  readonly nodes: number
  /** What a run needs beside its feeds: by this the engine bounds its sessions. */
  readonly activationBytes: number
  /** What the arena comes to hold over a few runs. */
  readonly arenaBytes: number
}

/** A model on disk: a Hugging Face folder and perhaps a PEFT adapter folder on top. */
export interface ModelRef {
  readonly folder: string
  readonly adapter: string | null
}

/** A prompt and its completion as token ids. */
export interface Sequence {
  readonly promptIds: Int32Array
  readonly completionIds: Int32Array
}

/** Shapes that a batch is padded to; chosen by batches.ts, stored with the plan. */
export interface BatchShape {
  readonly rows: number
  readonly length: number
  readonly positions: number
}

export interface ScoreParams extends Place {
  readonly models: readonly ModelRef[]
  readonly sequences: readonly Sequence[]
  readonly shape: BatchShape
}

export interface ScoreResult {
  /** Per model, per sequence: the log-probability of every completion token, in nats. */
  readonly perTokenLogps: readonly (readonly Float32Array[])[]
}

export interface LogitsParams extends Place {
  readonly model: ModelRef
  /** Short ones: length × vocabulary numbers come back for each. */
  readonly sequences: readonly Int32Array[]
}

export interface OnnxLogitsParams extends Place {
  /** The .onnx file; weights beside it are found by their names. */
  readonly path: string
  /** One batch, padded on the left. */
  readonly sequences: readonly Int32Array[]
  /** How many of the last tokens are read one at a time, from the cache; those before them at once. */
  readonly steps: number
}

export interface SampleParams extends Place {
  readonly model: ModelRef
  readonly prompts: readonly Int32Array[]
  /** One response each: which prompt, and the key of its random numbers (with the seed: same key, same response). */
  readonly rows: readonly { readonly prompt: number; readonly key: readonly number[] }[]
  readonly shape: SampleShape
  readonly seed: number
  /** 0 = greedy. */
  readonly samplingTemperature: number
  readonly topP: number
  /** 0 = no limit. */
  readonly topK: number
  readonly maxNewTokens: number
  readonly eosIds: readonly number[]
  /** Report every token as it comes. */
  readonly stream: boolean
}

export interface SampleShape {
  /** Rows that the batch is padded to. */
  readonly rows: number
  /** Prompts and their length, likewise. */
  readonly prompts: number
  readonly promptLength: number
  /** Cache slots per row: prompt and new tokens, a multiple of 16. */
  readonly capacity: number
}

export interface SampleResult {
  /** Per row; an ending EOS is part of `ids`. */
  readonly completions: readonly { readonly ids: Int32Array; readonly finishReason: FinishReason }[]
}

/** Tokens that arrived in one decoding step; −1 for rows that had ended. */
export interface SampleEvent {
  readonly step: number
  readonly ids: Int32Array
}

export interface TrainingParams extends Place {
  readonly folder: string
  readonly tuning: Tuning
  /** Adapter (or, for full tuning, checkpoint folder) to go on from; null starts a new adapter. */
  readonly from: string | null
  readonly objective: Objective
  readonly optimiser: { readonly beta1: number; readonly beta2: number; readonly epsilon: number; readonly weightDecay: number; readonly maxGradNorm: number }
  /** Of a new adapter's values, and of what dropout leaves out. */
  readonly seed: number
  /** Checkpoint file to resume from. */
  readonly resume: string | null
}

export interface TrainingStarted {
  readonly trainable: number
  /** Optimiser steps already taken: 0, or where the checkpoint stands. */
  readonly step: number
}

export type MicroBatch = {
  /** SFT: any. DPO: alternating chosen, rejected. */
  readonly sequences: readonly Sequence[]
  readonly shape: BatchShape
  /** DPO: C of each pair, and the reference's log-probabilities of every sequence's tokens. */
  readonly consistency?: readonly number[]
  readonly refLogps?: readonly Float32Array[]
}

export interface TrainStepParams {
  readonly microBatches: readonly MicroBatch[]
  readonly learningRate: number
}

export interface TrainStepResult {
  readonly step: number
  /** SFT: mean nll per token. DPO: mean over pairs. */
  readonly loss: number
  /** Before clipping. */
  readonly gradNorm: number
  readonly tokens: number
  /** DPO: one row a pair, in the order given. */
  readonly pairs: readonly PairMetrics[]
}

export interface PairMetrics {
  readonly loss: number
  readonly chosenReward: number
  readonly rejectedReward: number
  readonly chosenLogps: number
  readonly rejectedLogps: number
}

export interface SavedFile {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

export interface Hello {
  readonly pid: number
  readonly node: string
  readonly onnxruntime: string
}

export interface DeviceReport {
  readonly device: Device
  readonly name: string
  readonly available: boolean
  /** Why it is not available, as a sentence. */
  readonly reason: string | null
  /** Why weights cannot be fp16 there, as a sentence; null where they can. */
  readonly fp16: string | null
  readonly details: Readonly<Record<string, string | number>>
}

/** Resident memory of the engine process, in bytes. */
export interface MemoryReport {
  readonly rss: number
  readonly peakRss: number
}

export type ToEngine =
  | { readonly kind: 'call'; readonly id: number; readonly name: string; readonly params: unknown }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'shutdown' }

export type FromEngine =
  | { readonly kind: 'event'; readonly id: number; readonly event: unknown }
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown; readonly memory: MemoryReport }
  | { readonly kind: 'error'; readonly id: number; readonly error: WireError }

/** An error in transit. Structured clone would lose the class and the code. */
export interface WireError {
  readonly code: ErrorCode | null
  readonly message: string
  readonly stack: string
}

export function packError(error: unknown): WireError {
  if (!(error instanceof Error)) return { code: null, message: String(error), stack: '' }
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack}` : ''
  return { code: error instanceof AppError ? error.code : null, message: error.message, stack: `${error.stack}${cause}` }
}

/** The engine's stack travels as the cause, so that a log shows both sides. */
export function unpackError({ code, message, stack }: WireError, call: string): AppError {
  return code ? new AppError(code, message, stack) : new AppError('internal', `The engine failed in "${call}": ${message}`, stack)
}
