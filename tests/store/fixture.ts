/** A small, finished plan: one run, SFT and one round, P prompts × N responses, every response scored by every judge. */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { RunConfig } from '../../preload/contract/config.ts'
import type { FinishReason } from '../../preload/contract/domain.ts'
import type { Database } from '../../main/store/database.ts'
import { inTransaction, openDatabase } from '../../main/store/database.ts'
import { iterationId, modelId, promptId, rankingSetId, responseId, runId, stageId } from '../../main/store/ids.ts'
import { insertIteration, setProducedModel } from '../../main/store/iterations.ts'
import { migrationsFolder } from '../../main/store/migrate.ts'
import { insertModel } from '../../main/store/models.ts'
import { insertPair } from '../../main/store/pairs.ts'
import { insertPrompt } from '../../main/store/prompts.ts'
import { insertConsistency, insertRanking, insertRankingSet } from '../../main/store/rankings.ts'
import { insertResponse } from '../../main/store/responses.ts'
import { insertRun } from '../../main/store/runs.ts'
import { insertScore } from '../../main/store/scores.ts'
import { finishStage, insertStage, startStage } from '../../main/store/stages.ts'

export const sha = (digit: string | number) => String(digit).repeat(64).slice(0, 64)

/** A folder that is gone when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'creamery-store-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A new database that is closed when the test ends. */
export function temporaryDatabase(): Database {
  const db = openDatabase(join(temporaryFolder(), 'creamery.db'))
  onTestFinished(() => void db.close())
  return db
}

export const config = RunConfig.parse({ model: '/models/base', data: { prompts: '/data/prompts.jsonl' }, sampling: {}, sft: { learningRate: 1e-4 }, dpo: { learningRate: 1e-5 } })

export const ids = {
  run: runId(1),
  m0: modelId('run1', 'M0'),
  m1: modelId('run1', 'M1'),
  m2: modelId('run1', 'M2'),
  i0: iterationId('run1', 0),
  i1: iterationId('run1', 1),
  set: rankingSetId('run1.i1'),
  train: stageId('run1.i1', 'train'),
  sample: stageId('run1.i1', 'sample'),
  prompt: (p: number) => promptId('run1', p),
  response: (p: number, r: number) => responseId('run1.i1', p, r),
}

/** Up to a started first round: M0, M1, i0, i1, and the stages sample and train of i1. */
export function insertPlan(db: Database): void {
  insertRun(db, { id: ids.run, config, seed: 42, basePath: '/models/base', baseSha256: sha(0) })
  insertModel(db, { id: ids.m0, runId: ids.run, name: 'M0', parentId: null, kind: 'base', path: null, sha256: sha(0) })
  insertIteration(db, { id: ids.i0, runId: ids.run, parentId: null, t: 0, policyModelId: ids.m0, previousModelId: null, baseModelId: ids.m0 })
  insertModel(db, { id: ids.m1, runId: ids.run, name: 'M1', parentId: ids.m0, kind: 'adapter', path: 'adapters/M1.safetensors', sha256: sha(1) })
  setProducedModel(db, ids.i0, ids.m1)
  insertIteration(db, { id: ids.i1, runId: ids.run, parentId: ids.i0, t: 1, policyModelId: ids.m1, previousModelId: ids.m0, baseModelId: ids.m0 })
  insertStage(db, { id: ids.sample, iterationId: ids.i1, stage: 'sample', inputHash: null })
  insertStage(db, { id: ids.train, iterationId: ids.i1, stage: 'train', inputHash: null })
}

export const newPrompt = (p: number) => ({
  id: ids.prompt(p), runId: ids.run, position: p, share: 1, sourceId: null, input: `What is ${p} + 1?`, tokenIds: Int32Array.of(1, 2, p), answer: String(p + 1), task: 'sums', skipReason: null,
})

export const newResponse = (p: number, r: number) => ({
  id: ids.response(p, r), promptId: ids.prompt(p), iterationId: ids.i1, position: r, text: `It is ${p + r}.`, tokenIds: Int32Array.of(7, r, 0),
  finishReason: 'eos' as FinishReason, seed: 1000 * p + r, sampling: { samplingTemperature: 0.8, topP: 0.95 }, isCorrect: r === 1,
})

/** logps under judge m of response r to prompt p: any formula whose rewards differ by response and judge. */
export const logpsOf = (p: number, r: number, m: number) => -3 - m * (1 + ((r * 3 + p) % 5)) / 2

export const newRankingSet = {
  id: ids.set, iterationId: ids.i1, statistic: 'tau-b' as const, firstIterationRule: 'mean-logps' as const, currentModelId: ids.m1, currentMeasure: 'mean-logps' as const,
  currentTolerance: 1e-6, previousModelId: ids.m0, previousMeasure: 'mean-logps' as const, previousTolerance: 1e-6, rewardTolerance: 1e-6, meanConsistency: 0.6, chance: { mean: 0, sd: 0.408 },
}

/** Prompts, responses, scores under each of `judges`, a ranking set with a pair for every prompt. */
export function insertFinishedRound(db: Database, { prompts = 4, responses = 5, judges = [ids.m0, ids.m1] } = {}): void {
  inTransaction(db, () => {
    insertRankingSet(db, newRankingSet)
    for (let p = 0; p < prompts; p++) {
      insertPrompt(db, newPrompt(p))
      for (let r = 0; r < responses; r++) {
        insertResponse(db, newResponse(p, r))
        for (const [m, judge] of judges.entries()) {
          const logps = logpsOf(p, r, m)
          insertScore(db, { responseId: ids.response(p, r), modelId: judge, logps, meanLogps: logps / 3, tokens: 3 })
        }
      }
      const rewards = Array.from({ length: responses }, (_, r) => ({ responseId: ids.response(p, r), reward: logpsOf(p, r, 1) - logpsOf(p, r, 0), count: 1 }))
      const ordering = rewards.toSorted((a, b) => b.reward - a.reward).map((item) => item.responseId)
      for (const judge of ['current', 'previous'] as const) insertRanking(db, { setId: ids.set, promptId: ids.prompt(p), judge, rewards, ordering })
      insertConsistency(db, { setId: ids.set, promptId: ids.prompt(p), agreement: 0.2, consistency: 0.6, nullReason: null, currentTies: 0, previousTies: 0 })
      insertPair(db, { setId: ids.set, promptId: ids.prompt(p), chosenId: ids.response(p, 0), rejectedId: ids.response(p, 1), margin: 0.5, consistency: 0.6 })
    }
  })
}

/** A new database with the plan and its finished round. */
export function finishedRound(): Database {
  const db = temporaryDatabase()
  insertPlan(db)
  insertFinishedRound(db)
  return db
}

/** What `fill` puts into a project of the first `migrations` versions, opened by this one; closed when the test ends. */
export function upgraded(migrations: number, fill: (old: Database) => void): Database {
  const [folder, file] = [join(temporaryFolder(), 'migrations'), join(temporaryFolder(), 'creamery.db')]
  cpSync(migrationsFolder, folder, { recursive: true })
  for (const name of readdirSync(folder).sort().slice(migrations)) rmSync(join(folder, name))
  const old = openDatabase(file, { migrations: folder })
  fill(old)
  old.close()
  const db = openDatabase(file)
  onTestFinished(() => void db.close())
  return db
}

/** The round's other stages, done up to `pair`; its set counts. */
export function insertPairedStages(db: Database): void {
  inTransaction(db, () => {
    for (const stage of ['score', 'rank', 'pair', 'audit', 'evaluate'] as const) insertStage(db, { id: stageId(ids.i1, stage), iterationId: ids.i1, stage, inputHash: null })
    for (const stage of ['sample', 'score', 'rank', 'pair'] as const) {
      startStage(db, stageId(ids.i1, stage), sha(2))
      finishStage(db, stageId(ids.i1, stage))
    }
  })
}

/** What `insertPlan` and `insertFinishedRound` say of one prompt, in a database of the first version: today's modules write columns it lacks. */
export function insertOldRound(db: Database): void {
  const id = (name: string): string => `'run1.${name}'`
  db.exec(`
    INSERT INTO runs (id, config, seed, base_path, base_sha256) VALUES ('run1', '${JSON.stringify(config)}', 42, '/models/base', '${sha(0)}');
    INSERT INTO models (id, run_id, name, parent_id, kind, path, sha256) VALUES (${id('M0')}, 'run1', 'M0', NULL, 'base', NULL, '${sha(0)}'), (${id('M1')}, 'run1', 'M1', ${id('M0')}, 'adapter', 'adapters/M1', '${sha(1)}');
    INSERT INTO iterations (id, run_id, parent_id, t, policy_model_id, previous_model_id, base_model_id, produced_model_id) VALUES (${id('i0')}, 'run1', NULL, 0, ${id('M0')}, NULL, ${id('M0')}, ${id('M1')});
    INSERT INTO iterations (id, run_id, parent_id, t, policy_model_id, previous_model_id, base_model_id) VALUES (${id('i1')}, 'run1', ${id('i0')}, 1, ${id('M1')}, ${id('M0')}, ${id('M0')});
    INSERT INTO prompts (id, run_id, position, share, input, token_ids) VALUES (${id('p00000')}, 'run1', 0, 1, '"?"', x'01000000');
    INSERT INTO responses (id, prompt_id, iteration_id, position, text, token_ids, finish_reason, seed, sampling)
      SELECT 'run1.i1.p00000.r' || value, ${id('p00000')}, ${id('i1')}, value, 'y' || value, x'02000000', 'eos', 1, '{}' FROM json_each('[0, 1]');
    INSERT INTO ranking_sets (id, iteration_id, statistic, first_iteration_rule, current_model_id, current_measure, current_tolerance, previous_model_id, previous_measure, previous_tolerance, reward_tolerance, mean_consistency, chance)
      VALUES (${id('i1.set0')}, ${id('i1')}, 'tau-b', 'mean-logps', ${id('M1')}, 'mean-logps', 0, ${id('M0')}, 'mean-logps', 0, 0, NULL, '{}');`)
}
