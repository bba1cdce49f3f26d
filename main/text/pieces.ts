/** A token sequence, token by token, as text. */
import { advanceStream, emptyStream, finishStream } from './stream.ts'

/**
 * The text of each id, special tokens written out; joined, the decoded sequence. Tokens that share a character: the last
 * of them has it, the others are empty.
 */
export function piecesOf(decode: (ids: readonly number[]) => string, ids: readonly number[]): string[] {
  let state = emptyStream
  const pieces = ids.map((id) => {
    const step = advanceStream(decode, state, [id])
    state = step.state
    return step.text
  })
  if (pieces.length > 0) pieces[pieces.length - 1] += finishStream(decode, state)
  return pieces
}
