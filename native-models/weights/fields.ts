import { ModelError, show } from './error.ts'
import type { JsonObject } from './files.ts'

type Bounds = { min?: number; max?: number }

/** Typed, checked access to the members of a JSON file; null counts as absent, as in Hugging Face's files. */
export type Fields = {
  /** Present and not null. */
  has(key: string): boolean
  /** Present, were it as null. */
  states(key: string): boolean
  /** Whole number within the bounds. @throws ModelError when absent without `fallback`, or off */
  integer(key: string, bounds?: Bounds & { fallback?: number }): number
  /** Finite number above zero. @throws ModelError as above */
  positive(key: string, options?: { fallback?: number }): number
  /** Any finite number. */
  number(key: string, options?: { fallback?: number }): number
  boolean(key: string, fallback: boolean): boolean
  text(key: string): string | null
  /** A list of texts, or null when absent. */
  texts(key: string): string[] | null
  /** One whole number or a list of them; [] when absent. */
  integers(key: string, bounds: Bounds): number[]
  object(key: string): Fields | null
  /** The error for a fault that spans members: a clause with what to do, after the file's name. */
  fault(clause: string): ModelError
  /** @throws ModelError that `what` is not supported */
  refuse(what: string, supported: string): never
}

/** Reads `json`, naming `where` (a file, or a file and a member) in every error. */
export function fieldsOf(json: JsonObject, where: string): Fields {
  const valueOf = (key: string): unknown => (Object.hasOwn(json, key) ? (json[key] ?? undefined) : undefined)

  const wrong = (key: string, wanted: string): ModelError => {
    const value = valueOf(key)
    if (value === undefined) return new ModelError(`${where} lacks ${key}, which must be ${wanted}; add it or download the file again.`)
    return new ModelError(`${where}: ${key} is ${show(value)}, but must be ${wanted}; repair it or download the file again.`)
  }

  return {
    has: (key) => valueOf(key) !== undefined,
    states: (key) => Object.hasOwn(json, key),

    integer(key, { min = 1, max = 2 ** 31 - 1, fallback } = {}) {
      const value = valueOf(key) ?? fallback
      if (!isWholeIn(value, min, max)) throw wrong(key, `a whole number from ${min} to ${max}`)
      return value
    },

    positive(key, { fallback } = {}) {
      const value = valueOf(key) ?? fallback
      if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) throw wrong(key, 'a number above zero')
      return value
    },

    number(key, { fallback } = {}) {
      const value = valueOf(key) ?? fallback
      if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(key, 'a number')
      return value
    },

    boolean(key, fallback) {
      const value = valueOf(key) ?? fallback
      if (typeof value !== 'boolean') throw wrong(key, 'true or false')
      return value
    },

    text(key) {
      const value = valueOf(key) ?? null
      if (value !== null && typeof value !== 'string') throw wrong(key, 'a text')
      return value
    },

    texts(key) {
      const value = valueOf(key) ?? null
      if (value === null) return null
      if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) throw wrong(key, 'a list of texts')
      return value
    },

    integers(key, { min = 0, max = 2 ** 31 - 1 }) {
      const value = valueOf(key) ?? []
      const list: unknown[] = Array.isArray(value) ? value : [value]
      if (!list.every((item) => isWholeIn(item, min, max))) throw wrong(key, `whole numbers from ${min} to ${max}`)
      return list as number[]
    },

    object(key) {
      const value = valueOf(key) ?? null
      if (value === null) return null
      if (typeof value !== 'object' || Array.isArray(value)) throw wrong(key, 'an object')
      return fieldsOf(value as JsonObject, `${where}, ${key}`)
    },

    fault: (clause) => new ModelError(`${where}: ${clause}`),

    refuse(what, supported) {
      throw new ModelError(`${where}: ${what} is not supported; supported: ${supported}.`)
    },
  }
}

function isWholeIn(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
}
