/** A data file that takes seconds to read. */
import { closeSync, openSync, writeSync } from 'node:fs'

/** JSON Lines of 400 bytes each, examples, which are prompts too. @returns their number */
export function writeLarge(path: string, rows = 300_000): number {
  const file = openSync(path, 'w')
  const text = 'dolor sit amet '.repeat(24)
  for (let i = 0; i < rows; i += 1000) writeSync(file, Array.from({ length: 1000 }, (_, k) => `{"prompt": "${i + k} ${text}", "response": "So."}\n`).join(''))
  closeSync(file)
  return rows
}
