/** What can be taken out of a project: formats with their sizes, an export under way, and those made, each with its proof. */
import { z } from 'zod'
import { Handle, Id, IdempotencyKey, count, moment, nothing } from './shapes.ts'

export const ExportFormat = z.enum(['merged', 'peft', 'gguf', 'onnx', 'preferences', 'cream', 'bundle'])
export type ExportFormat = z.infer<typeof ExportFormat>

/** Number formats as their own communities write them. */
export const MergedDtype = z.enum(['f32', 'f16', 'bf16'])
export type MergedDtype = z.infer<typeof MergedDtype>
export const GgufPrecision = z.enum(['f32', 'f16', 'q8_0'])
export type GgufPrecision = z.infer<typeof GgufPrecision>
export const OnnxPrecision = z.enum(['fp32', 'fp16', 'q4'])
export type OnnxPrecision = z.infer<typeof OnnxPrecision>

/** What to write. */
export const ExportChoice = z.discriminatedUnion('format', [
  /** A Hugging Face folder with the adapter merged into the weights. */
  z.strictObject({ format: z.literal('merged'), dtype: MergedDtype.default('f32') }),
  z.strictObject({ format: z.literal('peft') }),
  z.strictObject({ format: z.literal('gguf'), precision: GgufPrecision.default('f16') }),
  /** One folder for transformers.js with as many models as precisions. */
  z.strictObject({ format: z.literal('onnx'), precisions: z.array(OnnxPrecision).min(1).default(['fp32']) }),
  /** TRL's preference JSONL: of the pairs that the model was trained on. */
  z.strictObject({ format: z.literal('preferences'), form: z.enum(['standard', 'conversational']).default('standard') }),
  /** The reference code's three JSON files. */
  z.strictObject({ format: z.literal('cream') }),
  /** The evidence, in one zip; without texts only ids, tokens counts and numbers. */
  z.strictObject({ format: z.literal('bundle'), texts: z.boolean().default(true) }),
])
export type ExportChoice = z.infer<typeof ExportChoice>

export const ExportCard = z.strictObject({
  format: ExportFormat,
  title: z.string(),
  /** Whom it is for, in one line. */
  use: z.string(),
  /** Of each variant, how large it will be (an estimate); one variant without a choice. */
  variants: z.array(z.strictObject({ choice: ExportChoice, label: z.string(), bytes: count })).min(1),
  /** Why this model cannot be written so, as a sentence; null where it can. */
  refusal: z.string().nullable(),
})
export type ExportCard = z.infer<typeof ExportCard>

/** One thing that was looked at after writing. */
export const ProofCheck = z.strictObject({
  name: z.string(),
  passed: z.boolean(),
  /** What was found, as a sentence. */
  finding: z.string(),
})
export type ProofCheck = z.infer<typeof ProofCheck>

export const Proof = z.strictObject({
  passed: z.boolean(),
  checks: z.array(ProofCheck),
  /** Against the source on fixed prompts, and how much the precision may cost; null for formats without a model. */
  maxLogitDelta: z.number().nullable(),
  bound: z.number().nullable(),
})
export type Proof = z.infer<typeof Proof>

/** An export under way. */
export const ExportJob = z.strictObject({
  id: Id,
  model: z.string(),
  choice: ExportChoice,
  /** Name of the folder or file that it becomes. */
  name: z.string(),
  phase: z.enum(['writing', 'proving']),
  /** Of the phase; `total` 0 = not known yet. */
  done: count,
  total: count,
  unit: z.string(),
})
export type ExportJob = z.infer<typeof ExportJob>

/** An export that was made; newest first. */
export const ExportRow = z.strictObject({
  id: Id,
  model: z.string(),
  choice: ExportChoice,
  /** Where it lies, as a person reads it; of a failed one with ".partial" at its end. */
  path: z.string(),
  bytes: count,
  sha256: z.string(),
  /** 'failed' = its proof found a difference: nothing is deleted, and it is not to be used. */
  state: z.enum(['proved', 'failed']),
  maxLogitDelta: z.number().nullable(),
  bound: z.number().nullable(),
  createdAt: moment,
})
export type ExportRow = z.infer<typeof ExportRow>

/** How an export ended; `error` for one that was not written to its end. */
export const ExportEnd = z.strictObject({ id: Id, row: ExportRow.nullable(), error: z.strictObject({ code: z.string(), sentence: z.string() }).nullable() })
export type ExportEnd = z.infer<typeof ExportEnd>

/** A model by its name: "M2". */
const model = z.string().min(1).max(64)

export const exportRequests = {
  /** In the order they are offered. */
  'export/formats': { params: z.strictObject({ model }), result: z.array(ExportCard) },
  /**
   * Writes `name` into the folder `into`, beside it first as `name`.partial, proves it and renames it. One at a time, and
   * none while a job runs. Refused where `name` is there and not empty.
   */
  'export/start': { params: z.strictObject({ key: IdempotencyKey, model, choice: ExportChoice, into: Handle, name: z.string().regex(/^[^/\\:*?"<>|.][^/\\:*?"<>|]{0,99}$/) }), result: ExportJob },
  /** Stops the one under way; what it has written is removed. */
  'export/cancel': { params: z.strictObject({ id: Id }), result: nothing },
  'export/list': {
    params: nothing,
    result: z.strictObject({
      running: ExportJob.nullable(),
      last: ExportEnd.nullable(),
      made: z.array(ExportRow),
      /** The project's own folder for exports. */
      home: z.strictObject({ handle: Handle, path: z.string() }),
    }),
  },
  /** All that was checked of an export. */
  'export/proof': { params: z.strictObject({ id: Id }), result: Proof },
  /** The model card (Markdown) that an export of this model would carry; its proof comes with the export. */
  'export/card': { params: z.strictObject({ model, choice: ExportChoice }), result: z.strictObject({ markdown: z.string() }) },
}
