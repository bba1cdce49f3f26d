/** A model taken in: copied, or merged with an adapter, into a folder that holds all of it or is not there. */
import { closeSync, createReadStream, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, rmdirSync, statSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { sizeOf } from '../onnx/types.ts'
import { readAdapter } from './adapter.ts'
import { closeCheckpoint, openCheckpoint, readWeights, rowBlocks, writeCheckpoint } from './checkpoint.ts'
import { ModelError } from './error.ts'
import { openFile, PARTIAL_SUFFIX, syncFolder, writeWhole } from './files.ts'
import { type FileHash, hashCheckpoint, hashFile } from './hash.ts'
import { CONFIG_FILE, INDEX_FILE, isAccompanying, listFolder, modelFiles } from './layout.ts'
import { inF32, mergedTensors } from './merge.ts'
import { locateTarget } from './place.ts'
import { expectedTensors } from './tensors.ts'

const CHECKED_ELEMENTS = 2 ** 20

export type ImportOptions = {
  /** A PEFT folder: the weights become base + adapter, F32. */
  adapter?: string | null
  signal: AbortSignal
  /** In bytes, of what is read and checked. */
  progress: (done: number, total: number) => void
}

export type Imported = { folder: string; sha256: string; files: FileHash[]; bytes: number }

/** Says in an unfinished folder which import it is; no other folder is touched. */
const MARKER = 'import.partial'

/**
 * Takes a model into the folder `target`, which must be absent or empty. All is written into `target`.partial, read again (every
 * hash against its source, every weight finite), and only then renamed. Stopped or killed in the middle, that folder stays:
 * the same import again keeps the files that are whole and goes on; a merge, or another model, begins anew.
 * @throws ModelError; the signal's reason when it is aborted; system errors as they are
 */
export async function importCheckpoint(from: string, target: string, { adapter = null, signal, progress }: ImportOptions): Promise<Imported> {
  const to = locateTarget(target)
  if (existsSync(to) && (!statSync(to).isDirectory() || readdirSync(to).length > 0)) throw new ModelError(`${to} is not empty, and an import never writes over files; name a new folder.`)
  const files = modelFiles(from)
  const stored = files.reduce((sum, { bytes }) => sum + bytes, 0)
  const accompanying = listFolder(from).filter((name) => isAccompanying(name) && isReadable(join(from, name)))
  const partial = to + PARTIAL_SUFFIX
  await begin(partial, JSON.stringify({ from, adapter }), adapter === null)

  let done = 0
  const total = 2 * stored
  const reach = (bytes: number): void => progress(Math.min(total, Math.round((done += bytes))), total)
  let written: Awaited<ReturnType<typeof hashCheckpoint>>
  try {
    let hashes: ReadonlyMap<string, string>
    if (adapter === null) {
      const wanted = new Set([MARKER, ...accompanying, ...files.map(({ name }) => name)])
      for (const name of readdirSync(partial)) if (!wanted.has(name)) rmSync(join(partial, name)) // cut off in the middle, or gone from its source
      hashes = await copyFiles(from, partial, [...accompanying, ...files.map(({ name }) => name)], { signal, reach })
    } else {
      await mergeInto(partial, { from, adapter, signal, reach: (share) => reach(share * stored) })
      const beside = files.map(({ name }) => name).filter((name) => name !== CONFIG_FILE && name !== INDEX_FILE && !name.endsWith('.safetensors'))
      hashes = await copyFiles(from, partial, [...accompanying, ...beside], { signal, reach: () => {} })
    }
    done = stored
    await checkWeights(partial, { signal, reach: (share) => reach(share * stored) })
    written = await hashCheckpoint(partial)
    const differs = written.files.find((file) => hashes.has(file.name) && hashes.get(file.name) !== file.sha256)
    if (differs) throw new ModelError(`${join(partial, differs.name)} does not read as it was written; check the disk, remove that folder and import again.`)
  } catch (error) {
    if (error instanceof ModelError) rmSync(partial, { recursive: true }) // it would fail again
    throw error
  }
  signal.throwIfAborted()

  rmSync(join(partial, MARKER))
  if (existsSync(to)) rmdirSync(to) // empty
  await rename(partial, to)
  await syncFolder(dirname(to))
  const { sha256, files: all } = written
  return { folder: to, sha256, files: all, bytes: all.reduce((sum, { bytes }) => sum + bytes, 0) }
}

/** A file of a person's own, wherever a link to it leads. */
function isReadable(path: string): boolean {
  try {
    closeSync(openFile(path).fd)
    return true
  } catch (error) {
    if (error instanceof ModelError) return false
    throw error
  }
}

/** Makes the unfinished folder, or takes up the one of the same import. @throws ModelError when it is somebody else's */
async function begin(partial: string, marker: string, mayGoOn: boolean): Promise<void> {
  const path = join(partial, MARKER)
  if (existsSync(partial) && readdirSync(partial).some((name) => name !== MARKER + PARTIAL_SUFFIX)) {
    if (!existsSync(path)) throw new ModelError(`${partial} is there already and not from an import; look at it, move it away, and import again.`)
    if (!mayGoOn || readFileSync(path, 'utf8') !== marker) rmSync(partial, { recursive: true })
  }
  mkdirSync(partial, { recursive: true })
  await writeWhole(path, [new TextEncoder().encode(marker)])
}

interface Work {
  readonly signal: AbortSignal
  /** What was done since the last call: bytes, or a share of all. */
  readonly reach: (step: number) => void
}

/** Each file whole or not there; the config last, so that a folder that has one is a model. @returns their sources' hashes */
async function copyFiles(from: string, to: string, names: readonly string[], { signal, reach }: Work): Promise<Map<string, string>> {
  const hashes = new Map<string, string>()
  for (const name of names.toSorted((a, b) => Number(a === CONFIG_FILE) - Number(b === CONFIG_FILE))) {
    const [source, target] = [join(from, name), join(to, name)]
    if (existsSync(target) && statSync(target).size === statSync(source).size) { // an import that was cut off wrote it
      hashes.set(name, await hashFile(source))
      if ((await hashFile(target)) === hashes.get(name)) {
        reach(statSync(source).size)
        continue
      }
    }
    const { sha256 } = await writeWhole(target, piecesOf(source, (bytes) => {
      signal.throwIfAborted()
      reach(bytes)
    }))
    hashes.set(name, sha256)
  }
  return hashes
}

async function* piecesOf(path: string, see: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 22 }) as AsyncIterable<Buffer>) {
    see(piece.length)
    yield piece
  }
}

async function mergeInto(folder: string, { from, adapter, signal, reach }: Work & { from: string; adapter: string }): Promise<void> {
  const base = openCheckpoint(from)
  try {
    const tensors = expectedTensors(base.config)
    const all = tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
    const seen = (elements: number): void => {
      signal.throwIfAborted()
      reach(elements / all)
    }
    await writeCheckpoint(folder, inF32(base.configJson), mergedTensors(base, readAdapter(adapter, base.config), seen))
  } finally {
    closeCheckpoint(base)
  }
}

/** @throws ModelError for a weight that is no number */
async function checkWeights(folder: string, { signal, reach }: Work): Promise<void> {
  const checkpoint = openCheckpoint(folder)
  try {
    const tensors = [...checkpoint.tensors].map(([name, { shape }]) => ({ name, shape }))
    const all = tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
    for (const { name, shape } of tensors) {
      for (const rows of rowBlocks(shape, CHECKED_ELEMENTS)) {
        await new Promise(setImmediate) // whoever waits gets a turn
        signal.throwIfAborted()
        reach(readWeights(checkpoint, name, rows).length / all)
      }
    }
  } finally {
    closeCheckpoint(checkpoint)
  }
}
