/** Opens everything a run needs (project, engine, sandbox, tokenizer), and closes it whatever happens. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { hashCheckpoint } from '../../native-models/weights/hash.ts'
import type { RunConfig } from '../../preload/contract/config.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { EngineHost } from '../engine/host.ts'
import { type Sandbox, startSandbox } from '../sandbox/host.ts'
import { checkFolder, databaseName, openProject, type Project } from '../store/project.ts'
import { type Run, runsOf } from '../store/runs.ts'
import { releaseAside } from './aside.ts'
import type { RunContext, RunEvent } from './context.ts'
import { baseMissing } from './locate.ts'
import { openModel, type OpenedModel, proveModel } from './open-model.ts'
import { planRun, storeRun } from './plan-run.ts'
import { runNow } from './settings.ts'
import { survivingTheEngine } from './survive.ts'
import { requireWeights } from './weights.ts'

export interface SessionOptions {
  readonly signal: AbortSignal
  readonly emit: (event: RunEvent) => void
}

/**
 * Plans a new run in a new or empty folder and works on it. Whatever is wrong with the input shows before anything is written.
 * @param base where the model will lie when it is not yet there: the work is done before it moves in
 */
export function withNewRun<T>(folder: string, config: RunConfig, { base = config.model, ...options }: SessionOptions & { base?: string }, work: (context: RunContext) => Promise<T>): Promise<T> {
  return withProcesses(config, options, async (engine, sandbox, model) => {
    const contextLength = contextLengthOf(config, model)
    const plan = await planRun(config, sandbox, model.text, contextLength)
    return withProject(folder, async (project) => {
      refuseRun(project)
      const run = storeRun(project.db, { ...plan, config: { ...plan.config, model: base } }, 1)
      return work({ project, run, engine, sandbox, text: model.text, contextLength, ...options })
    })
  })
}

/** Before anything is copied for a new run. @throws AppError 'bad-arguments' when the folder holds a run, or is none of ours */
export async function requireNoRun(folder: string): Promise<void> {
  checkFolder(folder)
  if (existsSync(join(folder, databaseName))) await withProject(folder, async (project) => refuseRun(project))
}

function refuseRun({ db, folder }: Project): void {
  if (runsOf(db).length > 0) throw new AppError('bad-arguments', `${folder} holds a run already; go on with "resume --project ${folder}", or name a new folder.`)
}

/** Opens the run of a project where it stands. */
export const withRun = <T>(folder: string, options: SessionOptions, work: (context: RunContext) => Promise<T>): Promise<T> =>
  withProjectRun(folder, (project, run) => withOpenRun(project, run, options, work))

/** The same without anything that computes. */
export async function withProjectRun<T>(folder: string, work: (project: Project, run: Run) => Promise<T>): Promise<T> {
  if (!existsSync(join(folder, databaseName))) throw new AppError('bad-arguments', `${folder} holds no Creamery project; check the path, or start a run with "run --project ${folder}".`)
  return withProject(folder, (project) => work(project, runNow(project.db, soleRun(project))))
}

/** Works on a run of a project that is open for writing and stays so: engine and sandbox live as long as the work. */
export async function withOpenRun<T>(project: Project, run: Run, options: SessionOptions, work: (context: RunContext) => Promise<T>): Promise<T> {
  const missing = baseMissing(run)
  if (missing !== null) throw new AppError('bad-model', missing)
  return withProcesses({ ...run.config, model: run.basePath }, options, async (engine, sandbox, model) => {
    await requireSameBase(run)
    return work({ project, run, engine, sandbox, text: model.text, contextLength: contextLengthOf(run.config, model), ...options })
  })
}

/** Half a run under one base and half under another would be no run at all. @throws AppError 'bad-model' */
async function requireSameBase({ basePath, baseSha256 }: Run): Promise<void> {
  if ((await hashCheckpoint(basePath)).sha256 === baseSha256) return
  throw new AppError('bad-model', `The base model in ${basePath} is not the one that this run started from; put the old files back, or start a new run.`)
}

/** The newest run of a project. */
export function soleRun({ db, folder }: Project): Run {
  const run = runsOf(db).at(-1)
  if (!run) throw new AppError('bad-arguments', `${folder} holds no run yet; start one with "run --project ${folder}".`)
  return run
}

async function withProject<T>(folder: string, work: (project: Project) => Promise<T>): Promise<T> {
  const project = openProject(folder)
  try {
    return await work(project)
  } finally {
    try {
      releaseAside(project.folder)
    } finally {
      project.close()
    }
  }
}

async function withProcesses<T>(config: RunConfig, { signal, emit }: SessionOptions, work: (engine: EngineHost, sandbox: Sandbox, model: OpenedModel) => Promise<T>): Promise<T> {
  requireWeights(config)
  const engine = EngineHost.start({ onRestart: ({ message }) => emit({ kind: 'engine-restarted', reason: message }) })
  const sandbox = startSandbox()
  try {
    const model = await openModel(sandbox, config.model)
    await survivingTheEngine(engine, () => proveModel(engine, { folder: config.model, adapter: null }, config, signal))
    return await work(engine, sandbox, model)
  } finally {
    await Promise.all([engine.close(), sandbox.close()])
  }
}

const contextLengthOf = (config: RunConfig, { config: { maxPositions } }: OpenedModel): number => Math.min(config.maxLength, maxPositions)
