/** One spelling of every value, so that equal evidence is equal bytes: keys in code-unit order, no white space, numbers as JavaScript's shortest. */
import { createHash } from 'node:crypto'

/** @throws Error for what JSON cannot say (NaN, ±∞, undefined) */
export function canonical(value: unknown): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) throw new Error(`${value} cannot be written as JSON`)
      return JSON.stringify(value)
    case 'object': {
      if (value === null) return 'null'
      if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
      const fields = value as Readonly<Record<string, unknown>>
      return `{${Object.keys(fields).sort().map((key) => `${JSON.stringify(key)}:${canonical(fields[key])}`).join(',')}}`
    }
    default:
      throw new Error(`${typeof value} cannot be written as JSON`)
  }
}

export const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex')
