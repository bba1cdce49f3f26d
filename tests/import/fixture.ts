/** Models to take in: random ones of a few layers with the bundled tokenizer, laid out as people's folders are. */
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { importCheckpoint, type Imported, type ImportOptions } from '../../native-models/weights/import.ts'
import type { FloatDtype } from '../../native-models/weights/dtype.ts'
import { configLike, writeRandomModel } from '../export/random-model.ts'
import { temporaryFolder } from '../temporary.ts'

/** A sharded Llama of 21 000 parameters. */
export async function smallModel({ dtype = 'BF16', shardBytes = 12_000 }: { dtype?: FloatDtype; shardBytes?: number } = {}): Promise<string> {
  const folder = join(temporaryFolder('import'), 'model')
  await writeRandomModel(folder, configLike('llama/gqa-tied'), { dtype, shardBytes })
  return folder
}

/** The same as Hugging Face's cache keeps it: links into a folder of blobs. */
export function asCache(folder: string): string {
  const cache = temporaryFolder('cache')
  for (const name of ['blobs', 'snapshot']) mkdirSync(join(cache, name))
  for (const [i, name] of readdirSync(folder).entries()) {
    renameSync(join(folder, name), join(cache, 'blobs', `${i}`))
    symlinkSync(join('..', 'blobs', `${i}`), join(cache, 'snapshot', name))
  }
  return join(cache, 'snapshot')
}

export const takeIn = (from: string, to: string, options: Partial<ImportOptions> = {}): Promise<Imported> =>
  importCheckpoint(from, to, { signal: new AbortController().signal, progress: () => {}, ...options })

export const contents = (folder: string): Record<string, string> => Object.fromEntries(readdirSync(folder).sort().map((name) => [name, readFileSync(join(folder, name)).toString('base64')]))
