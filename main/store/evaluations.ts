/** Accuracy on held-out tasks, with every item's result, so that two models can be compared question by question. */
import type { EvaluationScorer } from '../../preload/contract/config.ts'
import type { FinishReason } from '../../preload/contract/domain.ts'
import { all, get, run } from './database.ts'
import type { Database } from './database.ts'
import { toJson } from './encoding.ts'

export type Decoding = 'greedy' | 'sampled'

export interface Evaluation {
  id: string
  modelId: string
  task: string
  decoding: Decoding
  /** How answers are read; two scorers' figures are never compared. */
  scorer: EvaluationScorer
  /** Right answers, and answers (items × samples); null until finished. */
  correct: number | null
  total: number | null
  details: Record<string, unknown> | null
}
type EvaluationRow = Omit<Evaluation, 'details'> & { details: string | null }

/** Plans an evaluation; its items follow, then `finishEvaluation`. */
export function insertEvaluation(db: Database, row: Omit<Evaluation, 'correct' | 'total' | 'details'>): void {
  run(db, 'INSERT INTO evaluations (id, model_id, task, decoding, scorer) VALUES (@id, @modelId, @task, @decoding, @scorer)', { ...row })
}

/** Counts the items. @throws Error when there are none */
export function finishEvaluation(db: Database, id: string, details: Record<string, unknown>): void {
  const changed = run(
    db,
    `UPDATE evaluations SET (correct, total) = (SELECT sum(is_correct), count(*) FROM evaluation_items WHERE evaluation_id = @id), details = @details
     WHERE id = @id AND EXISTS (SELECT 1 FROM evaluation_items WHERE evaluation_id = @id)`,
    { id, details: toJson(details) },
  )
  if (changed !== 1) throw new Error(`evaluation ${id} does not exist or has no items`)
}

export function evaluationsOf(db: Database, modelId: string): Evaluation[] {
  return all<EvaluationRow>(db, 'SELECT * FROM evaluations WHERE model_id = @modelId ORDER BY id', { modelId }).map(fromRow)
}

export function evaluationOf(db: Database, id: string): Evaluation | undefined {
  const row = get<EvaluationRow>(db, 'SELECT * FROM evaluations WHERE id = @id', { id })
  return row && fromRow(row)
}

const fromRow = (row: EvaluationRow): Evaluation => ({ ...row, details: row.details === null ? null : (JSON.parse(row.details) as Record<string, unknown>) })

export interface EvaluationItem {
  evaluationId: string
  /** The task's own id of the question. */
  itemId: string
  /** 0 … samples−1; greedy has only 0. */
  sample: number
  isCorrect: boolean
  /** The answer the scorer read; null when it found none. */
  extracted: string | null
  text: string
  finishReason: FinishReason
}

export function insertEvaluationItem(db: Database, row: EvaluationItem): void {
  run(
    db,
    `INSERT INTO evaluation_items (evaluation_id, item_id, sample, is_correct, extracted, text, finish_reason)
     VALUES (@evaluationId, @itemId, @sample, @isCorrect, @extracted, @text, @finishReason)`,
    { ...row, isCorrect: Number(row.isCorrect) },
  )
}

export function evaluationItemsOf(db: Database, evaluationId: string): EvaluationItem[] {
  return all<Omit<EvaluationItem, 'isCorrect'> & { isCorrect: number }>(
    db,
    'SELECT * FROM evaluation_items WHERE evaluation_id = @evaluationId ORDER BY item_id, sample',
    { evaluationId },
  ).map((row) => ({ ...row, isCorrect: row.isCorrect === 1 }))
}

/** One question under two evaluations: right answers of each, and samples. */
export interface PairedItem {
  itemId: string
  firstCorrect: number
  secondCorrect: number
  samples: number
}

/**
 * The questions two evaluations share, for a paired test.
 * @throws Error when task, decoding or scorer differ: such figures are not comparable
 */
export function pairedItemsOf(db: Database, firstId: string, secondId: string): PairedItem[] {
  const [first, second] = [evaluationOf(db, firstId), evaluationOf(db, secondId)]
  if (!first || !second) throw new Error(`there is no evaluation ${first ? secondId : firstId}`)
  if (first.task !== second.task || first.decoding !== second.decoding || first.scorer !== second.scorer)
    throw new Error(`evaluations ${firstId} and ${secondId} differ in task, decoding or scorer`)
  return all(db, pairedItemsSql, { firstId, secondId })
}

const pairedItemsSql = `
  SELECT a.item_id, sum(a.is_correct) AS first_correct, sum(b.is_correct) AS second_correct, count(*) AS samples
  FROM evaluation_items a JOIN evaluation_items b ON b.evaluation_id = @secondId AND b.item_id = a.item_id AND b.sample = a.sample
  WHERE a.evaluation_id = @firstId GROUP BY a.item_id ORDER BY a.item_id`
