/** The nouns of Creamery, shared by every room. Names are the field's (TRL's where TRL has one). */
import { z } from 'zod'

/** The stages of one iteration, in order. `tune` is SFT (M0 → M1) and happens once, before iteration 1. */
export const stages = ['tune', 'sample', 'score', 'rank', 'pair', 'audit', 'train', 'evaluate', 'export'] as const
export const Stage = z.enum(stages)
export type Stage = z.infer<typeof Stage>

export const StageStatus = z.enum(['pending', 'running', 'paused', 'done', 'failed', 'stale'])
export type StageStatus = z.infer<typeof StageStatus>

export const Role = z.enum(['system', 'user', 'assistant'])
export const Message = z.strictObject({ role: Role, content: z.string() })
export type Message = z.infer<typeof Message>

/** A prompt is raw text or a conversation that ends with the user's turn. */
export const PromptInput = z.union([z.string(), z.array(Message).min(1)])
export type PromptInput = z.infer<typeof PromptInput>

/** Which agreement of two rankings is measured. `tau-b` on rewards is the default; `tau-a` is the paper's formula. */
export const Statistic = z.enum(['tau-b', 'tau-a', 'spearman', 'toporder'])
export type Statistic = z.infer<typeof Statistic>

/** How labels are softened: not at all, by the mean C, by each prompt's C, by a constant, or by outside rewards. */
export const Method = z.enum(['srlm', 'cream-avg', 'cream-dyn', 'fixed-c', 'oracle'])
export type Method = z.infer<typeof Method>

/** Which judges make tau in iteration 1, where the previous reward is identically 0 (METHOD §2c). */
export const FirstIterationRule = z.enum(['mean-logps', 'reference-code'])
export type FirstIterationRule = z.infer<typeof FirstIterationRule>

export const FinishReason = z.enum(['eos', 'length'])
export type FinishReason = z.infer<typeof FinishReason>

export const Device = z.enum(['cpu', 'webgpu'])
export type Device = z.infer<typeof Device>

/** How the weights that are not trained lie in memory while a run computes. fp16 is WebGPU's alone, and for LoRA. */
export const WeightType = z.enum(['fp32', 'fp16'])
export type WeightType = z.infer<typeof WeightType>

export const ScheduleKind = z.enum(['constant', 'linear', 'cosine'])
export type ScheduleKind = z.infer<typeof ScheduleKind>

/** Hugging Face module names a LoRA adapter may sit on. */
export const loraTargets = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const
export const LoraTarget = z.enum(loraTargets)
export type LoraTarget = z.infer<typeof LoraTarget>

/** What is trained: a low-rank adapter over frozen weights, or every weight. */
export const Tuning = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('lora'),
    r: z.int().min(1).max(1024).default(16),
    alpha: z.number().positive().default(32),
    /** The share of what the adapter reads that is left out at random in each step of SFT; nothing unless given. DPO leaves nothing out, as in TRL. */
    dropout: z.number().min(0).max(0.9).optional(),
    targets: z.array(LoraTarget).min(1).default([...loraTargets]),
  }),
  z.strictObject({ kind: z.literal('full') }),
])
export type Tuning = z.infer<typeof Tuning>

/** Why a prompt has no pair. */
export const SkipReason = z.enum([
  'prompt-too-long', // the prompt leaves no room in the context
  'too-few-distinct', // fewer than two distinct responses
  'rewards-tied', // max − min ≤ tolerance
  'chosen-truncated', // every candidate for chosen ended by length
  'no-consistency', // C is null and the run skips such pairs
  'no-reward', // an outside judge gave no reward for these responses
])
export type SkipReason = z.infer<typeof SkipReason>

/** Why a prompt's consistency is null. */
export const NullReason = z.enum(['current-constant', 'previous-constant', 'too-few-distinct'])
export type NullReason = z.infer<typeof NullReason>
