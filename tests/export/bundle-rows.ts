/** A bundle taken apart, so that tests can alter it and put it together again with its hashes made anew. */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { unzipSync, zipSync } from 'fflate'
import type { z } from 'zod'
import { canonical } from '../../main/export/verify/canonical.ts'
import { checkEvidence, differenceIn } from '../../main/export/verify/check.ts'
import { addRow, type Difference, emptyEvidence } from '../../main/export/verify/evidence.ts'
import { documents, kindNames, kinds, type Manifest } from '../../main/export/verify/rows.ts'
import { takeTexts } from '../../main/export/verify/texts.ts'
import { mutationsOf } from './mutations.ts'

type Fields = Record<string, unknown>

export interface Parts {
  readonly manifest: Manifest
  /** By file name; a document is a list of one. */
  readonly files: Record<string, Fields[]>
}

export function takeApart(path: string): Parts {
  const lines = Object.entries(unzipSync(readFileSync(path))).map(([name, bytes]) => [name, new TextDecoder().decode(bytes).split('\n').filter(Boolean).map((line) => JSON.parse(line) as Fields)] as const)
  const { 'manifest.json': [manifest] = [], ...files } = Object.fromEntries(lines)
  return { manifest: manifest as unknown as Manifest, files }
}

/** With the manifest's hashes, sizes and counts of what the files hold now, or with those it had. */
export function putTogether({ manifest, files }: Parts, path: string, { rehashed = true } = {}): void {
  const packed = Object.fromEntries(Object.entries(files).map(([name, rows]) => [name, Buffer.from(rows.map((row) => `${canonical(row)}\n`).join(''))]))
  const listed = manifest.files.map(({ name }) => ({ name, sha256: createHash('sha256').update(packed[name]!).digest('hex'), bytes: packed[name]!.length, rows: files[name]!.length }))
  writeFileSync(path, zipSync({ ...packed, 'manifest.json': Buffer.from(`${canonical(rehashed ? { ...manifest, files: listed } : manifest)}\n`) }))
}

/** What `verify` says of these rows, without the way through a file. */
export async function differenceOf({ manifest: { texts, model, creamery }, files }: Parts): Promise<Difference | string | null> {
  try {
    const [run, environment] = [files['run.json']![0], files['environment.json']![0]] as never[]
    const evidence = emptyEvidence({ texts, model, creamery, run: run!, environment: environment! })
    return (await differenceIn(() => kindNames.forEach((name) => files[`${name}.jsonl`]!.forEach((row) => addRow(evidence, name, takeTexts(evidence, name, row as never)))))) ?? (await checkEvidence(evidence))
  } catch (error) {
    return (error as Error).message // a typed refusal is no silence either
  }
}

export const withRow = (parts: Parts, file: string, at: number, ...rows: Fields[]): Parts => ({ ...parts, files: { ...parts.files, [file]: parts.files[file]!.toSpliced(at, 1, ...rows) } })

/** Files with their schemas, single values first. */
export const schemas: readonly (readonly [string, z.ZodType])[] = [...Object.entries(documents).map(([name, schema]) => [`${name}.json`, schema] as const), ...kindNames.map((name) => [`${name}.jsonl`, kinds[name].schema] as const)]

/** Which fields of these files can be altered without a word, with an example each. */
export async function unnoticed(parts: Parts, names: readonly string[], places: (rows: readonly Fields[]) => number[]): Promise<{ passed: Map<string, string>; tried: number }> {
  const passed = new Map<string, string>()
  let tried = 0
  for (const [file, schema] of schemas.filter(([name]) => names.includes(name))) {
    const rows = parts.files[file]!
    for (const at of places(rows)) {
      for (const { leaf, row, value } of mutationsOf(schema, rows[at]!, rows)) {
        if (passed.has(`${file} ${leaf}`)) continue
        tried++
        if ((await differenceOf(withRow(parts, file, at, row))) === null) passed.set(`${file} ${leaf}`, JSON.stringify(value))
      }
    }
  }
  return { passed, tried }
}
