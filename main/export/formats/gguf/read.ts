/** Reads a GGUF file back: our own reader, so that what is proven is the file. Every length and offset is checked before use. */
import { closeSync } from 'node:fs'
import { openFile, readFully } from '../../../../native-models/weights/files.ts'
import { AppError } from '../../../../preload/contract/errors.ts'
import { decode } from './blocks.ts'
import { ALIGNMENT, type TensorInfo, type TensorType, aligned, bytesOf, tensorTypes, valueTypes } from './wire.ts'

/** Arrays of numbers and texts as arrays, everything else as it is. */
export type ReadValue = number | boolean | string | readonly (number | boolean | string)[]

export interface GgufFile {
  readonly metadata: ReadonlyMap<string, ReadValue>
  readonly tensors: ReadonlyMap<string, TensorInfo & { readonly offset: number }>
  /** Rows [from, to), or all, dequantised. */
  readFloats(name: string, rows?: readonly [number, number]): Float32Array
  close(): void
}

const HEAD_CAP = 2 ** 29

/** @throws AppError 'bad-model' when anything of its head is off */
export function openGguf(path: string): GgufFile {
  const { fd, bytes } = openFile(path)
  try {
    const cursor = new Cursor(fd, Math.min(bytes, HEAD_CAP), path)
    if (cursor.bytes(4).toString('latin1') !== 'GGUF') throw damaged(path, 'it does not begin with "GGUF"')
    const version = cursor.u32()
    if (version !== 3) throw damaged(path, `its version is ${version}, not 3`)
    const [tensorCount, keyCount] = [cursor.length(), cursor.length()]
    const metadata = new Map<string, ReadValue>()
    for (let i = 0; i < keyCount; i++) metadata.set(cursor.text(), readValue(cursor, cursor.u32(), path))
    const tensors = new Map<string, TensorInfo & { offset: number }>()
    for (let i = 0; i < tensorCount; i++) {
      const tensor = readInfo(cursor, path)
      tensors.set(tensor.name, tensor)
    }
    const start = aligned(cursor.at)
    let covered = 0
    for (const { name, offset, ...info } of [...tensors.values()].sort((a, b) => a.offset - b.offset)) {
      if (offset !== covered || offset % ALIGNMENT !== 0) throw damaged(path, `tensor ${name} begins at ${offset}, not at ${covered}`)
      covered += aligned(bytesOf(info))
    }
    if (start + covered !== bytes) throw damaged(path, `its tensors end at byte ${start + covered}, the file at ${bytes}`)
    return {
      metadata, tensors,
      readFloats(name, rows) {
        const tensor = tensors.get(name)
        if (!tensor) throw damaged(path, `it has no tensor ${name}`)
        const [from, to] = rows ?? [0, tensor.shape[0]!]
        const rowBytes = bytesOf(tensor) / tensor.shape[0]!
        const data = new Uint8Array((to - from) * rowBytes)
        readFully(fd, data, start + tensor.offset + from * rowBytes, path)
        return decode(tensor.type, data)
      },
      close: () => closeSync(fd),
    }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function readInfo(cursor: Cursor, path: string): TensorInfo & { offset: number } {
  const name = cursor.text()
  const dimensions = cursor.u32()
  if (dimensions < 1 || dimensions > 4) throw damaged(path, `tensor ${name} has ${dimensions} dimensions`)
  const shape = Array.from({ length: dimensions }, () => cursor.count()).reverse()
  const id = cursor.u32()
  const type = (Object.keys(tensorTypes) as TensorType[]).find((one) => tensorTypes[one].id === id)
  if (!type) throw damaged(path, `tensor ${name} has the type ${id}, which is not read here`)
  return { name, shape, type, offset: cursor.count() }
}

function readValue(cursor: Cursor, type: number, path: string): ReadValue {
  switch (type) {
    case valueTypes.u32: return cursor.u32()
    case valueTypes.i32: return cursor.i32()
    case valueTypes.f32: return cursor.f32()
    case valueTypes.bool: return cursor.bytes(1)[0] === 1
    case valueTypes.string: return cursor.text()
    case valueTypes.array: {
      const of = cursor.u32()
      if (of === valueTypes.array) throw damaged(path, 'it holds an array of arrays')
      return Array.from({ length: cursor.length() }, () => readValue(cursor, of, path) as number | boolean | string)
    }
    default: throw damaged(path, `it holds a value of type ${type}`)
  }
}

/** Reads forward, a window at a time. */
class Cursor {
  readonly #fd: number
  readonly #end: number
  readonly #path: string
  #window = Buffer.alloc(0)
  #windowAt = 0
  at = 0

  constructor(fd: number, end: number, path: string) {
    this.#fd = fd
    this.#end = end
    this.#path = path
  }

  bytes(length: number): Buffer {
    if (length > this.#end - this.at) throw damaged(this.#path, `it ends within its head, at byte ${this.#end}`)
    if (this.at < this.#windowAt || this.at + length > this.#windowAt + this.#window.length) {
      this.#window = Buffer.alloc(Math.min(Math.max(length, 2 ** 20), this.#end - this.at))
      this.#windowAt = this.at
      readFully(this.#fd, this.#window, this.at, this.#path)
    }
    const start = this.at - this.#windowAt
    this.at += length
    return this.#window.subarray(start, start + length)
  }

  u32(): number { return this.bytes(4).readUInt32LE() }
  i32(): number { return this.bytes(4).readInt32LE() }
  f32(): number { return this.bytes(4).readFloatLE() }

  /** A 64-bit count or offset; nothing honest is larger than a number can say, or than the file. */
  count(): number {
    const value = Number(this.bytes(8).readBigUInt64LE())
    if (value > Number.MAX_SAFE_INTEGER) throw damaged(this.#path, `it counts ${value}`)
    return value
  }

  /** Of something whose every element takes a byte at least. */
  length(): number {
    const value = this.count()
    if (value > this.#end - this.at) throw damaged(this.#path, `it lists ${value} values in ${this.#end - this.at} bytes`)
    return value
  }

  text(): string {
    return this.bytes(this.length()).toString('utf8')
  }
}

const damaged = (path: string, what: string): AppError => new AppError('bad-model', `${path} is not a whole GGUF file: ${what}; export it again.`)
