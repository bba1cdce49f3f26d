import { closeSync } from 'node:fs'
import { bytesPerElement, decodeFloats, isFloat, STORAGE, type Dtype, type TensorData } from './dtype.ts'
import { ModelError, quote } from './error.ts'
import { openFile, readFully, writeWhole, type WrittenFile } from './files.ts'
import { buildHeader, damagedAt, HEADER_CAP, parseHeader, type Header, type TensorInfo } from './header.ts'

/** Elements converted at a time: 16-bit and 64-bit weights never need a second whole copy. */
const CONVERT_ELEMENTS = 2 ** 22

/** An open safetensors file whose header has passed every check. Close it when done. */
export class Safetensors {
  readonly path: string
  readonly metadata: Header['metadata']
  readonly tensors: Header['tensors']
  readonly #fd: number
  readonly #dataStart: number

  /** @throws ModelError when the file is absent or any part of its header is off */
  constructor(path: string) {
    const { fd, bytes } = openFile(path)
    try {
      const headerBytes = readHeaderLength(fd, bytes, path)
      const text = new Uint8Array(headerBytes)
      readFully(fd, text, 8, path)
      const header = parseHeader(text, bytes - 8 - headerBytes, path)
      this.path = path
      this.metadata = header.metadata
      this.tensors = header.tensors
      this.#fd = fd
      this.#dataStart = 8 + headerBytes
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  /** The elements as stored; F16 and BF16 as their 16 bits, BOOL as bytes. */
  readTensor(name: string): TensorData {
    const info = this.#info(name)
    return this.#readElements(info, 0, (info.end - info.begin) / bytesPerElement(info.dtype))
  }

  /** The elements of a float tensor as F32; with `range` only those [from, to). @throws ModelError when it holds integers */
  readFloats(name: string, range?: readonly [number, number]): Float32Array {
    const info = this.#info(name)
    const { dtype } = info
    if (!isFloat(dtype)) {
      throw new ModelError(`${this.path}: tensor ${quote(name)} holds ${dtype} and not floating-point numbers; export the model without quantisation.`)
    }
    const [start, end] = range ?? [0, (info.end - info.begin) / bytesPerElement(dtype)]
    if (dtype === 'F32') return this.#readElements(info, start, end) as Float32Array
    const values = new Float32Array(end - start)
    for (let from = start; from < end; from += CONVERT_ELEMENTS) {
      const to = Math.min(end, from + CONVERT_ELEMENTS)
      decodeFloats(dtype, this.#readElements(info, from, to), values.subarray(from - start, to - start))
    }
    return values
  }

  close(): void {
    closeSync(this.#fd)
  }

  #info(name: string): TensorInfo {
    const info = this.tensors.get(name)
    if (info === undefined) throw new ModelError(`${this.path} holds no tensor ${quote(name)}; check that it belongs to this model.`)
    return info
  }

  #readElements({ dtype, begin }: TensorInfo, from: number, to: number): TensorData {
    const elements = new STORAGE[dtype](to - from) // a fresh buffer: data in the file need not be aligned
    readFully(this.#fd, bytesOf(elements), this.#dataStart + begin + from * elements.BYTES_PER_ELEMENT, this.path)
    return elements
  }
}

export function openSafetensors(path: string): Safetensors {
  return new Safetensors(path)
}

/** A tensor to be written; `data` may be made only when its turn comes, whole or piece by piece, so that no more is in memory. */
export type TensorToWrite = {
  name: string
  dtype: Dtype
  shape: readonly number[]
  data: TensorData | (() => TensorData | Iterable<TensorData>)
}

/**
 * Writes a safetensors file, whole or not at all. The same input gives the same bytes; tensors keep their order.
 * @throws Error when data and shape disagree (a fault of the caller); system errors as they are
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<WrittenFile> {
  return writeWhole(path, serialize(tensors, metadata))
}

function* serialize(tensors: readonly TensorToWrite[], metadata: Readonly<Record<string, string>>): Generator<Uint8Array> {
  yield buildHeader(tensors, metadata)
  for (const { name, dtype, shape, data } of tensors) {
    const count = shape.reduce((product, size) => product * size, 1)
    let written = 0
    for (const elements of piecesOf(data)) {
      written += elements.length
      if (!(elements instanceof STORAGE[dtype]) || written > count) throw new Error(`safetensors: tensor ${name} is ${dtype} [${shape}], but got ${elements.constructor.name} up to element ${written}`)
      yield bytesOf(elements)
    }
    if (written !== count) throw new Error(`safetensors: tensor ${name} is ${dtype} [${shape}], but got ${written} elements`)
  }
}

/** The elements of a tensor to be written, in order. */
export function piecesOf(data: TensorToWrite['data']): Iterable<TensorData> {
  const made = typeof data === 'function' ? data() : data
  return ArrayBuffer.isView(made) ? [made] : made
}

function readHeaderLength(fd: number, bytes: number, path: string): number {
  const damaged = damagedAt(path)
  const start = new Uint8Array(Math.min(bytes, 24))
  readFully(fd, start, 0, path)
  if (new TextDecoder('latin1').decode(start).startsWith('version https://git-lfs')) {
    throw new ModelError(`${path} is a Git LFS pointer and not the weights themselves; run "git lfs pull" in its folder.`)
  }
  if (bytes < 8) throw damaged(`it has only ${bytes} bytes`)
  const length = new DataView(start.buffer).getBigUint64(0, true)
  if (length > HEADER_CAP) throw damaged(`its header would have ${length} bytes, more than the ${HEADER_CAP} allowed`)
  if (length > bytes - 8) throw damaged(`its header would have ${length} bytes, but the file has ${bytes}`)
  return Number(length)
}

function bytesOf(elements: TensorData): Uint8Array {
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)
}
