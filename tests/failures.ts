/** What failed in a run, told once more where its log ends. */
import { stripVTControlCharacters } from 'node:util'

export interface Failure {
  /** Relative to the repository's root; null = outside of any file. */
  readonly file: string | null
  /** Of the test, with the groups it is in; null = the file itself. */
  readonly name: string | null
  readonly message: string
}

const lines = 8
const width = 240

/** Begins every line about a failure: whoever runs the tests (tests/run.ts) gathers them by it. */
const mark = '✗'
export const isAboutFailure = (line: string): boolean => line.startsWith(`${mark} `)

/** One line that names it, then the first lines of its message, indented. */
export function tell({ file, name, message }: Failure): string[] {
  const title = [file ?? 'outside of any file', name].filter((part) => part !== null).join(' › ')
  const said = stripVTControlCharacters(message).split('\n').filter((line) => line.trim() !== '')
  return [title, ...said.slice(0, lines).map((line) => `  ${line.length > width ? `${line.slice(0, width)}…` : line}`)].map((line) => `${mark} ${line}`)
}

/** The end of a part of the tests: its failures, then the line that is read. */
export function end(passed: number, failures: readonly Failure[]): string {
  return [...failures.flatMap(tell), `${passed} passed, ${failures.length} failed`].join('\n')
}
