/** What an export is made from: a model of a project, its weights merged as they are read, its text side, and how it came to be. */
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Adapter, readAdapter } from '../../native-models/weights/adapter.ts'
import { closeCheckpoint, openCheckpoint } from '../../native-models/weights/checkpoint.ts'
import type { ModelConfig } from '../../native-models/weights/config.ts'
import { ModelError } from '../../native-models/weights/error.ts'
import type { JsonObject } from '../../native-models/weights/files.ts'
import { GENERATION_FILE, TOKENIZER_FILES } from '../../native-models/weights/layout.ts'
import { readMerged } from '../../native-models/weights/merge.ts'
import { type ExpectedTensor, expectedTensors } from '../../native-models/weights/tensors.ts'
import type { RunConfig } from '../../preload/contract/config.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { AuditReport } from '../../preload/contract/requests/audit-report.ts'
import type { ModelFigures } from '../../preload/contract/requests/figures.ts'
import type { ModelRef } from '../engine/protocol.ts'
import type { Gate, Label } from '../store/gates.ts'
import type { Model } from '../store/models.ts'
import type { Project } from '../store/project.ts'
import type { Run } from '../store/runs.ts'

/** One iteration on the way to a model; t = 0 is SFT. */
export interface LineageRound {
  readonly iterationId: string
  readonly t: number
  readonly makes: string
  readonly sha256: string
  /** In effect then: an iteration may have settings of its own. */
  readonly config: RunConfig
  readonly judged: ModelFigures['judged']
  /** Pairs by whose label they were trained with; null for SFT. */
  readonly labels: Readonly<Record<Label['source'], number>> | null
  /** Mean of the C that its loss used. */
  readonly trainedC: number | null
  /** The decision that let it be trained; null for SFT and before one. */
  readonly gate: Gate | null
  /** The newest closed spot-check; null = not audited. */
  readonly audit: AuditReport | null
  readonly training: { readonly steps: number; readonly firstLoss: number | null; readonly lastLoss: number | null } | null
}

export interface Lineage {
  /** The project's name. */
  readonly project: string
  readonly runId: string
  readonly seed: number
  /** M0 by the name of its folder, and `hashCheckpoint`'s sha256. */
  readonly base: { readonly name: string; readonly sha256: string }
  /** From SFT to the model; none for M0. */
  readonly rounds: readonly LineageRound[]
  /** M0 to the model, where they are evaluated. */
  readonly figures: readonly ModelFigures[]
}

export interface ExportSource {
  readonly project: Project
  readonly run: Run
  readonly model: Model
  /** How the engine names it. */
  readonly ref: ModelRef
  /** Where tokenizer, template and generation_config lie: M0's folder. */
  readonly textFolder: string
  readonly config: ModelConfig
  readonly configJson: JsonObject
  /** PEFT's factors; null for M0 and for whole weights. */
  readonly adapter: Adapter | null
  readonly lineage: Lineage
  /** By Hugging Face's names, in model order, fused projections apart; no head where it is tied. */
  readonly tensors: readonly ExpectedTensor[]
  /**
   * Rows [from, to) of a tensor (elements of a vector), W + (α/r)·B·A, as F32, flat: embeddings of any size go out block by
   * block, and nothing else is held. @throws AppError 'bad-model' for NaN or infinity
   */
  readRows(name: string, from: number, to: number): Float32Array
  readTensor(name: string): Float32Array
  close(): void
}

/** Elements to read at a time, 8 MB of F32: main answers others in between. */
export const BLOCK_ELEMENTS = 2 ** 21

/** Reads headers and the adapter. Close it when done. @throws AppError 'bad-model' */
export function openSource({ project, run, model, ref, lineage }: Pick<ExportSource, 'project' | 'run' | 'model' | 'ref' | 'lineage'>): ExportSource {
  return explained(() => {
    const checkpoint = openCheckpoint(ref.folder)
    try {
      const { config, configJson } = checkpoint
      const adapter = ref.adapter === null ? null : readAdapter(ref.adapter, config)
      const tensors = expectedTensors(config)
      const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]))
      const readRows: ExportSource['readRows'] = (name, from, to) => explained(() => readMerged(checkpoint, adapter, name, [from, to]))
      return {
        project, run, model, ref, lineage, config, configJson, adapter, tensors, readRows,
        textFolder: run.basePath,
        readTensor: (name) => readRows(name, 0, shapes.get(name)![0]!),
        close: () => closeCheckpoint(checkpoint),
      }
    } catch (error) {
      closeCheckpoint(checkpoint)
      throw error
    }
  })
}

/** The files beside weights and config that make the text side; they are copied byte for byte. */
export function textFilesOf({ textFolder }: Pick<ExportSource, 'textFolder'>): string[] {
  return [...TOKENIZER_FILES, 'tokenizer.model', 'vocab.json', 'merges.txt', GENERATION_FILE].map((name) => join(textFolder, name)).filter((path) => existsSync(path))
}

/** "M2" over "SmolLM2-135M" → "SmolLM2-135M-M2": fit for a file's name. */
export const titleOf = ({ lineage, model }: Pick<ExportSource, 'lineage' | 'model'>): string => `${lineage.base.name}-${model.name}`.replace(/[^A-Za-z0-9._-]+/g, '-')

/** A reader's complaint becomes what a person sees. */
export function explained<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof ModelError ? new AppError('bad-model', error.message, error) : error
  }
}

export const nameOfFile = (path: string): string => basename(path)
