/** Texts alone: what responses and answers say, without tokens and scores. */
import { all, get } from './database.ts'
import type { Database } from './database.ts'
import { samplesOf } from './iterations.ts'

export function textOf(db: Database, responseId: string): string | undefined {
  return get<{ text: string }>(db, 'SELECT text FROM responses WHERE id = @responseId', { responseId })?.text
}

/** What an iteration's policy answered, one response a prompt (the first), in file order. */
export function firstTexts(db: Database, iterationId: string, limit: number): string[] {
  return all<{ text: string }>(db, `SELECT text FROM responses WHERE iteration_id = ${samplesOf} AND position = 0 ORDER BY prompt_id LIMIT @limit`, { iterationId, limit }).map(({ text }) => text)
}

/** What a model answered to held-out questions, by question and sample; of greedy decoding where `decoding` says so. */
export function answerTexts(db: Database, modelId: string, decoding: 'greedy' | 'sampled', limit: number): string[] {
  return all<{ text: string }>(db, answerTextsSql, { modelId, decoding, limit }).map(({ text }) => text)
}

const answerTextsSql = `
  SELECT i.text FROM evaluations e JOIN evaluation_items i ON i.evaluation_id = e.id
  WHERE e.model_id = @modelId AND e.decoding = @decoding AND e.correct IS NOT NULL ORDER BY i.item_id, i.sample LIMIT @limit`
