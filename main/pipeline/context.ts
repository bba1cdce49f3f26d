/** What every stage works with. */
import { join } from 'node:path'
import type { RunConfig } from '../../preload/contract/config.ts'
import type { Stage } from '../../preload/contract/domain.ts'
import type { EngineHost } from '../engine/host.ts'
import type { ModelRef, Place } from '../engine/protocol.ts'
import type { Sandbox, SandboxText } from '../sandbox/host.ts'
import type { Database } from '../store/database.ts'
import type { Iteration } from '../store/iterations.ts'
import { type Model, modelOf } from '../store/models.ts'
import type { Project } from '../store/project.ts'
import type { Run } from '../store/runs.ts'

/** What a person sees of a running stage; at most a few a second. */
export type RunEvent =
  | { readonly kind: 'stage-started'; readonly iteration: number; readonly stage: Stage; readonly stageId: string; readonly title: string }
  | { readonly kind: 'progress'; readonly iteration: number; readonly stage: Stage; readonly done: number; readonly total: number; readonly unit: string; readonly metrics?: Readonly<Record<string, number>> }
  | { readonly kind: 'stage-done'; readonly iteration: number; readonly stage: Stage; readonly summary: string; readonly seconds: number }
  | { readonly kind: 'engine-restarted'; readonly reason: string }
  | { readonly kind: 'notice'; readonly message: string }

export interface RunContext {
  readonly project: Project
  readonly run: Run
  readonly engine: EngineHost
  readonly sandbox: Sandbox
  /** The base model's tokenizer and template, for every M_t. */
  readonly text: SandboxText
  /** Longest sequence: the run's limit or the model's own. */
  readonly contextLength: number
  readonly signal: AbortSignal
  readonly emit: (event: RunEvent) => void
}

export interface StageContext extends RunContext {
  readonly iteration: Iteration
  readonly stage: Stage
  /** The stage's row. */
  readonly stageId: string
  readonly progress: (done: number, total: number, unit: string, metrics?: Readonly<Record<string, number>>) => void
}

export const configOf = (context: RunContext): RunConfig => context.run.config
export const dbOf = (context: RunContext): Database => context.project.db

export function placeOf({ run: { config } }: RunContext): Place {
  return { device: config.device, weights: config.weights, threads: config.threads }
}

/** Where the engine finds a model's weights. */
export function modelRef({ project, run }: Pick<RunContext, 'project' | 'run'>, modelId: string): ModelRef {
  const model = requireModel(project.db, modelId)
  switch (model.kind) {
    case 'base': return { folder: run.basePath, adapter: null }
    case 'adapter': return { folder: run.basePath, adapter: join(project.folder, model.path!) }
    case 'full': return { folder: join(project.folder, model.path!), adapter: null }
  }
}

export function requireModel(db: Database, id: string): Model {
  const model = modelOf(db, id)
  if (!model) throw new Error(`there is no model ${id}`)
  return model
}

export { modelName } from '../store/ids.ts'
