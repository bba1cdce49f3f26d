/** What judges think of responses: log-probabilities under models, and rewards from outside. All are kept. */
import { all, run } from './database.ts'
import type { Database } from './database.ts'
import { samplesOf } from './iterations.ts'

export interface Score {
  responseId: string
  /** θ, the judge. */
  modelId: string
  /** Σ log π_θ over the completion, nats. */
  logps: number
  meanLogps: number
  /** Completion tokens summed over. */
  tokens: number
}

export function insertScore(db: Database, row: Score): void {
  run(db, 'INSERT INTO scores (response_id, model_id, logps, mean_logps, tokens) VALUES (@responseId, @modelId, @logps, @meanLogps, @tokens)', { ...row })
}

/** Of one response, under every judge. */
export function scoresOf(db: Database, responseId: string): Score[] {
  return all(db, 'SELECT * FROM scores WHERE response_id = @responseId ORDER BY model_id', { responseId })
}

export interface ExternalReward {
  responseId: string
  /** Who rewards: 'answers', a file's name, a judge prompt. */
  source: string
  /** Higher is better. */
  reward: number
}

/** Asked again (by another branch on the same responses), a source's newest answer stands; pairs keep the margin they were made with. */
export function insertExternalReward(db: Database, row: ExternalReward): void {
  run(db, 'INSERT INTO external_rewards (response_id, source, reward) VALUES (@responseId, @source, @reward) ON CONFLICT (response_id, source) DO UPDATE SET reward = excluded.reward', { ...row })
}

/** One source's rewards for an iteration's responses, by prompt and position. */
export function externalRewardsOf(db: Database, iterationId: string, source: string): ExternalReward[] {
  return all(db, externalRewardsSql, { iterationId, source })
}

const externalRewardsSql = `
  SELECT e.* FROM responses r JOIN external_rewards e ON e.response_id = r.id AND e.source = @source
  WHERE r.iteration_id = ${samplesOf} ORDER BY r.prompt_id, r.position`
