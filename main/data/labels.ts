/** SIQA's labels, which lie in a file of their own: `train.jsonl` has `train-labels.lst` beside it, one label a line. */
import { readFileSync, statSync } from 'node:fs'
import { labelsPath } from '../../preload/contract/columns.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { isFields } from './layout.ts'
import type { Row } from './row.ts'

const largest = 64 * 2 ** 20

/** @throws AppError('bad-data') when there is one that cannot be read */
export function labelsBeside(path: string): string[] | null {
  const beside = labelsPath(path)
  try {
    if (statSync(beside).size > largest) throw new AppError('bad-data', `${beside} has more than 64 MB; labels are a line each.`)
    return readFileSync(beside, 'utf8').trimEnd().split(/\r?\n/)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return null
    throw cause instanceof AppError ? cause : new AppError('bad-data', `${beside} holds the labels of ${path} and cannot be read (${code}).`, cause)
  }
}

/** Line by line; a row's own label stays. A row behind the last label keeps none, and is rejected for that. */
export async function* withLabels(rows: AsyncGenerator<Row>, labels: readonly string[]): AsyncGenerator<Row> {
  for await (const row of rows) {
    const label = labels[row.number - 1]
    yield 'value' in row && isFields(row.value) && row.value['label'] === undefined && label !== undefined ? { number: row.number, value: { ...row.value, label } } : row
  }
}
