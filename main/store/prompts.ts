/** The unlabelled prompts D_U, each in the share of one iteration index. */
import type { PromptInput, SkipReason } from '../../preload/contract/domain.ts'
import { all, get, run } from './database.ts'
import type { Database } from './database.ts'
import { int32FromBlob, toBlob, toJson } from './encoding.ts'

export interface Prompt {
  id: string
  runId: string
  /** Place in the imported file, from 0. */
  position: number
  /** The t whose iterations sample it, from 1. */
  share: number
  /** The file's own id, where it has one. */
  sourceId: string | null
  input: PromptInput
  /** Templated and tokenised. */
  tokenIds: Int32Array
  answer: string | null
  task: string | null
  /** Why nothing is sampled for it. */
  skipReason: Extract<SkipReason, 'prompt-too-long'> | null
}
type PromptRow = Omit<Prompt, 'input' | 'tokenIds'> & { input: string; tokenIds: Uint8Array }

export function insertPrompt(db: Database, row: Prompt): void {
  run(
    db,
    `INSERT INTO prompts (id, run_id, position, share, source_id, input, token_ids, answer, task, skip_reason)
     VALUES (@id, @runId, @position, @share, @sourceId, @input, @tokenIds, @answer, @task, @skipReason)`,
    { ...row, input: toJson(row.input), tokenIds: toBlob(row.tokenIds) },
  )
}

/** SQL: the prompts of round `@share`. Rounds beyond the planned ones go through the shares again. */
export const inShare = 'share = 1 + (@share - 1) % (SELECT max(share) FROM prompts WHERE run_id = @runId)'

/** One iteration's share, in file order, skipped ones included. */
export function promptsOf(db: Database, runId: string, share: number): Prompt[] {
  return all<PromptRow>(db, `SELECT * FROM prompts WHERE run_id = @runId AND ${inShare} ORDER BY position`, { runId, share }).map(fromRow)
}

export function promptOf(db: Database, id: string): Prompt | undefined {
  const row = get<PromptRow>(db, 'SELECT * FROM prompts WHERE id = @id', { id })
  return row && fromRow(row)
}

const fromRow = (row: PromptRow): Prompt => ({ ...row, input: JSON.parse(row.input) as PromptInput, tokenIds: int32FromBlob(row.tokenIds) })
