/** Every other value that a row's schema allows in the place of each of its leaves, as far as one can think of. */
import type { z } from 'zod'
import { isDeepStrictEqual } from 'node:util'

export interface Mutation {
  /** Without places in lists: `rewards.reward`, `metrics.loss`. */
  readonly leaf: string
  readonly row: Record<string, unknown>
  readonly value: unknown
}

type Path = readonly (string | number)[]

/** `others` are rows of the same kind, whose values are tried too. */
export function mutationsOf(schema: z.ZodType, row: Record<string, unknown>, others: readonly Record<string, unknown>[]): Mutation[] {
  return leavesOf(row).flatMap(([path, value]) => {
    const seen = others.map((other) => at(other, path)).filter((one) => one !== undefined && !isDeepStrictEqual(one, value) && (typeof one !== 'object' || one === null))
    const candidates = [...new Set([seen[0], seen.at(-1), ...optionsAt(schema, path), ...variantsOf(value)])].filter((one) => one !== undefined && !isDeepStrictEqual(one, value))
    return candidates.flatMap((candidate): Mutation[] => {
      const altered = replaced(row, path, candidate) as Record<string, unknown>
      return schema.safeParse(altered).success ? [{ leaf: path.filter((part) => typeof part === 'string').join('.'), row: altered, value: candidate }] : []
    })
  })
}

interface Definition {
  readonly type: string
  readonly innerType?: z.ZodType
  readonly element?: z.ZodType
  readonly entries?: Record<string, string>
  readonly shape?: Record<string, z.ZodType>
  readonly options?: readonly z.ZodType[]
}

/** The words of an enumeration at this place. */
function optionsAt(schema: z.ZodType | undefined, path: Path): string[] {
  if (!schema) return []
  const { type, innerType, element, entries, shape, options } = schema.def as unknown as Definition
  if (innerType) return optionsAt(innerType, path)
  if (options) return options.flatMap((option) => optionsAt(option, path))
  if (type === 'enum' && path.length === 0) return Object.values(entries ?? {})
  const [key, ...rest] = path
  return optionsAt(element ?? shape?.[String(key)], rest)
}

/** Scalars, and lists and objects that hold none. Of long lists the first two and the last. */
function leavesOf(value: unknown, path: Path = []): [Path, unknown][] {
  if (typeof value !== 'object' || value === null) return [[path, value]]
  const entries = Array.isArray(value) ? [...value.entries()].filter(([i]) => i < 2 || i === value.length - 1) : Object.entries(value)
  return entries.flatMap(([key, one]) => leavesOf(one, [...path, key as string | number]))
}

function variantsOf(value: unknown): unknown[] {
  switch (typeof value) {
    case 'boolean': return [!value]
    case 'number': return Number.isInteger(value) ? [value + 1, value - 1, null] : [value + 1e-6 * (Math.abs(value) || 1), -value, null]
    case 'string':
      if (/^[0-9a-f]{64}$/.test(value)) return [value.startsWith('0') ? `1${value.slice(1)}` : `0${value.slice(1)}`]
      if (/^\d{4}-.*Z$/.test(value)) return [new Date(Date.parse(value) + 1).toISOString(), new Date(Date.parse(value) - 86_400_000).toISOString(), new Date(Date.parse(value) + 86_400_000).toISOString(), null]
      return [`${value}x`, null]
    default: return [0, 'x', true, 0.25]
  }
}

const at = (row: unknown, path: Path): unknown => path.reduce<unknown>((value, key) => (typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[key] : undefined), row)

function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by
  if (Array.isArray(value)) return value.map((one: unknown, i) => (i === key ? replaced(one, rest, by) : one))
  return { ...(value as object), [key]: replaced((value as Record<string, unknown>)[key], rest, by) }
}
