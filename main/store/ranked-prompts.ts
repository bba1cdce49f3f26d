/** Windows, counts and sums over a ranking set's table of prompts. The table is derived: triggers keep it (migration 005). */
import type { NullReason, PromptInput, SkipReason } from '../../preload/contract/domain.ts'
import type { PromptFilter, PromptOrder } from '../../preload/contract/requests/rank.ts'
import { type Database, type Params, all, get } from './database.ts'

export interface RankedPromptRow {
  setId: string
  promptId: string
  position: number
  input: PromptInput
  task: string | null
  agreement: number | null
  consistency: number | null
  nullReason: NullReason | null
  flipped: boolean
  /** Distinct texts. */
  responses: number
  /** Tokens of chosen ÷ of rejected. */
  lengthRatio: number | null
  margin: number | null
  label: number | null
  skipReason: SkipReason | null
  /** Standing ones about the prompt, whatever the set. */
  verdicts: number
}

/** `matches` = ids of the prompts that a search lets through; null = no search. */
export type RankedFilter = Omit<PromptFilter, 'search'> & { readonly matches: readonly string[] | null }

export interface RankedWindow {
  readonly order: PromptOrder
  readonly offset: number
  readonly limit: number
}

/** A window on one or several sets. By position the sets come one after the other as given; by a figure they mix. */
export function rankedPage(db: Database, setIds: readonly string[], filter: RankedFilter, { order, offset, limit }: RankedWindow): { rows: RankedPromptRow[]; total: number } {
  const wanted = filterParams(filter)
  const totals = setIds.map((setId) => get<{ total: number }>(db, countSql, { setId, ...wanted })!.total)
  const total = totals.reduce((sum, one) => sum + one, 0)
  const { by, descending } = order
  if (by !== 'position' && setIds.length > 1) {
    return { rows: all<StoredRow>(db, pageSql[by][descending ? 'falling' : 'rising'].mixed, { setIds: JSON.stringify(setIds), ...wanted, offset, limit }).map(fromRow), total }
  }
  const rows: RankedPromptRow[] = []
  let skip = offset
  for (const [i, setId] of setIds.entries()) {
    if (rows.length === limit) break
    if (skip < totals[i]!) rows.push(...all<StoredRow>(db, pageSql[by][descending ? 'falling' : 'rising'].single, { setId, ...wanted, offset: skip, limit: limit - rows.length }).map(fromRow))
    skip = Math.max(0, skip - totals[i]!)
  }
  return { rows, total }
}

/** One prompt's row in a set; undefined where nothing was ranked, paired or skipped. */
export function rankedPromptOf(db: Database, setId: string, promptId: string): RankedPromptRow | undefined {
  const row = get<StoredRow>(db, `${columnsSql} FROM ranked_prompts r JOIN prompts p ON p.id = r.prompt_id WHERE r.set_id = @setId AND r.prompt_id = @promptId`, { setId, promptId })
  return row && fromRow(row)
}

type StoredRow = Omit<RankedPromptRow, 'input' | 'flipped'> & { input: string; flipped: number }
const fromRow = ({ input, flipped, ...row }: StoredRow): RankedPromptRow => ({ ...row, input: JSON.parse(input) as PromptInput, flipped: flipped === 1 })

const standingSql = 'verdict IS NOT NULL AND NOT EXISTS (SELECT 1 FROM verdicts u WHERE u.undone_of = v.id)'
const filterSql = `
  (@task IS NULL OR task = @task) AND (@minConsistency IS NULL OR consistency >= @minConsistency) AND (@maxConsistency IS NULL OR consistency <= @maxConsistency)
  AND (@flipped IS NULL OR flipped = @flipped)
  AND (@outcome IS NULL OR CASE @outcome WHEN 'pair' THEN label IS NOT NULL WHEN 'skipped' THEN skip_reason IS NOT NULL ELSE skip_reason = @outcome END)
  AND (@audited IS NULL OR (prompt_id IN (SELECT prompt_id FROM verdicts v WHERE ${standingSql})) = @audited)
  AND (@matches IS NULL OR prompt_id IN (SELECT value FROM json_each(@matches)))`

function filterParams({ task, minConsistency, maxConsistency, flipped, outcome, audited, matches }: RankedFilter): Params {
  const bit = (value: boolean | undefined): number | null => (value === undefined ? null : Number(value))
  return {
    task: task ?? null, minConsistency: minConsistency ?? null, maxConsistency: maxConsistency ?? null, flipped: bit(flipped), outcome: outcome ?? null, audited: bit(audited),
    matches: matches && JSON.stringify(matches),
  }
}

const countSql = `SELECT count(*) AS total FROM ranked_prompts WHERE set_id = @setId AND ${filterSql}`

const columnsSql = `SELECT r.*, p.input, (SELECT count(*) FROM verdicts v WHERE v.prompt_id = r.prompt_id AND ${standingSql}) AS verdicts`

/** The window's keys come from an index alone; only then are its rows looked up. Within equal figures, file order. */
const pageSql = Object.fromEntries(Object.entries({ position: 'position', consistency: 'consistency', margin: 'margin', lengthRatio: 'length_ratio' }).map(([by, column]) => {
  const sqlOf = (sets: string, direction: 'ASC' | 'DESC'): string => {
    const order = `${column} ${direction} NULLS LAST${column === 'position' ? '' : `, position ${direction}`}`
    return `WITH keys AS MATERIALIZED (
        SELECT set_id, prompt_id FROM ranked_prompts WHERE ${sets} AND ${filterSql} ORDER BY ${order} LIMIT @limit OFFSET @offset)
      ${columnsSql} FROM keys CROSS JOIN ranked_prompts r ON r.set_id = keys.set_id AND r.prompt_id = keys.prompt_id JOIN prompts p ON p.id = r.prompt_id`
  }
  const both = (direction: 'ASC' | 'DESC') => ({ single: sqlOf('set_id = @setId', direction), mixed: sqlOf('set_id IN (SELECT value FROM json_each(@setIds))', direction) })
  return [by, { rising: both('ASC'), falling: both('DESC') }]
})) as Record<PromptOrder['by'], Record<'rising' | 'falling', Record<'single' | 'mixed', string>>>

export interface SetSums {
  /** Prompts with a consistency row. */
  prompts: number
  /** Pairs of distinct responses over them, and tied ones under each judge. */
  responsePairs: number
  currentTies: number
  previousTies: number
  flipped: number
}

export function setSums(db: Database, setId: string): SetSums {
  return get(db, sumsSql, { setId })!
}

const sumsSql = `
  SELECT count(*) AS prompts, coalesce(sum(responses * (responses - 1) / 2), 0) AS response_pairs, coalesce(sum(current_ties), 0) AS current_ties,
    coalesce(sum(previous_ties), 0) AS previous_ties, coalesce(sum(flipped), 0) AS flipped
  FROM ranked_prompts WHERE set_id = @setId AND (consistency IS NOT NULL OR null_reason IS NOT NULL)`

/** How often each value of the statistic occurs, and each reason for having none. */
export function agreementCounts(db: Database, setId: string): { agreement: number | null; nullReason: NullReason | null; prompts: number }[] {
  return all(db, 'SELECT agreement, null_reason, count(*) AS prompts FROM ranked_prompts WHERE set_id = @setId AND (consistency IS NOT NULL OR null_reason IS NOT NULL) GROUP BY agreement, null_reason', { setId })
}

/** The C of every pair, in file order, and how many pairs have the longer chosen side. */
export function setLabels(db: Database, setId: string): { labels: number[]; longerChosen: number } {
  return {
    labels: all<{ label: number }>(db, 'SELECT label FROM ranked_prompts WHERE set_id = @setId AND label IS NOT NULL ORDER BY position', { setId }).map(({ label }) => label),
    longerChosen: get<{ pairs: number }>(db, 'SELECT count(*) AS pairs FROM ranked_prompts WHERE set_id = @setId AND length_ratio > 1', { setId })!.pairs,
  }
}

/** Skipped prompts by reason. */
export function skipCounts(db: Database, setId: string): { reason: SkipReason; prompts: number }[] {
  return all(db, 'SELECT reason, count(*) AS prompts FROM skips WHERE set_id = @setId GROUP BY reason ORDER BY reason', { setId })
}

/**
 * Ids of a run's prompts that hold a text; one window of them at a time, so that whoever asks can see to other things in
 * between. `text` is compared with the prompt as JSON, in which only control characters, quotes and backslashes differ.
 */
export function* searchPrompts(db: Database, runId: string, text: string, windowSize = 1000): Generator<string[]> {
  const pattern = `%${JSON.stringify(text).slice(1, -1).replace(/[%_!]/g, '!$&')}%`
  const last = get<{ position: number | null }>(db, 'SELECT max(position) AS position FROM prompts WHERE run_id = @runId', { runId })!.position ?? -1
  for (let from = 0; from <= last; from += windowSize) {
    yield all<{ id: string }>(db, searchSql, { runId, from, to: from + windowSize, pattern }).map(({ id }) => id)
  }
}

const searchSql = `SELECT id FROM prompts WHERE run_id = @runId AND position >= @from AND position < @to AND input LIKE @pattern ESCAPE '!'`
