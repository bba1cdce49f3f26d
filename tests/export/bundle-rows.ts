/** A bundle taken apart, so that tests can alter it and put it together again with its hashes made anew. */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { unzipSync, zipSync } from 'fflate'
import { canonical } from '../../main/export/verify/canonical.ts'
import { checkEvidence, differenceIn } from '../../main/export/verify/check.ts'
import { addRow, type Difference, emptyEvidence } from '../../main/export/verify/evidence.ts'
import { kindNames, type Manifest } from '../../main/export/verify/rows.ts'
import { takeTexts } from '../../main/export/verify/texts.ts'

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
export function differenceOf({ manifest: { texts, model, creamery }, files }: Parts): Difference | string | null {
  try {
    const [run, environment] = [files['run.json']![0], files['environment.json']![0]] as never[]
    const evidence = emptyEvidence({ texts, model, creamery, run: run!, environment: environment! })
    return differenceIn(() => kindNames.forEach((name) => files[`${name}.jsonl`]!.forEach((row) => addRow(evidence, name, takeTexts(evidence, name, row as never))))) ?? checkEvidence(evidence)
  } catch (error) {
    return (error as Error).message // a typed refusal is no silence either
  }
}
