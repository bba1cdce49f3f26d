/** An encoded prompt with its completion, and cutting it to a length. */
import { AppError } from '../../preload/contract/errors.ts'

/** `ids[0 … completionStart)` is the prompt exactly as sampling feeds it; the rest is the completion, its last id an end token. */
export interface EncodedExample {
  ids: number[]
  completionStart: number
}

/**
 * Cuts an example to `maxLength` tokens from the end; a cut completion loses its end token and gets no new one.
 * @returns what is kept, and how many tokens were dropped
 * @throws AppError('bad-text') when not one completion token would be left
 */
export function truncateExample(example: EncodedExample, maxLength: number): { kept: EncodedExample; dropped: number } {
  if (example.completionStart >= maxLength) {
    throw new AppError('bad-text', `The prompt has ${example.completionStart} tokens and leaves no room for a completion within maxLength ${maxLength}. Shorten the prompt or raise maxLength.`)
  }
  const ids = example.ids.slice(0, maxLength)
  return { kept: { ids, completionStart: example.completionStart }, dropped: example.ids.length - ids.length }
}
