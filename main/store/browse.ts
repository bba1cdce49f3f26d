/** Reading for people: windows on long lists, and the heads of rows without their heavy columns. */
import type { FinishReason, PromptInput, SkipReason } from '../../preload/contract/domain.ts'
import { all, get } from './database.ts'
import type { Database } from './database.ts'
import { samplesOf } from './iterations.ts'
import { type Pair, countPairs } from './pairs.ts'
import { inShare } from './prompts.ts'

/** A prompt without its tokens. */
export interface PromptHead {
  id: string
  position: number
  share: number
  input: PromptInput
  /** How many tokens it has. */
  tokens: number
  answer: string | null
  task: string | null
  skipReason: SkipReason | null
}
type PromptHeadRow = Omit<PromptHead, 'input'> & { input: string }

const promptHead = 'id, position, share, input, length(token_ids) / 4 AS tokens, answer, task, skip_reason'

/** One iteration's share, in file order, skipped ones included. */
export function promptHeads(db: Database, runId: string, share: number): PromptHead[] {
  return all<PromptHeadRow>(db, `SELECT ${promptHead} FROM prompts WHERE run_id = @runId AND ${inShare} ORDER BY position`, { runId, share }).map(fromRow)
}

export function promptHeadOf(db: Database, id: string): PromptHead | undefined {
  const row = get<PromptHeadRow>(db, `SELECT ${promptHead} FROM prompts WHERE id = @id`, { id })
  return row && fromRow(row)
}

export interface PromptWindow {
  readonly runId: string
  readonly share: number
  /** Only this task's. */
  readonly task: string | null
  readonly offset: number
  readonly limit: number
}

/** A window on one iteration's share, in file order. */
export function promptPage(db: Database, { runId, share, task, offset, limit }: PromptWindow): { rows: PromptHead[]; total: number } {
  const filter = `run_id = @runId AND ${inShare}${task === null ? '' : ' AND task = @task'}`
  const params = { runId, share, ...(task !== null && { task }) }
  const rows = all<PromptHeadRow>(db, `SELECT ${promptHead} FROM prompts WHERE ${filter} ORDER BY position LIMIT @limit OFFSET @offset`, { ...params, offset, limit })
  return { rows: rows.map(fromRow), total: get<{ total: number }>(db, `SELECT count(*) AS total FROM prompts WHERE ${filter}`, params)!.total }
}

/** How many prompts a share has, and of which tasks. */
export function shareFigures(db: Database, runId: string, share: number): { prompts: number; tasks: string[] } {
  return {
    prompts: get<{ total: number }>(db, `SELECT count(*) AS total FROM prompts WHERE run_id = @runId AND ${inShare}`, { runId, share })!.total,
    tasks: all<{ task: string }>(db, `SELECT DISTINCT task FROM prompts WHERE run_id = @runId AND ${inShare} AND task IS NOT NULL ORDER BY task`, { runId, share }).map(({ task }) => task),
  }
}

/** Every task name among a run's prompts. */
export function tasksOf(db: Database, runId: string): string[] {
  return all<{ task: string }>(db, 'SELECT DISTINCT task FROM prompts WHERE run_id = @runId AND task IS NOT NULL ORDER BY task', { runId }).map(({ task }) => task)
}

export function countPrompts(db: Database, runId: string): number {
  return get<{ total: number }>(db, 'SELECT count(*) AS total FROM prompts WHERE run_id = @runId', { runId })!.total
}

/** A response without its text and tokens. */
export interface ResponseHead {
  id: string
  promptId: string
  position: number
  /** Completion tokens. */
  tokens: number
  finishReason: FinishReason
  isCorrect: boolean | null
}
export type ResponseText = ResponseHead & { text: string }
type ResponseRow<T extends ResponseHead> = Omit<T, 'isCorrect'> & { isCorrect: number | null }

const responseHead = 'id, prompt_id, position, length(token_ids) / 4 AS tokens, finish_reason, is_correct'

/** Prompts from one id to another, both included. */
export interface PromptSpan {
  readonly first: string
  readonly last: string
}

/** All of an iteration, by prompt and position. */
export function responseHeads(db: Database, iterationId: string): ResponseHead[] {
  return all<ResponseRow<ResponseHead>>(db, `SELECT ${responseHead} FROM responses WHERE iteration_id = ${samplesOf} ORDER BY prompt_id, position`, { iterationId }).map(withCorrectness)
}

/** One prompt's responses in one iteration, by position. */
export function responseTexts(db: Database, iterationId: string, promptId: string): ResponseText[] {
  return all<ResponseRow<ResponseText>>(db, `SELECT ${responseHead}, text FROM responses WHERE iteration_id = ${samplesOf} AND prompt_id = @promptId ORDER BY position`, { iterationId, promptId }).map(withCorrectness)
}

export interface SampleFigures {
  responses: number
  /** Prompts with at least one response. */
  prompts: number
  /** Ended by length. */
  truncated: number
  /** Null without responses. */
  meanTokens: number | null
  /** Distinct texts over all prompts. */
  distinct: number
  /** Right ones, and those with a known answer. */
  correct: number
  known: number
}

export function sampleFigures(db: Database, iterationId: string): SampleFigures {
  return get(db, sampleFiguresSql, { iterationId })!
}

const sampleFiguresSql = `
  SELECT count(*) AS responses, count(DISTINCT prompt_id) AS prompts, coalesce(sum(finish_reason = 'length'), 0) AS truncated, avg(length(token_ids) / 4) AS mean_tokens,
    coalesce(sum(is_correct), 0) AS correct, count(is_correct) AS known,
    (SELECT count(*) FROM (SELECT DISTINCT prompt_id, text FROM responses WHERE iteration_id = ${samplesOf})) AS "distinct"
  FROM responses WHERE iteration_id = ${samplesOf}`

/** One prompt's pair in a set. */
export function pairOf(db: Database, setId: string, promptId: string): Pair | undefined {
  return get(db, 'SELECT * FROM pairs WHERE set_id = @setId AND prompt_id = @promptId', { setId, promptId })
}

/** A window on a set's pairs, by prompt. */
export function pairPage(db: Database, setId: string, { offset, limit }: { offset: number; limit: number }): { rows: Pair[]; total: number } {
  return {
    rows: all(db, 'SELECT * FROM pairs WHERE set_id = @setId ORDER BY prompt_id LIMIT @limit OFFSET @offset', { setId, offset, limit }),
    total: countPairs(db, setId),
  }
}

const fromRow = (row: PromptHeadRow): PromptHead => ({ ...row, input: JSON.parse(row.input) as PromptInput })
const withCorrectness = <T extends ResponseHead>(row: ResponseRow<T>): T => ({ ...row, isCorrect: row.isCorrect === null ? null : row.isCorrect === 1 }) as T
