import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { sizeOf } from '../onnx/types.ts'
import { type ModelConfig, parseConfig } from './config.ts'
import { bytesPerElement } from './dtype.ts'
import { listNames, ModelError, quote } from './error.ts'
import { writeJson, type JsonObject, type WrittenFile } from './files.ts'
import { fuse } from './fused.ts'
import { encodeHalves } from './halves.ts'
import { CONFIG_FILE, INDEX_FILE, listFolder, WEIGHTS_FILE } from './layout.ts'
import { writeSafetensors, type Safetensors, type TensorToWrite } from './safetensors.ts'
import { checkTiedHead, closeFiles, openWeights, readConfig } from './stored.ts'
import { describeMismatch, matchTensors, type StoredTensor } from './tensors.ts'

/** A Hugging Face folder whose config and tensors fit each other. Close it when done. */
export type Checkpoint = {
  folder: string
  config: ModelConfig
  /** `config.json` as it is, for passing on. */
  configJson: JsonObject
  /** Exactly the names of `expectedTensors(config)`, in model order. */
  tensors: ReadonlyMap<string, StoredTensor>
  files: ReadonlyMap<string, Safetensors>
}

/**
 * Opens a model folder: reads the config, locates the weights (one file or shards) and checks every header and that all
 * tensors are there with the right shapes. Reads no weights, unless a tied model stores its head twice.
 * @throws ModelError
 */
export function openCheckpoint(folder: string): Checkpoint {
  const { config, configJson } = readConfig(folder)
  const weights = openWeights(folder)
  try {
    const match = matchTensors(config, weights.tensors, weights.metadata)
    const faults = describeMismatch(match)
    if (faults.length > 0) {
      throw new ModelError(`${folder}: the weights do not fit config.json: ${faults.join('; ')}; use the config and the weights of one model.`)
    }
    if (match.hasBothTied) checkTiedHead(folder, weights)
    return { folder, config, configJson, tensors: match.found, files: weights.files }
  } catch (error) {
    closeFiles(weights.files)
    throw error
  }
}

export function closeCheckpoint(checkpoint: Checkpoint): void {
  closeFiles(checkpoint.files)
}

/** A tensor's values as F32, flat, row-major; with `rows` only those [from, to). @throws ModelError when it is absent or holds NaN or infinity */
export function readWeights(checkpoint: Checkpoint, name: string, rows?: readonly [number, number]): Float32Array {
  const tensor = checkpoint.tensors.get(name)
  const file = tensor && checkpoint.files.get(tensor.file)
  if (!file) throw new ModelError(`${checkpoint.folder} has no tensor ${quote(name)}; ask for one that its architecture has.`)
  const { storedAs, shape, firstRow = 0 } = tensor
  const rowSize = sizeOf(shape.slice(1))
  const [from, to] = rows ?? [0, shape[0]!]
  const values = file.readFloats(storedAs, [(firstRow + from) * rowSize, (firstRow + to) * rowSize])
  checkFinite(values, name, file.path, from * rowSize)
  return values
}

/** Elements narrowed to halves at a time: the tensor is never there in floats as a whole. */
const NARROWED_ELEMENTS = 2 ** 22

/** The same as the bits of halves. @param instead what a person does about a weight that no half holds @throws ModelError for one, too */
export function readHalves(checkpoint: Checkpoint, name: string, rows: readonly [number, number], instead: string): Uint16Array {
  const [, ...width] = checkpoint.tensors.get(name)?.shape ?? []
  const halves = new Uint16Array((rows[1] - rows[0]) * sizeOf(width))
  for (const [from, to] of rowBlocks([rows[1] - rows[0], ...width], NARROWED_ELEMENTS)) {
    halves.set(encodeHalves(readWeights(checkpoint, name, [rows[0] + from, rows[0] + to]), name, instead), from * sizeOf(width))
  }
  return halves
}

/** A tensor's rows [from, to) by turns, of at most `elements` numbers where a row is not longer by itself. */
export function* rowBlocks(shape: readonly number[], elements: number): Generator<[number, number]> {
  const [rows, ...rest] = shape as [number, ...number[]]
  const step = Math.max(1, Math.floor(elements / sizeOf(rest)))
  for (let from = 0; from < rows; from += step) yield [from, Math.min(rows, from + step)]
}

/** @param first the element of the tensor that `values` begins with. @throws ModelError naming the tensor when any value is NaN or infinite */
export function checkFinite(values: Float32Array, name: string, file: string, first = 0): void {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! - values[i]! // 0 unless NaN or infinite; no branch in the loop
  if (sum === 0) return
  const at = values.findIndex((value) => !Number.isFinite(value))
  throw new ModelError(`${file}: tensor ${quote(name)} holds ${values[at]} at element ${first + at}; the model is damaged or diverged, use another copy.`)
}

export type WriteOptions = {
  /** Shards begin above this size; Hugging Face's default. */
  shardBytes?: number
  metadata?: Readonly<Record<string, string>>
}

/**
 * Writes a model folder: `model.safetensors`, or shards and their index, and at last `config.json` (given as it is), so
 * that a folder with a config is whole. Creates the folder. Tensors come by the names of `expectedTensors`; those that the
 * family's files hold as one are written as one.
 * @returns every file written, with its hash
 * @throws ModelError when the folder already holds a model; system errors as they are
 */
export async function writeCheckpoint(
  folder: string,
  configJson: JsonObject,
  tensors: readonly TensorToWrite[],
  { shardBytes = 5e9, metadata = { format: 'pt' } }: WriteOptions = {},
): Promise<WrittenFile[]> {
  mkdirSync(folder, { recursive: true })
  const present = listFolder(folder).filter((name) => name === CONFIG_FILE || name === INDEX_FILE || name.endsWith('.safetensors'))
  if (present.length > 0) throw new ModelError(`${folder} already holds a model (${listNames(present)}); choose an empty folder.`)

  const stored = fuse(parseConfig(configJson, join(folder, CONFIG_FILE)), tensors)
  const shards = planShards(stored, shardBytes)
  const written: WrittenFile[] = []
  const weightMap: [string, string][] = []
  for (const [i, shard] of shards.entries()) {
    const file = shards.length === 1 ? WEIGHTS_FILE : `model-${pad5(i + 1)}-of-${pad5(shards.length)}.safetensors`
    written.push(await writeSafetensors(join(folder, file), shard, metadata))
    for (const { name } of shard) weightMap.push([name, file])
  }
  if (shards.length > 1) {
    const total_size = stored.reduce((sum, tensor) => sum + bytesOf(tensor), 0)
    const weight_map = Object.fromEntries(weightMap.sort(([a], [b]) => (a < b ? -1 : 1)))
    written.push(await writeJson(join(folder, INDEX_FILE), { metadata: { total_size }, weight_map }))
  }
  written.push(await writeJson(join(folder, CONFIG_FILE), configJson))
  return written
}

function planShards(tensors: readonly TensorToWrite[], shardBytes: number): TensorToWrite[][] {
  const shards: TensorToWrite[][] = [[]]
  let size = 0
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor)
    if (size > 0 && size + bytes > shardBytes) {
      shards.push([])
      size = 0
    }
    shards.at(-1)!.push(tensor)
    size += bytes
  }
  return shards
}

function bytesOf({ dtype, shape }: TensorToWrite): number {
  return shape.reduce((product, size) => product * size, bytesPerElement(dtype))
}

function pad5(n: number): string {
  return String(n).padStart(5, '0')
}
