/** A data file that takes seconds to read. */
import { closeSync, openSync, writeSync } from 'node:fs'

/** JSON Lines of 120 MB: 300 000 examples, which are prompts too. @returns their number */
export function writeLarge(path: string): number {
  const rows = 300_000
  const file = openSync(path, 'w')
  const text = 'dolor sit amet '.repeat(24)
  for (let i = 0; i < rows; i += 1000) writeSync(file, Array.from({ length: 1000 }, (_, k) => `{"prompt": "${i + k} ${text}", "response": "So."}\n`).join(''))
  closeSync(file)
  return rows
}
