/** A bundle's rows in memory, texts aside, and the one way to say that one of them is not what the others make it. */
import type { z } from 'zod'
import type { RunConfig } from '../../../preload/contract/config.ts'
import { AppError } from '../../../preload/contract/errors.ts'
import { canonical } from './canonical.ts'
import { type documents, type KindName, kindNames, kinds, type Manifest, type RowOf } from './rows.ts'

export interface Evidence extends Pick<Manifest, 'texts' | 'model' | 'creamery'> {
  readonly run: z.infer<typeof documents.run>
  readonly environment: z.infer<typeof documents.environment>
  /** By what names a row, in the file's order. */
  readonly rows: { readonly [Name in KindName]: Map<string, RowOf<Name>> }
}

export type EvidenceHead = Omit<Evidence, 'rows'>

export const emptyEvidence = (head: EvidenceHead): Evidence => ({ ...head, rows: Object.fromEntries(kindNames.map((name) => [name, new Map()])) as unknown as Evidence['rows'] })

/** @throws AppError 'bad-data' on a second row of the same name, or on more than there can be */
export function addRow<Name extends KindName>({ rows }: Evidence, name: Name, row: RowOf<Name>): void {
  const key = keyOf(name, row)
  const held = rows[name] as Map<string, RowOf<Name>>
  if (held.has(key)) throw new AppError('bad-data', `${name}.jsonl holds the row ${key} twice; no bundle that Creamery wrote does.`)
  if (held.size >= kinds[name].most) throw new AppError('bad-data', `${name}.jsonl holds more than ${kinds[name].most} rows; no run comes near that.`)
  held.set(key, row)
}

export const keyOf = <Name extends KindName>(name: Name, row: RowOf<Name>): string => (kinds[name].key as (row: RowOf<Name>) => string)(row)

/** What does not follow from the rest of the bundle. */
export interface Difference {
  /** responses.jsonl, manifest.json … */
  readonly file: string
  /** The row by its id; null for a whole file. */
  readonly row: string | null
  /** As `rewards[2].reward`; empty for a row that is missing or too many. */
  readonly field: string
  /** As JSON, shortened; 'nothing' where there is none. */
  readonly stored: string
  readonly recomputed: string
}

export class Differs extends Error {
  readonly difference: Difference

  constructor(difference: Difference) {
    super(describeDifference(difference))
    this.difference = difference
  }
}

export const describeDifference = ({ file, row, field, stored, recomputed }: Difference): string =>
  `${[file, row && `row ${row}`, field && `field ${field}`].filter(Boolean).join(', ')}: stored ${stored}, recomputed ${recomputed}`

/** Holds a stored value against what follows from the others, to the last bit. @throws Differs naming the first field apart */
export function expectSame(name: KindName, row: string | null, stored: unknown, recomputed: unknown, field = ''): void {
  const apart = firstApart(stored, recomputed, field)
  if (apart) throw new Differs({ file: `${name}.jsonl`, row, field: apart.field, stored: told(apart.stored), recomputed: told(apart.recomputed) })
}

/** The row of a name, if it is the one that follows. `recomputed` undefined: there should be none. @throws Differs */
export function expectRow<Name extends KindName>({ rows }: Evidence, name: Name, key: string, recomputed: RowOf<Name> | undefined): void {
  expectSame(name, key, (rows[name] as Map<string, RowOf<Name>>).get(key), recomputed)
}

/** @throws Differs where a figure is further off than rounding on another machine explains */
export function expectNear(name: KindName, row: string, field: string, stored: number | undefined, recomputed: number, tolerance: number): void {
  if (stored === undefined || !(Math.abs(stored - recomputed) <= tolerance)) expectSame(name, row, stored, recomputed, field)
}

/** @throws Differs with a sentence instead of a value */
export function refuseRow(name: KindName, row: string, field: string, stored: unknown, sentence: string): never {
  throw new Differs({ file: `${name}.jsonl`, row, field, stored: told(stored), recomputed: sentence })
}

function firstApart(stored: unknown, recomputed: unknown, field: string): { field: string; stored: unknown; recomputed: unknown } | null {
  if (Array.isArray(stored) && Array.isArray(recomputed)) {
    for (let i = 0; i < Math.max(stored.length, recomputed.length); i++) {
      const apart = firstApart(stored[i], recomputed[i], `${field}[${i}]`)
      if (apart) return apart
    }
    return null
  }
  if (isObject(stored) && isObject(recomputed)) {
    for (const key of new Set([...Object.keys(stored), ...Object.keys(recomputed)])) {
      const apart = firstApart(stored[key], recomputed[key], field === '' ? key : `${field}.${key}`)
      if (apart) return apart
    }
    return null
  }
  return told(stored, Infinity) === told(recomputed, Infinity) ? null : { field, stored, recomputed }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

function told(value: unknown, most = 120): string {
  if (value === undefined) return 'nothing'
  const text = canonical(value)
  return text.length > most ? `${text.slice(0, most)}…` : text
}

/** Each iteration with the settings it was carried out with. */
export type Settled = RowOf<'iterations'> & { readonly config: RunConfig }
