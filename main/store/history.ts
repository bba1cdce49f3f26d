/** The two questions asked most: how does a judge rank an iteration, and what is known about one prompt. */
import type { FinishReason } from '../../preload/contract/domain.ts'
import { all, get } from './database.ts'
import type { Database } from './database.ts'
import type { Pair, Skip } from './pairs.ts'
import type { Consistency, Measure, RankedResponse } from './rankings.ts'
import type { ExternalReward } from './scores.ts'
import { verdictsOf } from './verdicts.ts'
import type { Verdict } from './verdicts.ts'

/** One prompt's responses and a judge's value for each, aligned, by response position. */
export interface JudgedPrompt {
  promptId: string
  responseIds: string[]
  values: number[]
}

/**
 * Any iteration's responses as any model judges them: 'log-ratio' = logps(judge) − logps(base), 'mean-logps' = mean logps(judge).
 * @throws Error when a response of the iteration has no score under the judge or the base
 */
export function rankingsBy(db: Database, { iterationId, judgeModelId, kind }: { iterationId: string; judgeModelId: string; kind: Measure }): JudgedPrompt[] {
  const rows = all<{ promptId: string; responseId: string; logRatio: number | null; meanLogps: number | null }>(db, rankingsBySql, { iterationId, judgeModelId })
  const prompts: JudgedPrompt[] = []
  for (const { promptId, responseId, logRatio, meanLogps } of rows) {
    const value = kind === 'log-ratio' ? logRatio : meanLogps
    if (value === null) throw new Error(`response ${responseId} has no score under ${judgeModelId}${kind === 'log-ratio' ? ' or under the base' : ''}`)
    let prompt = prompts.at(-1)
    if (prompt?.promptId !== promptId) prompts.push((prompt = { promptId, responseIds: [], values: [] }))
    prompt.responseIds.push(responseId)
    prompt.values.push(value)
  }
  return prompts
}

const rankingsBySql = `
  SELECT r.prompt_id, r.id AS response_id, judge.logps - base.logps AS log_ratio, judge.mean_logps
  FROM iterations i JOIN responses r ON r.iteration_id = coalesce(i.samples_id, i.id)
  LEFT JOIN scores judge ON judge.response_id = r.id AND judge.model_id = @judgeModelId
  LEFT JOIN scores base ON base.response_id = r.id AND base.model_id = i.base_model_id
  WHERE i.id = @iterationId ORDER BY r.prompt_id, r.position`

/** A response's value under one judge. */
export interface JudgeValue {
  modelId: string
  logps: number
  meanLogps: number
  /** logps − the base's logps; null when the base has not scored it. */
  reward: number | null
}

export interface ResponseHistory {
  id: string
  iterationId: string
  position: number
  text: string
  finishReason: FinishReason
  isCorrect: boolean | null
  judges: JudgeValue[]
  externalRewards: Omit<ExternalReward, 'responseId'>[]
}

export interface PromptHistory {
  promptId: string
  /** In every branch, by iteration and position. */
  responses: ResponseHistory[]
  consistencies: Consistency[]
  pairs: Pair[]
  skips: Skip[]
  /** Undone ones and undos included. */
  verdicts: Verdict[]
}

/** Everything committed about one prompt. A handful of index look-ups, whatever the size of the project. */
export function promptHistory(db: Database, promptId: string): PromptHistory {
  const responses = all<Omit<ResponseHistory, 'isCorrect' | 'judges' | 'externalRewards'> & { isCorrect: number | null }>(db, promptSql.responses, { promptId })
  const judges = Map.groupBy(all<JudgeValue & { responseId: string }>(db, promptSql.scores, { promptId }), ({ responseId }) => responseId)
  const rewards = Map.groupBy(all<ExternalReward>(db, promptSql.externalRewards, { promptId }), ({ responseId }) => responseId)
  return {
    promptId,
    responses: responses.map((response) => ({
      ...response,
      isCorrect: response.isCorrect === null ? null : response.isCorrect === 1,
      judges: (judges.get(response.id) ?? []).map(({ responseId: _, ...judge }) => judge),
      externalRewards: (rewards.get(response.id) ?? []).map(({ responseId: _, ...reward }) => reward),
    })),
    consistencies: all(db, promptSql.consistencies, { promptId }),
    pairs: all(db, promptSql.pairs, { promptId }),
    skips: all(db, promptSql.skips, { promptId }),
    verdicts: verdictsOf(db, promptId),
  }
}

/** One prompt's distinct responses as both judges of a set value them, as the stage `rank` stored them. */
export function rankingsOfPrompt(db: Database, setId: string, promptId: string): { current?: RankedResponse[]; previous?: RankedResponse[] } {
  const rows = all<{ judge: 'current' | 'previous'; rewards: string }>(db, 'SELECT judge, rewards FROM rankings WHERE set_id = @setId AND prompt_id = @promptId', { setId, promptId })
  return Object.fromEntries(rows.map(({ judge, rewards }) => [judge, JSON.parse(rewards) as RankedResponse[]]))
}

/** Where a prompt's label stands among those of a decision that are trained on, in the order training reads them (by prompt). */
export function labelPlace(db: Database, gateId: string, promptId: string): { index: number; of: number } {
  return get(db, labelPlaceSql, { gateId, promptId })!
}

const labelPlaceSql = `SELECT count(*) FILTER (WHERE prompt_id < @promptId) AS "index", count(*) AS "of" FROM labels WHERE gate_id = @gateId AND source <> 'dropped'`

/** Optimiser steps of a stage that are committed. */
export function stepsTaken(db: Database, stageId: string): number {
  return get<{ steps: number }>(db, 'SELECT coalesce(max(step), 0) AS steps FROM training_steps WHERE stage_id = @stageId', { stageId })!.steps
}

const promptSql = {
  responses: 'SELECT id, iteration_id, position, text, finish_reason, is_correct FROM responses WHERE prompt_id = @promptId ORDER BY id',
  scores: `
    SELECT s.response_id, s.model_id, s.logps, s.mean_logps, s.logps - base.logps AS reward
    FROM responses r JOIN iterations i ON i.id = r.iteration_id JOIN scores s ON s.response_id = r.id
    LEFT JOIN scores base ON base.response_id = r.id AND base.model_id = i.base_model_id
    WHERE r.prompt_id = @promptId ORDER BY r.id, s.model_id`,
  externalRewards: 'SELECT e.* FROM responses r JOIN external_rewards e ON e.response_id = r.id WHERE r.prompt_id = @promptId ORDER BY r.id, e.source',
  consistencies: 'SELECT * FROM consistencies WHERE prompt_id = @promptId ORDER BY set_id',
  pairs: 'SELECT * FROM pairs WHERE prompt_id = @promptId ORDER BY set_id',
  skips: 'SELECT * FROM skips WHERE prompt_id = @promptId ORDER BY set_id',
}
