/** Turns a configuration into a planned run: reads and checks everything first, then writes it in one transaction. */
import { hashCheckpoint } from '../../native-models/weights/hash.ts'
import { hashText, permutation } from '../../native-models/random.ts'
import type { RunConfig } from '../../preload/contract/config.ts'
import type { Stage } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { Sandbox, SandboxText } from '../sandbox/host.ts'
import { type Database, inTransaction } from '../store/database.ts'
import { modelId, promptId, runId, stageId } from '../store/ids.ts'
import { type Iteration, type NewIteration, insertIteration, nextIterationId } from '../store/iterations.ts'
import { insertModel } from '../store/models.ts'
import { type Prompt, insertPrompt } from '../store/prompts.ts'
import { type Run, insertRun, runOf } from '../store/runs.ts'
import { insertStage } from '../store/stages.ts'
import { previewRewards } from './oracle.ts'

export const firstStages: readonly Stage[] = ['tune', 'evaluate']
export const roundStages: readonly Stage[] = ['sample', 'score', 'rank', 'pair', 'audit', 'train', 'evaluate']

export interface RunPlan {
  readonly config: RunConfig
  readonly baseSha256: string
  readonly prompts: readonly Omit<Prompt, 'id' | 'runId'>[]
}

/** Reads data and tokenises prompts; nothing is written. @throws AppError 'bad-data', 'bad-config' … */
export async function planRun(config: RunConfig, sandbox: Sandbox, text: SandboxText, contextLength: number): Promise<RunPlan> {
  if (config.data.sft === undefined && config.method !== 'oracle') {
    throw new AppError('bad-config', 'The run has no SFT data (data.sft), so M1 would equal M0 and every reward would be 0; name a seed set, or use the method "oracle".')
  }
  if (config.method === 'oracle' && config.oracle.rewards !== 'answers') await previewRewards(config.oracle.rewards)
  if (config.data.sft !== undefined) await sandbox.readSft(config.data.sft, { limit: 1 })
  for (const { file } of config.data.evaluation) await sandbox.readTasks(file, { limit: 1 })
  const { taken } = await sandbox.readPrompts(config.data.prompts, config.data.promptsLimit === undefined ? {} : { limit: config.data.promptsLimit })
  const encoded = await text.encodePrompts(taken.map(({ prompt }) => prompt))
  const shares = sharesOf(taken.length, config)
  const prompts = taken.map(({ id, prompt, answer, task }, position) => {
    const one = encoded[position]!
    const ids = 'ids' in one ? one.ids : []
    return {
      position, share: shares[position]!, sourceId: id, input: prompt, tokenIds: Int32Array.from(ids), answer: answer ?? null, task: task ?? null,
      skipReason: ids.length === 0 || ids.length >= contextLength ? ('prompt-too-long' as const) : null,
    }
  })
  requirePrompts(config, { contextLength, prompts: taken.length }, (t) => prompts.some(({ share, skipReason }) => share === t && skipReason === null))
  return { config, baseSha256: (await hashCheckpoint(config.model)).sha256, prompts }
}

/** `fits`: whether iteration t has a prompt that leaves room in the context. @throws AppError 'bad-data' for the first that has none */
export function requirePrompts({ data, iterations }: RunConfig, { contextLength, prompts }: { contextLength: number; prompts: number }, fits: (t: number) => boolean): void {
  for (let t = 1; t <= iterations; t++) {
    if (!fits(t)) throw new AppError('bad-data', `No prompt of iteration ${t} fits the context of ${contextLength} tokens (${data.prompts} has ${prompts} prompts for ${iterations} iterations); use shorter or more prompts, or a larger maxLength.`)
  }
}

/** Which iteration takes each of `count` prompts, from 1: a seeded deal, as even as can be. */
export function sharesOf(count: number, { seed, iterations }: Pick<RunConfig, 'seed' | 'iterations'>): number[] {
  const shares = Array<number>(count)
  permutation(count, seed, hashText('shares')).forEach((position, i) => (shares[position] = (i % iterations) + 1))
  return shares
}

/** Writes the plan: the run, M0, its prompts, and iteration 0 (SFT). */
export function storeRun(db: Database, { config, baseSha256, prompts }: RunPlan, number: number): Run {
  const id = runId(number)
  inTransaction(db, () => {
    insertRun(db, { id, config, seed: config.seed, basePath: config.model, baseSha256 })
    const base = modelId(id, 'M0')
    insertModel(db, { id: base, runId: id, name: 'M0', parentId: null, kind: 'base', path: null, sha256: baseSha256 })
    for (const prompt of prompts) insertPrompt(db, { ...prompt, id: promptId(id, prompt.position), runId: id })
    planIteration(db, id, { t: 0, parentId: null, policyModelId: base, previousModelId: null, baseModelId: base })
  })
  return runOf(db, id)!
}

/** An iteration with its stages, pending; a branch has those from its own first one on. It is where the run goes on from now. @returns its id */
export function planIteration(db: Database, run: string, row: Omit<NewIteration, 'id' | 'runId'>): string {
  const id = nextIterationId(db, run, row.t)
  insertIteration(db, { id, runId: run, ...row })
  const order = row.t === 0 ? firstStages : roundStages
  for (const stage of order.slice(row.originStage ? order.indexOf(row.originStage) : 0)) insertStage(db, { id: stageId(id, stage), iterationId: id, stage, inputHash: null })
  return id
}

/** The round after one that has made its model, with that one's settings. @returns its id */
export function planRound(db: Database, { id, runId: run, t, policyModelId, baseModelId, producedModelId, settings: before }: Iteration, settings: Iteration['settings'] = before): string {
  if (producedModelId === null) throw new Error(`${id} has made no model yet`)
  return planIteration(db, run, { t: t + 1, parentId: id, policyModelId: producedModelId, previousModelId: policyModelId, baseModelId, settings })
}
