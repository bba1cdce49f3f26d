/** A bundle's file into evidence: every line canonical and of its schema, every hash noted, nothing beyond the limits. */
import { createHash } from 'node:crypto'
import type { z } from 'zod'
import { AppError } from '../../../preload/contract/errors.ts'
import { canonical } from './canonical.ts'
import { addRow, Differs, type Difference, emptyEvidence, type Evidence } from './evidence.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { documents, kindNames, kinds, Manifest, type RowOf } from './rows.ts'
import { takeTexts } from './texts.ts'
import { openZip, type ZipReader } from './zip.ts'

export interface ReadBundle {
  readonly evidence: Evidence
  readonly manifest: Manifest
  /** A text that is not what its hash says. Nothing more was read after it. */
  readonly difference: Difference | null
  /** A file whose bytes are not those of the manifest. */
  readonly unlike: Difference | null
}

export interface ReadOptions {
  readonly limits?: Limits
  readonly signal?: AbortSignal
  readonly progress?: (done: number, total: number) => void
}

/** @throws AppError 'bad-data' where it is no bundle, 'cancelled' */
export async function readBundle(path: string, { limits = defaultLimits, signal, progress }: ReadOptions = {}): Promise<ReadBundle> {
  const zip = await openZip(path, limits)
  try {
    const files = new Files(path, zip, limits, signal)
    const manifest = await files.document('manifest.json', Manifest)
    const evidence = emptyEvidence({
      texts: manifest.texts, model: manifest.model, creamery: manifest.creamery,
      run: await files.document('run.json', documents.run), environment: await files.document('environment.json', documents.environment),
    })
    requireFiles(path, zip, manifest)
    const total = manifest.files.reduce((sum, { bytes }) => sum + bytes, 0)
    let difference: Difference | null = null
    try {
      for (const name of kindNames) {
        await files.rows(`${name}.jsonl`, kinds[name].schema as z.ZodType<RowOf<typeof name>>, (row) => {
          const taken = takeTexts(evidence, name, row)
          addRow(evidence, name, taken)
          return taken
        })
        progress?.(manifest.files.reduce((sum, file) => sum + (files.seen.has(file.name) ? file.bytes : 0), 0), total)
      }
    } catch (error) {
      if (!(error instanceof Differs)) throw error
      difference = error.difference
    }
    return { evidence, manifest, difference, unlike: difference ? null : unlikeManifest(manifest, files.seen) }
  } finally {
    await zip.close()
  }
}

/** Neither a file that the manifest does not name, nor one that it names and is not there. */
function requireFiles(path: string, zip: ZipReader, { files }: Manifest): void {
  const wanted = ['run.json', 'environment.json', ...kindNames.map((name) => `${name}.jsonl`)]
  const [named, held] = [files.map(({ name }) => name), [...zip.entries.keys()].filter((name) => name !== 'manifest.json')]
  for (const [list, where] of [[named, 'its manifest names'], [held, 'it holds']] as const) {
    const odd = [...list.filter((name) => !wanted.includes(name)), ...wanted.filter((name) => list.filter((one) => one === name).length !== 1)][0]
    if (odd !== undefined) throw new AppError('bad-data', `${path} is no whole evidence bundle: ${where} ${JSON.stringify(odd)} ${list.filter((one) => one === odd).length} times. Ask for the bundle again.`)
  }
}

interface Seen {
  readonly sha256: string
  readonly bytes: number
  readonly rows: number
}

function unlikeManifest({ files }: Manifest, seen: ReadonlyMap<string, Seen>): Difference | null {
  for (const { name, ...said } of files) {
    const found = seen.get(name)!
    for (const field of ['sha256', 'bytes', 'rows'] as const) {
      if (said[field] !== found[field]) return { file: 'manifest.json', row: name, field, stored: JSON.stringify(said[field]), recomputed: JSON.stringify(found[field]) }
    }
  }
  return null
}

class Files {
  readonly seen = new Map<string, Seen>()
  readonly #path: string
  readonly #zip: ZipReader
  readonly #limits: Limits
  readonly #signal: AbortSignal | undefined
  #held = 0

  constructor(path: string, zip: ZipReader, limits: Limits, signal: AbortSignal | undefined) {
    this.#path = path
    this.#zip = zip
    this.#limits = limits
    this.#signal = signal
  }

  async document<T>(name: string, schema: z.ZodType<T>): Promise<T> {
    const values: T[] = []
    await this.rows(name, schema, (value) => values[values.push(value) - 1])
    if (values.length !== 1) this.#fail(`holds ${values.length} values in ${name} instead of one`)
    return values[0]!
  }

  /** `take` gives back what is held of a row. */
  async rows<T>(name: string, schema: z.ZodType<T>, take: (row: T) => unknown): Promise<void> {
    const entry = this.#zip.entries.get(name)
    if (!entry) this.#fail(`has no ${name}`)
    const hash = createHash('sha256')
    let [bytes, count] = [0, 0]
    for await (const lines of linesOf(this.#zip.read(entry), this.#limits.lineBytes, (what) => this.#fail(`${what} in ${name}, behind line ${count}`), (piece) => { hash.update(piece); bytes += piece.length })) {
      if (this.#signal?.aborted) throw new AppError('cancelled', 'Stopped on request.')
      for (const line of lines) {
        const taken = take(this.#parse(name, ++count, line, schema))
        this.#held += taken === undefined ? 0 : Math.min(line.length, sizeOf(taken))
        if (this.#held > this.#limits.heldBytes) this.#fail(`holds more rows than are read at once (${this.#limits.heldBytes} bytes of them, texts aside)`)
      }
    }
    this.seen.set(name, { sha256: hash.digest('hex'), bytes, rows: count })
  }

  #parse<T>(name: string, number: number, line: string, schema: z.ZodType<T>): T {
    const where = `${name}, line ${number}`
    try {
      const value: unknown = JSON.parse(line)
      const { success, data, error } = schema.safeParse(value)
      if (!success) this.#fail(`has a row that no bundle has (${where}, ${error.issues[0]!.path.join('.') || 'the row'}: ${error.issues[0]!.message.slice(0, 200)})`)
      if (canonical(value) !== line) this.#fail(`has a row that is not written in the canonical form (${where})`)
      return data
    } catch (error) {
      if (error instanceof SyntaxError) this.#fail(`has a line that is not JSON (${where})`)
      if (error instanceof RangeError) this.#fail(`has a row of too many levels (${where})`)
      throw error
    }
  }

  #fail(what: string): never {
    throw new AppError('bad-data', `${this.#path} ${what}; it was not written by Creamery, or damaged. Ask for the bundle again.`)
  }
}

/** About what a row takes, without walking through plans and figures. */
const sizeOf = (row: unknown): number => {
  let size = 64
  for (const value of Object.values(row as object)) size += typeof value === 'string' ? value.length + 16 : typeof value === 'object' && value !== null ? Infinity : 16
  return size
}

/** Whole lines, a piece's at a time; every line, the last one too, ends with a line feed. */
async function* linesOf(pieces: AsyncIterable<Uint8Array>, most: number, fail: (what: string) => never, see: (piece: Uint8Array) => void): AsyncGenerator<string[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const decode = (piece?: Uint8Array): string => {
    try {
      return piece ? decoder.decode(piece, { stream: true }) : decoder.decode()
    } catch {
      return fail('has bytes that are not UTF-8')
    }
  }
  let parts: string[] = []
  let length = 0
  for await (const piece of pieces) {
    see(piece)
    const [first, ...rest] = decode(piece).split('\n')
    parts.push(first!)
    length += first!.length
    if (length > most) fail(`has a line of more than ${most} characters`)
    if (rest.length === 0) continue
    const last = rest.pop()!
    yield [parts.join(''), ...rest]
    parts = [last]
    length = last.length
  }
  if (decode() !== '' || length > 0) fail('has a last line that does not end')
}

