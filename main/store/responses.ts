/** What a policy answered. Append-only, except for `isCorrect`, which a better answer extractor may revise. */
import type { FinishReason } from '../../preload/contract/domain.ts'
import { all, get, run } from './database.ts'
import type { Database } from './database.ts'
import { int32FromBlob, toBlob, toJson } from './encoding.ts'
import { samplesOf } from './iterations.ts'

export interface Response {
  id: string
  promptId: string
  iterationId: string
  /** 0 … N−1 */
  position: number
  text: string
  /** The completion's tokens. */
  tokenIds: Int32Array
  finishReason: FinishReason
  seed: number
  /** What it was sampled with: samplingTemperature, topP, topK, maxNewTokens. */
  sampling: Record<string, number>
  /** Null where there is no gold answer. */
  isCorrect: boolean | null
}
interface ResponseRow extends Omit<Response, 'tokenIds' | 'sampling' | 'isCorrect'> {
  tokenIds: Uint8Array
  sampling: string
  isCorrect: number | null
}

export function insertResponse(db: Database, row: Response): void {
  run(
    db,
    `INSERT INTO responses (id, prompt_id, iteration_id, position, text, token_ids, finish_reason, seed, sampling, is_correct)
     VALUES (@id, @promptId, @iterationId, @position, @text, @tokenIds, @finishReason, @seed, @sampling, @isCorrect)`,
    { ...row, tokenIds: toBlob(row.tokenIds), sampling: toJson(row.sampling), isCorrect: toBit(row.isCorrect) },
  )
}

export function setCorrectness(db: Database, responseId: string, isCorrect: boolean | null): void {
  run(db, 'UPDATE responses SET is_correct = @isCorrect WHERE id = @responseId', { responseId, isCorrect: toBit(isCorrect) })
}

/** All that an iteration works on, or the first `limit` of it, by prompt and position; a branch may share its origin's. */
export function responsesOf(db: Database, iterationId: string, limit = -1): Response[] {
  return all<ResponseRow>(db, `SELECT * FROM responses WHERE iteration_id = ${samplesOf} ORDER BY prompt_id, position LIMIT @limit`, { iterationId, limit }).map(fromRow)
}

/** A response's tokens with its prompt's, which all responses to it share. */
export interface ResponseTokens {
  id: string
  promptIds: Int32Array
  completionIds: Int32Array
}

/** Of all that an iteration works on, by prompt and position: a window at a time, so that whoever reads can see to other things in between. */
export function* responseTokens(db: Database, iterationId: string, window = 500): Generator<ResponseTokens[]> {
  let last = { promptId: '', position: -1 }
  let promptIds: Int32Array = new Int32Array()
  for (;;) {
    const rows = all<{ id: string; promptId: string; position: number; prompt: Uint8Array; completion: Uint8Array }>(db, responseTokensSql, { iterationId, ...last, window })
    if (rows.length === 0) return
    yield rows.map(({ id, promptId, position, prompt, completion }) => {
      if (promptId !== last.promptId) promptIds = int32FromBlob(prompt)
      last = { promptId, position }
      return { id, promptIds, completionIds: int32FromBlob(completion) }
    })
  }
}

const responseTokensSql = `
  SELECT r.id, r.prompt_id, r.position, p.token_ids AS prompt, r.token_ids AS completion FROM responses r JOIN prompts p ON p.id = r.prompt_id
  WHERE r.iteration_id = ${samplesOf} AND (r.prompt_id, r.position) > (@promptId, @position) ORDER BY r.prompt_id, r.position LIMIT @window`

/** How many an iteration works on, and how many of them ended by length. */
export function countResponses(db: Database, iterationId: string): { responses: number; truncated: number } {
  return get(db, `SELECT count(*) AS responses, coalesce(sum(finish_reason = 'length'), 0) AS truncated FROM responses WHERE iteration_id = ${samplesOf}`, { iterationId })!
}

/** All answers to a prompt, in every branch. */
export function responsesTo(db: Database, promptId: string): Response[] {
  return all<ResponseRow>(db, 'SELECT * FROM responses WHERE prompt_id = @promptId ORDER BY id', { promptId }).map(fromRow)
}

export function responseOf(db: Database, id: string): Response | undefined {
  const row = get<ResponseRow>(db, 'SELECT * FROM responses WHERE id = @id', { id })
  return row && fromRow(row)
}

const fromRow = (row: ResponseRow): Response => ({
  ...row,
  tokenIds: int32FromBlob(row.tokenIds),
  sampling: JSON.parse(row.sampling) as Record<string, number>,
  isCorrect: row.isCorrect === null ? null : row.isCorrect === 1,
})

const toBit = (value: boolean | null) => (value === null ? null : Number(value))
