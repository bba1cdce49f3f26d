/** Data files to rows: every row is taken, or rejected with its number and the reason. */
import { basename } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import { detectionRows, detectLayout, promptLayouts, sftLayouts, taskLayouts } from './detect.ts'
import type { Layout, PromptRow, SftExample, TaskItem } from './layout.ts'
import { RowRefusal } from './layout.ts'
import { questionText } from './layouts/prompts.ts'
import type { Row } from './rows.ts'
import { readRows } from './rows.ts'

export type { Choice, PromptRow, SftExample, TaskItem } from './layout.ts'

/** `row` is the line in the file (JSON Lines) or the place in the array, from 1. */
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
}

export interface Datasets {
  sft: SftExample
  prompts: PromptRow
  tasks: TaskItem
}
export type DatasetKind = keyof Datasets

export type ReadStep<T> = { layout: string } | { taken: T } | { rejected: Rejection }

/**
 * The rows of a file, one at a time; the layout comes first.
 * @throws AppError('bad-data') when the file cannot be read, is empty, has no known layout, or (at its end) gave not one row
 */
export async function* streamDataset<K extends DatasetKind>(kind: K, path: string, options: ReadOptions = {}): AsyncGenerator<ReadStep<Datasets[K]>> {
  const task = options.task ?? stemOf(path)
  const streams = {
    sft: () => streamRows(sftLayouts, path, options, (draft, id) => ({ ...draft, id })),
    prompts: () => streamRows(promptLayouts, path, options, (draft, id) => ({ ...draft, id })),
    tasks: () => streamRows(taskLayouts, path, options, (draft, id) => ({ task, ...draft, id, prompt: questionText(draft) })),
  } satisfies { [P in DatasetKind]: () => AsyncGenerator<ReadStep<Datasets[P]>> }
  yield* streams[kind]() as AsyncGenerator<ReadStep<Datasets[K]>>
}

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
export const stemOf = (path: string): string => basename(path).replace(/(\.(jsonl|ndjson|json))?(\.gz)?$/i, '')

async function* streamRows<Draft extends { id?: string }, T extends { id: string }>(
  layouts: Layout<Draft>[], path: string, { limit = Infinity }: ReadOptions, finish: (draft: Draft, id: string) => T,
): AsyncGenerator<ReadStep<T>> {
  const { layout, rows } = await detect(layouts, path)
  yield { layout: layout.name }
  const rowOf = new Map<string, number>()
  let taken = 0
  let first: Rejection | undefined
  const reject = (row: number, reason: string): ReadStep<T> => {
    first ??= { row, reason }
    return { rejected: { row, reason } }
  }
  for await (const row of rows) {
    if (taken >= limit) return
    const read = readRow(layout, row)
    if (typeof read === 'string') {
      yield reject(row.number, read)
      continue
    }
    const id = read.id ?? `${stemOf(path)}:${row.number}`
    const earlier = rowOf.get(id)
    if (earlier !== undefined) {
      yield reject(row.number, `has the id ${JSON.stringify(id)} of row ${earlier}`)
      continue
    }
    rowOf.set(id, row.number)
    taken++
    yield { taken: finish(read, id) }
  }
  if (taken === 0 && first !== undefined) {
    throw new AppError('bad-data', `Not one row of ${path} could be used (read as ${layout.name}): row ${first.row} ${first.reason}. Repair the file or choose another one.`)
  }
}

/** The row's draft, or the reason it is rejected. */
function readRow<Draft>(layout: Layout<Draft>, row: Row): Draft | string {
  if ('fault' in row) return row.fault
  if (!layout.fits(row.value)) return `is not of the file's layout ${layout.name}: ${layout.example}`
  try {
    return layout.read(row.value)
  } catch (error) {
    if (error instanceof RowRefusal) return error.message
    throw error
  }
}

/** Looks at the head of the file, then gives all rows, the head included. */
async function detect<Draft>(layouts: Layout<Draft>[], path: string): Promise<{ layout: Layout<Draft>; rows: AsyncIterable<Row> }> {
  const source = readRows(path)
  const head: Row[] = []
  while (head.length < detectionRows) {
    const next = await source.next()
    if (next.done) break
    head.push(next.value)
  }
  if (head.length === 0) throw new AppError('bad-data', `${path} holds no rows. Choose a file with one JSON row per line, or a JSON array of rows.`)
  const values = head.flatMap((row) => ('value' in row ? [row.value] : []))
  if (values.length === 0) throw new AppError('bad-data', `${path} is not JSON: row ${head[0]!.number} ${'fault' in head[0]! ? head[0].fault : ''}. Choose a file with one JSON row per line, or a JSON array of rows.`)
  const layout = detectLayout(layouts, values, path)
  return { layout, rows: chain(head, source) }
}

async function* chain(head: Row[], rest: AsyncGenerator<Row>): AsyncGenerator<Row> {
  try {
    yield* head
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}
