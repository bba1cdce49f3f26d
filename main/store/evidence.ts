/** A run's rows for whoever writes them out: the long tables in windows, so that a project of any size passes through. */
import type { FinishReason, PromptInput, SkipReason } from '../../preload/contract/domain.ts'
import type { PromptSpan } from './browse.ts'
import { all } from './database.ts'
import type { Database } from './database.ts'
import type { HumanRanking } from './human-rankings.ts'
import { samplesOf } from './iterations.ts'
import type { RankedResponse, Ranking } from './rankings.ts'
import type { Score } from './scores.ts'
import type { Verdict } from './verdicts.ts'

/** A prompt with the number of its tokens. */
export interface PromptEvidence {
  id: string
  position: number
  share: number
  sourceId: string | null
  input: PromptInput
  tokens: number
  answer: string | null
  task: string | null
  skipReason: SkipReason | null
}

/** The next prompts of a run, in file order. */
export function promptsAfter(db: Database, runId: string, position: number, limit: number): PromptEvidence[] {
  return all<Omit<PromptEvidence, 'input'> & { input: string }>(db, promptsAfterSql, { runId, position, limit }).map((row) => ({ ...row, input: JSON.parse(row.input) as PromptInput }))
}

const promptsAfterSql = `
  SELECT id, position, share, source_id, input, length(token_ids) / 4 AS tokens, answer, task, skip_reason
  FROM prompts WHERE run_id = @runId AND position > @position ORDER BY position LIMIT @limit`

/** A response with the number of its tokens. */
export interface ResponseEvidence {
  id: string
  promptId: string
  iterationId: string
  position: number
  text: string
  tokens: number
  finishReason: FinishReason
  seed: number
  sampling: Record<string, number>
  isCorrect: boolean | null
}

/** What an iteration works on, of these prompts, by prompt and position. */
export function responsesIn(db: Database, iterationId: string, span: PromptSpan): ResponseEvidence[] {
  return all<Omit<ResponseEvidence, 'sampling' | 'isCorrect'> & { sampling: string; isCorrect: number | null }>(db, responsesInSql, { iterationId, ...span }).map((row) => ({
    ...row, sampling: JSON.parse(row.sampling) as Record<string, number>, isCorrect: row.isCorrect === null ? null : row.isCorrect === 1,
  }))
}

const responsesInSql = `
  SELECT id, prompt_id, iteration_id, position, text, length(token_ids) / 4 AS tokens, finish_reason, seed, sampling, is_correct
  FROM responses WHERE iteration_id = ${samplesOf} AND prompt_id BETWEEN @first AND @last ORDER BY prompt_id, position`

/** Under the iteration's own judges: policy, previous and base. */
export function scoresIn(db: Database, iterationId: string, span: PromptSpan): Score[] {
  return all(db, scoresInSql, { iterationId, ...span })
}

const scoresInSql = `
  SELECT s.response_id, s.model_id, s.logps, s.mean_logps, s.tokens
  FROM iterations i JOIN responses r ON r.iteration_id = coalesce(i.samples_id, i.id) AND r.prompt_id BETWEEN @first AND @last
  JOIN scores s ON s.response_id = r.id AND s.model_id IN (i.policy_model_id, i.previous_model_id, i.base_model_id)
  WHERE i.id = @iterationId ORDER BY r.prompt_id, r.position, s.model_id`

/** By prompt, `current` before `previous`. */
export function rankingsIn(db: Database, setId: string, span: PromptSpan): Ranking[] {
  const rows = all<Omit<Ranking, 'rewards' | 'ordering'> & { rewards: string; ordering: string }>(db, rankingsInSql, { setId, ...span })
  return rows.map((row) => ({ ...row, rewards: JSON.parse(row.rewards) as RankedResponse[], ordering: JSON.parse(row.ordering) as string[] }))
}

const rankingsInSql = 'SELECT * FROM rankings WHERE set_id = @setId AND prompt_id BETWEEN @first AND @last ORDER BY prompt_id, judge'

/** All of a run with the texts that were shown, undone ones and undos included, in the order given. */
export function verdictsOfRun(db: Database, runId: string): (Verdict & { textA: string; textB: string })[] {
  return all(db, verdictsOfRunSql, { runId })
}

const verdictsOfRunSql = `
  SELECT v.*, a.text AS text_a, b.text AS text_b FROM verdicts v JOIN prompts p ON p.id = v.prompt_id
  JOIN responses a ON a.id = v.response_a_id JOIN responses b ON b.id = v.response_b_id WHERE p.run_id = @runId ORDER BY v.id`

/** All of a run, undone ones and undos included, in the order given. */
export function humanRankingsOfRun(db: Database, runId: string): HumanRanking[] {
  const rows = all<Omit<HumanRanking, 'ordering'> & { ordering: string | null }>(db, humanRankingsOfRunSql, { runId })
  return rows.map((row) => ({ ...row, ordering: row.ordering === null ? null : (JSON.parse(row.ordering) as string[][]) }))
}

const humanRankingsOfRunSql = 'SELECT r.* FROM human_rankings r JOIN prompts p ON p.id = r.prompt_id WHERE p.run_id = @runId ORDER BY r.id'
