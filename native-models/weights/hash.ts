import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { ModelError } from './error.ts'
import { modelFiles } from './layout.ts'

export type FileHash = { name: string; bytes: number; sha256: string }

/** The sha256 of a file in hex, streamed, so that the event loop keeps ticking. @throws ModelError when unreadable */
export async function hashFile(path: string): Promise<string> {
  return (await hashStream(path)).sha256
}

/**
 * What makes a model folder this model: config, weights and tokenizer files. The folder's sha256 is taken over the
 * lines "<sha256>  <name>\n" of its files by name (`sha256sum` prints the same), so other files do not change it.
 * @throws ModelError
 */
export async function hashCheckpoint(folder: string): Promise<{ sha256: string; files: FileHash[] }> {
  const files: FileHash[] = []
  for (const { name } of modelFiles(folder)) files.push({ name, ...(await hashStream(join(folder, name))) })
  const listing = files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('')
  return { sha256: createHash('sha256').update(listing).digest('hex'), files }
}

async function hashStream(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 2 ** 22 }) as AsyncIterable<Buffer>) {
      hash.update(piece)
      bytes += piece.length
    }
  } catch (error) {
    throw new ModelError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}); check that it exists and its permissions.`, error)
  }
  return { bytes, sha256: hash.digest('hex') }
}
