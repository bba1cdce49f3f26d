import { AppError } from '../../preload/contract/errors.ts'

/** What a damaged tokenizer or template makes its library throw is the folder's fault, and is told as that. */
export function textFault(error: unknown, folder: string): AppError {
  if (error instanceof AppError) return error
  const what = error instanceof Error ? error.message.replace(/\s+/g, ' ').replace(/\.+$/, '').slice(0, 200) : String(error)
  return new AppError('bad-text', `The tokenizer or chat template in ${folder} does not work (${what}). Save it again with a current version of transformers, or use another copy.`, error)
}
