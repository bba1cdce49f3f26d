/** `creamery verify`: is everything in a bundle what its raw rows make it? Nothing but the file is asked. */
import { checkEvidence } from './check.ts'
import type { Difference } from './evidence.ts'
import { readBundle, type ReadOptions } from './read.ts'
import { kindNames } from './rows.ts'

export interface Verification {
  /** The first; null = verified. */
  readonly difference: Difference | null
  readonly creamery: string
  readonly run: string
  readonly model: string | null
  readonly texts: boolean
  /** Always: whoever alters a bundle consistently, raw rows and all, is not found out. */
  readonly signed: false
  readonly rows: Readonly<Record<string, number>>
}

/** @throws AppError 'bad-data' where the file cannot be read as a bundle */
export async function verifyBundle(path: string, options: ReadOptions = {}): Promise<Verification> {
  const { evidence, manifest, difference, unlike } = await readBundle(path, options)
  return {
    // A row apart says more than a file's hash apart, so the rows come first.
    difference: difference ?? (await checkEvidence(evidence)) ?? unlike,
    creamery: manifest.creamery, run: evidence.run.id, model: manifest.model, texts: manifest.texts, signed: false,
    rows: Object.fromEntries(kindNames.map((name) => [name, evidence.rows[name].size])),
  }
}
