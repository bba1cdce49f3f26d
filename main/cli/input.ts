/** Input files of the small commands. Data sets of a run are read by the sandbox. */
import { readFileSync } from 'node:fs'
import { AppError } from '../../preload/contract/errors.ts'

/** @throws AppError 'bad-data' */
export function readInput(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    throw new AppError('bad-data', `${path} ${faultOf(error)}.`, error)
  }
}

/** @throws AppError 'bad-data', `where` naming the place */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new AppError('bad-data', `${where} is not valid JSON (${(error as Error).message.slice(0, 100)}); repair it.`, error)
  }
}

export interface InputLine {
  /** From 1. */
  readonly number: number
  readonly value: unknown
}

/** Values of a JSON Lines file; blank lines are passed over. @throws AppError 'bad-data', also when there is none */
export function readJsonLines(path: string): InputLine[] {
  const lines = readInput(path).split('\n').flatMap((text, i) => (text.trim() === '' ? [] : [{ number: i + 1, value: parseJson(text, `${path}: line ${i + 1}`) }]))
  if (lines.length === 0) throw new AppError('bad-data', `${path} is empty; write one JSON object a line.`)
  return lines
}

function faultOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR': return 'does not exist; check the path'
    case 'EISDIR': return 'is a folder; name a file'
    case 'EACCES': return 'may not be read; check its permissions'
    case 'ERR_ENCODING_INVALID_ENCODED_DATA': return 'is not UTF-8 text; convert it'
    default: return `cannot be read (${code ?? message})`
  }
}
