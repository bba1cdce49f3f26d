/** What the learning tests share: runs in folders of their own, branches that reuse what is sampled and scored, and their figures. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ModelRef, Sequence } from '../../main/engine/protocol.ts'
import { planSampling, planScoring } from '../../main/engine/batches.ts'
import { itemShares } from '../../main/evaluate/scoring.ts'
import { type RunContext, modelRef, placeOf } from '../../main/pipeline/context.ts'
import { carryOn } from '../../main/pipeline/runner.ts'
import { withNewRun, withRun } from '../../main/pipeline/session.ts'
import { type Database, run } from '../../main/store/database.ts'
import { type Decoding, evaluationItemsOf, evaluationsOf } from '../../main/store/evaluations.ts'
import { openProject } from '../../main/store/project.ts'
import { runsOf } from '../../main/store/runs.ts'
import type { RunConfig } from '../../preload/contract/config.ts'
import type { FinishReason, Stage } from '../../preload/contract/domain.ts'

export const runId = 'run1'
export const model = (name: string): string => `${runId}.${name}`

/** A folder for projects, and how to be rid of it. */
export function makeScratch(): { at: (name: string) => string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'creamery-learning-'))
  return { at: (name) => join(folder, name), remove: () => rmSync(folder, { recursive: true, force: true }) }
}

const quietly = { signal: new AbortController().signal, emit: () => {} }

/** A new run, carried on until this stage is first completed (to its end without one). */
export async function startRun(folder: string, config: RunConfig, until?: Stage): Promise<void> {
  await withNewRun(folder, config, quietly, (context) => carryOn(context, until === undefined ? {} : { until }))
}

/** The run in `from` as it stands, but with other settings for what is still to do, carried on in a copy; then `look` at it. */
export async function branchRun<T = void>(from: string, to: string, change: (config: RunConfig) => RunConfig, look?: (context: RunContext) => Promise<T>): Promise<T | undefined> {
  cpSync(from, to, { recursive: true })
  reconfigure(to, change)
  return withRun(to, quietly, async (context) => {
    await carryOn(context)
    return look?.(context)
  })
}

/** No call of the product changes a run's settings; a test may, where the stages that read them are still to come. */
function reconfigure(folder: string, change: (config: RunConfig) => RunConfig): void {
  const project = openProject(folder)
  try {
    const [{ id, config }] = runsOf(project.db) as [ReturnType<typeof runsOf>[number]]
    run(project.db, 'UPDATE runs SET config = @config WHERE id = @id', { id, config: JSON.stringify(change(config)) })
  } finally {
    project.close()
  }
}

/** A finished run with its engine. */
export const lookInto = <T>(folder: string, look: (context: RunContext) => Promise<T>): Promise<T> => withRun(folder, quietly, look)

/** A finished run's rows alone. */
export function readFrom<T>(folder: string, look: (db: Database) => T): T {
  const project = openProject(folder, { readOnly: true })
  try {
    return look(project.db)
  } finally {
    project.close()
  }
}

/** Share of right answers of every held-out question, over all tasks. */
export function sharesOf(db: Database, modelId: string, decoding: Decoding): Map<string, number> {
  const items = evaluationsOf(db, modelId).filter((one) => one.decoding === decoding).flatMap(({ id }) => evaluationItemsOf(db, id))
  return itemShares(new Map([...Map.groupBy(items, ({ itemId }) => itemId)].map(([id, samples]) => [id, samples.map(({ isCorrect }) => isCorrect)])))
}

/** Every question's mean over the seeds, so that a comparison of pools has its error clustered by question. */
export function pool(seeds: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  return new Map([...seeds[0]!.keys()].map((id) => [id, mean(seeds.map((shares) => shares.get(id)!))]))
}

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
/** Of a mean. */
export const standardError = (values: readonly number[]): number => {
  const centre = mean(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1) / values.length)
}
export const sumOf = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, value) => sum + value, 0)

/** Summed log-probabilities of every sequence under every model, in nats: `[model][sequence]`. */
export async function logpsUnder(context: RunContext, modelIds: readonly string[], sequences: readonly Sequence[]): Promise<number[][]> {
  const logps = modelIds.map(() => new Array<number>(sequences.length))
  for (const { members, shape } of planScoring(sequences.map(({ promptIds, completionIds }) => ({ promptTokens: promptIds.length, completionTokens: completionIds.length })))) {
    const models: ModelRef[] = modelIds.map((id) => modelRef(context, id))
    const { perTokenLogps } = await context.engine.call('score', { ...placeOf(context), models, sequences: members.map((i) => sequences[i]!), shape })
    perTokenLogps.forEach((list, m) => members.forEach((member, row) => (logps[m]![member] = sumOf(list[row]!))))
  }
  return logps
}

export interface Sampled {
  readonly id: string
  readonly prompt: number
  readonly sequence: Sequence
  readonly text: string
  readonly finishReason: FinishReason
}

/** The run's own way of sampling, for prompts that it never saw. */
export async function sampleFrom(context: RunContext, modelId: string, prompts: readonly Int32Array[]): Promise<Sampled[]> {
  const { engine, text, run: { config, seed } } = context
  const { responses, maxNewTokens } = config.sampling
  const sampled: Sampled[] = []
  for (const { members, shape } of planSampling(prompts.map(({ length }) => length), responses, maxNewTokens)) {
    const rows = members.flatMap((member, prompt) => Array.from({ length: responses }, (_, i) => ({ prompt, key: [0x6865, member, i] })))
    const { completions } = await engine.call('sample', {
      ...placeOf(context), ...config.sampling, model: modelRef(context, modelId), shape, rows, prompts: members.map((i) => prompts[i]!), seed, eosIds: text.info.eosIds, stream: false,
    })
    const texts = await text.decode(completions.map(({ ids }) => [...ids]), { skipSpecial: true })
    completions.forEach(({ ids, finishReason }, i) => {
      const prompt = members[rows[i]!.prompt]!
      sampled.push({ id: `${prompt}.${rows[i]!.key[2]}`, prompt, sequence: { promptIds: prompts[prompt]!, completionIds: ids }, text: texts[i]!, finishReason })
    })
  }
  await engine.call('endSampling', {})
  return sampled
}
