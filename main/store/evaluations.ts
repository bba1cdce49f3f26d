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

/** One question answered under two evaluations. */
export interface ComparedAnswer {
  task: string
  itemId: string
  sample: number
  first: Omit<EvaluationItem, 'evaluationId' | 'itemId' | 'sample'>
  second: Omit<EvaluationItem, 'evaluationId' | 'itemId' | 'sample'>
}

export interface AnswerFilter {
  readonly firstModelId: string
  readonly secondModelId: string
  readonly decoding: Decoding
  /** Null: all tasks. */
  readonly task: string | null
  /** Is the answer right under the first and the second? Null: either way. */
  readonly right: readonly [boolean, boolean] | null
}

const comparedFrom = `
  FROM evaluations x JOIN evaluations y ON y.model_id = @secondModelId AND y.task = x.task AND y.decoding = x.decoding AND y.scorer = x.scorer AND y.correct IS NOT NULL
  JOIN evaluation_items a ON a.evaluation_id = x.id
  JOIN evaluation_items b ON b.evaluation_id = y.id AND b.item_id = a.item_id AND b.sample = a.sample
  WHERE x.model_id = @firstModelId AND x.decoding = @decoding AND x.correct IS NOT NULL AND (@task IS NULL OR x.task = @task)`

/** How many answers of two models are right under both, neither, the second only, the first only. */
export function countCompared(db: Database, { firstModelId, secondModelId, decoding, task }: AnswerFilter): { bothRight: number; bothWrong: number; gained: number; lost: number } {
  return get(db, `
    SELECT coalesce(sum(a.is_correct AND b.is_correct), 0) AS both_right, coalesce(sum(NOT a.is_correct AND NOT b.is_correct), 0) AS both_wrong,
      coalesce(sum(NOT a.is_correct AND b.is_correct), 0) AS gained, coalesce(sum(a.is_correct AND NOT b.is_correct), 0) AS lost ${comparedFrom}`, { firstModelId, secondModelId, decoding, task })!
}

/** A window on what two models answered to the same questions, by task, question and sample. */
export function comparedAnswers(db: Database, { firstModelId, secondModelId, decoding, task, right }: AnswerFilter, { offset, limit }: { offset: number; limit: number }): ComparedAnswer[] {
  const sides = ['a', 'b'].map((side, i) => `${side}.is_correct AS is_correct_${i}, ${side}.extracted AS extracted_${i}, ${side}.text AS text_${i}, ${side}.finish_reason AS finish_reason_${i}`).join(', ')
  const rows = all<Record<string, string | number | null>>(db, `
    SELECT x.task, a.item_id, a.sample, ${sides} ${comparedFrom} AND (@first IS NULL OR (a.is_correct = @first AND b.is_correct = @second))
    ORDER BY x.task, a.item_id, a.sample LIMIT @limit OFFSET @offset`,
    { firstModelId, secondModelId, decoding, task, offset, limit, first: right && Number(right[0]), second: right && Number(right[1]) })
  const side = (row: (typeof rows)[number], i: 0 | 1): ComparedAnswer['first'] => ({
    isCorrect: row[`isCorrect${i}`] === 1, extracted: row[`extracted${i}`] as string | null, text: row[`text${i}`] as string, finishReason: row[`finishReason${i}`] as FinishReason,
  })
  return rows.map((row) => ({ task: row['task'] as string, itemId: row['itemId'] as string, sample: row['sample'] as number, first: side(row, 0), second: side(row, 1) }))
}

/** The tasks that two models both were asked. */
export function comparedTasks(db: Database, firstModelId: string, secondModelId: string): string[] {
  return all<{ task: string }>(db, `
    SELECT DISTINCT x.task FROM evaluations x JOIN evaluations y ON y.model_id = @secondModelId AND y.task = x.task AND y.scorer = x.scorer AND y.correct IS NOT NULL
    WHERE x.model_id = @firstModelId AND x.correct IS NOT NULL ORDER BY x.task`, { firstModelId, secondModelId }).map(({ task }) => task)
}

/** The share of right answers to every question a model was asked, over all finished tasks. */
export function itemSharesOf(db: Database, modelId: string, decoding: Decoding): Map<string, number> {
  const rows = all<{ itemId: string; share: number }>(db, `
    SELECT i.item_id, avg(i.is_correct) AS share FROM evaluations e JOIN evaluation_items i ON i.evaluation_id = e.id
    WHERE e.model_id = @modelId AND e.decoding = @decoding AND e.correct IS NOT NULL GROUP BY i.item_id ORDER BY i.item_id`, { modelId, decoding })
  return new Map(rows.map(({ itemId, share }) => [itemId, share]))
}
