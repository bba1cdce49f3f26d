/** Turns a growing token sequence into text that never shows half a character (byte-level and byte-fallback splits are held back). */

/** Plain data, so that it can cross a process border: the ids since the last safe border, of which the first `read` are already out. */
export interface StreamState {
  held: number[]
  read: number
}

export const emptyStream: StreamState = { held: [], read: 0 }

type Decode = (ids: readonly number[]) => string

/** Takes new ids in; gives the text that is now complete. Decoding restarts at the last border, so the cost of a token stays constant. */
export function advanceStream(decode: Decode, state: StreamState, ids: readonly number[]): { text: string; state: StreamState } {
  const held = [...state.held, ...ids]
  const text = unread(decode, held, state.read)
  // U+FFFD at the end: the bytes so far are the beginning of a character.
  if (text === '' || text.endsWith('\uFFFD')) return { text: '', state: { held, read: state.read } }
  const rest = held.slice(state.read)
  return { text, state: { held: rest, read: rest.length } }
}

/** What is still held back when the sequence ends. */
export function finishStream(decode: Decode, state: StreamState): string {
  return unread(decode, state.held, state.read)
}

/** Both slices start at the same border, so whatever a decoder does to a text's first word it does to both. */
function unread(decode: Decode, held: readonly number[], read: number): string {
  return decode(held).slice(decode(held.slice(0, read)).length)
}

export interface StreamDecoder {
  push(ids: readonly number[]): string
  finish(): string
}

export function createStreamDecoder(decode: Decode): StreamDecoder {
  let state = emptyStream
  return {
    push(ids) {
      const step = advanceStream(decode, state, ids)
      state = step.state
      return step.text
    },
    finish() {
      const text = finishStream(decode, state)
      state = emptyStream
      return text
    },
  }
}
