/**
 * A checkpoint, adapter or weight file that cannot be used. The message is one full sentence for a person: the file,
 * what is wrong with it and what to do. (`main` maps it to its own error with the code "bad-model".)
 */
export class ModelError extends Error {
  constructor(sentence: string, cause?: unknown) {
    super(sentence, cause === undefined ? undefined : { cause })
    this.name = 'ModelError'
  }
}

/** A name taken from a file, made safe for a sentence: quoted, control characters escaped, at most 80 characters. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name)
}

/** A JSON value from a file, for a sentence; its insides may be of any depth and are not shown. */
export function show(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** "[2, 3]"; long shapes are cut. */
export function showShape(shape: readonly number[]): string {
  return `[${shape.slice(0, 8).join(', ')}${shape.length > 8 ? ', ...' : ''}]`
}

/** "a, b, c and 5 more". */
export function listNames(names: readonly string[], shown = 3): string {
  const head = names.slice(0, shown).map(quote).join(', ')
  return names.length > shown ? `${head} and ${names.length - shown} more` : head
}
