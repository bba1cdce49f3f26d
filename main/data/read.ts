/** Data files to rows: every row is taken, or rejected with its number and the reason. */
import { basename } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import type { ColumnRoles, DataUse } from '../../preload/contract/requests/place.ts'
import { type Detected, type Drafts, detectLayout, detectionRows } from './detect.ts'
import { Fingerprints } from './fingerprints.ts'
import type { Layout, PreferencePair, PromptRow, SftExample, TaskItem } from './layout.ts'
import { RowRefusal } from './layout.ts'
import { questionText } from './layouts/prompts.ts'
import type { Reach } from './reach.ts'
import type { Row } from './row.ts'
import { type Format, openRows } from './rows.ts'

export type { Choice, PreferencePair, PromptRow, SftExample, TaskItem } from './layout.ts'

/** `row` is the line in the file (JSON Lines, text), the row of the sheet (CSV) or the place in the array, from 1. */
export interface Rejection {
  row: number
  reason: string
}

export interface Reading<T> {
  layout: string
  taken: T[]
  rejected: Rejection[]
}

export interface ReadOptions {
  /** Stop after so many taken rows. */
  limit?: number
  /** Name of the task, for task rows that carry none; by default the file's stem. */
  task?: string
  /** Columns as a person named them; by default the layout is found. */
  roles?: ColumnRoles
}

export interface Datasets {
  sft: SftExample
  prompts: PromptRow
  tasks: TaskItem
  preferences: PreferencePair
}
export type DatasetKind = keyof Datasets

export type ReadStep<T> = { layout: string } | { taken: T; row: number } | { rejected: Rejection }

/** A file whose layout was looked for; `rows` gives all of them, the head included, and is closed by whoever does not walk it. */
export interface OpenDataset<Use extends DataUse> extends Detected<Drafts[Use]> {
  format: Format
  rows: AsyncGenerator<Row>
}

/** @throws AppError('bad-data') when the file cannot be read or holds no row at all */
export async function openDataset<Use extends DataUse>(use: Use, path: string, roles?: ColumnRoles, reach?: Reach): Promise<OpenDataset<Use>> {
  const { format, rows } = await openRows(path, reach)
  const head: Row[] = []
  while (head.length < detectionRows) {
    const next = await rows.next()
    if (next.done) break
    head.push(next.value)
  }
  try {
    if (head.length === 0) throw new AppError('bad-data', `${path} is empty: it holds no rows. Choose a file with one JSON row per line, a JSON array of rows, CSV or Parquet.`)
    const values = head.flatMap((row) => ('value' in row ? [row.value] : []))
    if (values.length === 0) throw new AppError('bad-data', `${path} is not ${format}: row ${head[0]!.number} ${'fault' in head[0]! ? head[0].fault : ''}. Choose a file with one JSON row per line, a JSON array of rows, CSV or Parquet.`)
    return { ...detectLayout(use, values, roles), format, rows: chain(head, rows, reach) }
  } catch (error) {
    await rows.return(undefined)
    throw error
  }
}

/**
 * The rows of a file, one at a time; the layout comes first.
 * @throws AppError('bad-data') when the file cannot be read, is empty, has no known layout, or (at its end) gave not one row
 */
export async function* streamDataset<K extends DatasetKind>(kind: K, path: string, options: ReadOptions = {}, reach?: Reach): AsyncGenerator<ReadStep<Datasets[K]>> {
  const { layout, fault, rows } = await openDataset(kind, path, options.roles, reach)
  if (layout === null) {
    await rows.return(undefined)
    throw new AppError('bad-data', `${path} ${fault}`)
  }
  yield { layout: layout.name }
  let taken = 0
  let first: Rejection | undefined
  for await (const step of takeRows(kind, layout, rows, path, options)) {
    if ('taken' in step) taken++
    else first ??= step.rejected
    yield step
    if (taken >= (options.limit ?? Infinity)) return
  }
  if (taken === 0 && first !== undefined) throw new AppError('bad-data', noneTaken(path, layout.name, first))
}

export const noneTaken = (path: string, layout: string, { row, reason }: Rejection): string =>
  `Not one row of ${path} could be used (read as ${layout}): row ${row} ${reason}. Repair the file, name its columns, or choose another one.`

/** All rows at once; throws as `streamDataset` does. */
export async function readDataset<K extends DatasetKind>(kind: K, path: string, options: ReadOptions = {}): Promise<Reading<Datasets[K]>> {
  const reading: Reading<Datasets[K]> = { layout: '', taken: [], rejected: [] }
  for await (const step of streamDataset(kind, path, options)) {
    if ('layout' in step) reading.layout = step.layout
    else if ('taken' in step) reading.taken.push(step.taken)
    else reading.rejected.push(step.rejected)
  }
  return reading
}

/** `/data/train.jsonl.gz` → `train` */
export const stemOf = (path: string): string => basename(path).replace(/(\.(jsonl|ndjson|json|csv|tsv|txt|parquet))?(\.gz)?$/i, '')

type Taken<T> = Exclude<ReadStep<T>, { layout: string }>

/** Every row of the file by its layout. */
export async function* takeRows<K extends DatasetKind>(kind: K, layout: Layout<Drafts[K]>, rows: AsyncGenerator<Row>, path: string, { task = stemOf(path) }: ReadOptions = {}): AsyncGenerator<Taken<Datasets[K]>> {
  const stem = stemOf(path)
  const finish = finishers(task)[kind] as (draft: Drafts[K], id: string) => Datasets[K]
  const ids = new Fingerprints()
  for await (const row of rows) {
    const drafts = readRow(layout, row)
    if (typeof drafts === 'string') {
      yield { rejected: { row: row.number, reason: drafts } }
      continue
    }
    for (const [i, draft] of drafts.entries()) {
      const promptId = i === 0 && 'promptId' in draft ? draft.promptId : undefined
      const id = draft.id ?? promptId ?? `${stem}:${row.number}${i === 0 ? '' : `#${i + 1}`}`
      const earlier = ids.add(id, row.number)
      if (earlier === undefined) yield { taken: finish(draft, id), row: row.number }
      else yield { rejected: { row: row.number, reason: `has the id ${JSON.stringify(id.slice(0, 200))} of row ${earlier}` } }
    }
  }
}

const finishers = (task: string): { [K in DatasetKind]: (draft: Drafts[K], id: string) => Datasets[K] } => ({
  sft: (draft, id) => ({ ...draft, id }),
  prompts: (draft, id) => ({ ...draft, id }),
  tasks: (draft, id) => ({ task, ...draft, id, prompt: questionText(draft) }),
  preferences: (draft, id) => ({ promptId: id, ...draft, id }),
})

/** The row's drafts, or the reason it is rejected. */
function readRow<Draft>(layout: Layout<Draft>, row: Row): Draft[] | string {
  if ('fault' in row) return row.fault
  if (!layout.fits(row.value)) return `is not of the file's layout ${layout.name}: ${layout.example}`
  try {
    const read = layout.read(row.value)
    return Array.isArray(read) ? read : [read]
  } catch (error) {
    if (error instanceof RowRefusal) return error.message.slice(0, 500)
    throw error
  }
}

async function* chain(head: Row[], rest: AsyncGenerator<Row>, reach: Reach | undefined): AsyncGenerator<Row> {
  try {
    for (const rows of [head, rest]) {
      for await (const row of rows) {
        if (reach) reach.rows++
        yield row
      }
    }
  } finally {
    await rest.return(undefined)
  }
}
