/** The filtered list as CSV, fetched page by page: 20 000 rows never stand in memory as objects. */
import type { HistoryRow } from '../../../preload/contract/requests/history.ts'
import type { Cell } from '../../charts/Figure.svelte'
import { csvLines } from '../../charts/save.ts'

const PAGE = 200 // rows a request: the most that main gives

const columns = {
  iteration: ({ t }) => t, iteration_id: ({ iterationId }) => iterationId, prompt_id: ({ promptId }) => promptId, position: ({ position }) => position, task: ({ task }) => task,
  prompt: ({ excerpt }) => excerpt, responses: ({ responses }) => responses, agreement: ({ agreement }) => agreement, consistency: ({ consistency }) => consistency,
  no_consistency_because: ({ nullReason }) => nullReason, flipped: ({ flipped }) => (flipped ? 'yes' : 'no'), margin: ({ margin }) => margin, length_ratio: ({ lengthRatio }) => lengthRatio,
  trains_with_c: ({ label }) => label, skipped_because: ({ skipReason }) => skipReason, verdicts: ({ verdicts }) => verdicts,
} as const satisfies Record<string, (row: HistoryRow) => Cell>

/** The list became another while it was read. */
export class ListChanged extends Error {}

/**
 * @param fetch rows from `offset` on, and how many the filter lets through
 * @param onProgress rows read, of all
 * @returns parts of the file, in order @throws ListChanged
 */
export async function csvOfList(fetch: (offset: number, limit: number) => Promise<{ rows: HistoryRow[]; total: number }>, onProgress: (done: number, total: number) => void, signal: AbortSignal): Promise<string[]> {
  const parts = [csvLines([Object.keys(columns)])]
  let expected: number | null = null
  for (let done = 0; expected === null || done < expected;) {
    signal.throwIfAborted()
    const { rows, total } = await fetch(done, PAGE)
    if ((expected !== null && total !== expected) || (rows.length === 0 && done < total)) throw new ListChanged()
    expected = total
    parts.push(csvLines(rows.map((row) => Object.values(columns).map((cell) => cell(row)))))
    done += rows.length
    onProgress(done, total)
  }
  return parts
}
