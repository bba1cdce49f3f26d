/** One JSON file configures a run. The zod schema is the type, the validation and the published JSON schema. */
import { z } from 'zod'
import { Device, FirstIterationRule, Method, ScheduleKind, Statistic, Tuning, WeightType } from './domain.ts'

const fraction = z.number().min(0).max(1)

/** One optimisation phase (SFT or a DPO round). */
const Optimisation = z.strictObject({
  epochs: z.number().positive().default(1),
  learningRate: z.number().positive(),
  /** Sequences (SFT) or pairs (DPO) per optimiser step. */
  batchSize: z.int().min(1).default(32),
  schedule: ScheduleKind.default('cosine'),
  warmupRatio: fraction.default(0.1),
  weightDecay: z.number().min(0).default(0.01),
  maxGradNorm: z.number().positive().default(1),
  beta1: fraction.default(0.9),
  beta2: fraction.default(0.999),
  epsilon: z.number().positive().default(1e-8),
})
export type Optimisation = z.infer<typeof Optimisation>

export const EvaluationScorer = z.enum(['cream', 'strict', 'exact'])
export type EvaluationScorer = z.infer<typeof EvaluationScorer>

export const TaskSource = z.strictObject({
  name: z.string().min(1),
  file: z.string().min(1),
  /** Evaluate only the first `limit` items. */
  limit: z.int().min(1).optional(),
})
export type TaskSource = z.infer<typeof TaskSource>

export const RunConfig = z.strictObject({
  $schema: z.string().optional(),
  /** Folder of M0 in Hugging Face layout; relative paths are relative to the config file. */
  model: z.string().min(1),
  data: z.strictObject({
    /** Seed set D_S for SFT: JSONL of {prompt, response} or {messages}. */
    sft: z.string().optional(),
    sftLimit: z.int().min(1).optional(),
    /** Unlabelled prompts D_U, split evenly over the iterations: JSONL of {id?, prompt, answer?, task?}. */
    prompts: z.string(),
    promptsLimit: z.int().min(1).optional(),
    /** Held-out tasks: JSONL of {id?, prompt, answer, task?}. */
    evaluation: z.array(TaskSource).default([]),
  }),
  method: Method.default('cream-avg'),
  /** The constant C of method `fixed-c`. */
  fixedConsistency: fraction.default(0.9),
  /** T: how many DPO rounds (T = 2 gives M0 … M3). */
  iterations: z.int().min(1).max(20).default(2),
  seed: z.int().min(0).max(2 ** 32 - 1).default(42),
  device: Device.default('cpu'),
  /** Rounded once, when they are loaded; whatever is written is made from the original files. fp16 has not run on a real graphics card yet. */
  weights: WeightType.default('fp32'),
  threads: z.int().min(0).default(0),
  /** Prompt + completion, in tokens. */
  maxLength: z.int().min(8).default(2048),
  tuning: Tuning.default({ kind: 'lora', r: 16, alpha: 32, targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] }),
  sft: Optimisation,
  sampling: z.strictObject({
    responses: z.int().min(2).max(64).default(5),
    samplingTemperature: z.number().positive().default(0.8),
    topP: z.number().positive().max(1).default(0.95),
    topK: z.int().min(0).default(0),
    maxNewTokens: z.int().min(1).default(768),
  }),
  consistency: z.strictObject({
    statistic: Statistic.default('tau-b'),
    /** 'measured' = the re-score noise of this device, found before ranking. */
    tieTolerance: z.union([z.number().min(0), z.literal('measured')]).default('measured'),
    firstIterationRule: FirstIterationRule.default('mean-logps'),
    /** Clamp every C to [0.5, 1]. */
    clamp: z.boolean().default(false),
    /** What a pair whose C is null takes. */
    whenNull: z.enum(['skip', 'mean']).default('mean'),
    /** Go on although the mean C is below 0.5 (training then runs towards the reversed preference). */
    acceptReversed: z.boolean().default(false),
  }).prefault({}),
  pairs: z.strictObject({
    /** May a response that ended by length be the chosen one? Without this only where no response of the iteration ended by itself. */
    chooseTruncated: z.boolean().default(false),
  }).prefault({}),
  oracle: z.strictObject({
    /** 'answers' = 1 for a right answer, 0 for a wrong one; otherwise a JSONL file of {response_id | prompt_id + text, reward}. */
    rewards: z.string().default('answers'),
    negate: z.boolean().default(false),
  }).prefault({}),
  dpo: Optimisation.extend({ beta: z.number().positive().default(0.1) }),
  gate: z.enum(['require', 'skip']).default('skip'),
  evaluation: z.strictObject({
    scorer: EvaluationScorer.default('strict'),
    /** Sampled answers per item beside the greedy one; 0 = greedy only. */
    samples: z.int().min(0).default(5),
    samplingTemperature: z.number().positive().default(0.8),
    maxNewTokens: z.int().min(1).default(768),
    /** Appended to every question; METHOD §5 has the paper's. */
    suffix: z.string().default(''),
  }).prefault({}),
  /** Seconds between training checkpoints. */
  checkpointSeconds: z.number().positive().default(60),
})
export type RunConfig = z.infer<typeof RunConfig>
/** What a person writes: defaults may be left out. */
export type RunConfigInput = z.input<typeof RunConfig>

/** The published JSON schema of a run's configuration (draft 2020-12). */
export function runConfigJsonSchema(): unknown {
  return z.toJSONSchema(RunConfig, { io: 'input' })
}
