/** GGUF version 3 on the wire (ggml's docs/gguf.md): typed metadata, tensor descriptions, then data at multiples of 32 bytes. */

export const ALIGNMENT = 32

/** ggml's number of a tensor type; how many elements make a block of how many bytes. */
export const tensorTypes = {
  F32: { id: 0, elements: 1, bytes: 4 },
  F16: { id: 1, elements: 1, bytes: 2 },
  Q8_0: { id: 8, elements: 32, bytes: 34 },
} as const
export type TensorType = keyof typeof tensorTypes

/** Metadata with the type it is written as. */
export type Value =
  | { readonly type: 'u32' | 'i32' | 'f32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'i32s' | 'f32s'; readonly value: readonly number[] }
export type Metadata = ReadonlyMap<string, Value>

/** `shape` as Hugging Face has it, rows first; GGUF writes the row length first. */
export interface TensorInfo {
  readonly name: string
  readonly shape: readonly number[]
  readonly type: TensorType
}

export const valueTypes = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const

export function bytesOf({ shape, type }: Pick<TensorInfo, 'shape' | 'type'>): number {
  const { elements, bytes } = tensorTypes[type]
  return (shape.reduce((product, size) => product * size, 1) / elements) * bytes
}

export const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT

/** Everything before the first tensor's data. */
export function buildHead(metadata: Metadata, tensors: readonly TensorInfo[]): Uint8Array {
  const out = new Pieces()
  out.text('GGUF', false)
  out.u32(3)
  out.u64(tensors.length)
  out.u64(metadata.size)
  for (const [key, value] of metadata) {
    out.text(key)
    writeValue(out, value)
  }
  let offset = 0
  for (const tensor of tensors) {
    out.text(tensor.name)
    out.u32(tensor.shape.length)
    for (const size of tensor.shape.toReversed()) out.u64(size)
    out.u32(tensorTypes[tensor.type].id)
    out.u64(offset)
    offset += aligned(bytesOf(tensor))
  }
  return out.whole(ALIGNMENT)
}

function writeValue(out: Pieces, entry: Value): void {
  switch (entry.type) {
    case 'u32': return out.typed(valueTypes.u32, () => out.u32(entry.value))
    case 'i32': return out.typed(valueTypes.i32, () => out.i32(entry.value))
    case 'f32': return out.typed(valueTypes.f32, () => out.f32(entry.value))
    case 'bool': return out.typed(valueTypes.bool, () => out.u8(Number(entry.value)))
    case 'string': return out.typed(valueTypes.string, () => out.text(entry.value))
    case 'strings': return out.array(valueTypes.string, entry.value, (value) => out.text(value))
    case 'i32s': return out.array(valueTypes.i32, entry.value, (value) => out.i32(value))
    case 'f32s': return out.array(valueTypes.f32, entry.value, (value) => out.f32(value))
  }
}

/** A growing little-endian buffer. */
class Pieces {
  #bytes = Buffer.alloc(2 ** 16)
  #at = 0

  u8(value: number): void { this.#at = this.#room(1).writeUInt8(value, this.#at) }
  u32(value: number): void { this.#at = this.#room(4).writeUInt32LE(value, this.#at) }
  i32(value: number): void { this.#at = this.#room(4).writeInt32LE(value, this.#at) }
  f32(value: number): void { this.#at = this.#room(4).writeFloatLE(value, this.#at) }
  u64(value: number): void { this.#at = this.#room(8).writeBigUInt64LE(BigInt(value), this.#at) }

  text(value: string, counted = true): void {
    const length = Buffer.byteLength(value)
    if (counted) this.u64(length)
    this.#at += this.#room(length).write(value, this.#at, 'utf8')
  }

  typed(type: number, write: () => void): void {
    this.u32(type)
    write()
  }

  array<T>(type: number, values: readonly T[], write: (value: T) => void): void {
    this.u32(valueTypes.array)
    this.u32(type)
    this.u64(values.length)
    for (const value of values) write(value)
  }

  whole(alignment: number): Uint8Array {
    const end = Math.ceil(this.#at / alignment) * alignment
    this.#room(end - this.#at).fill(0, this.#at, end)
    return this.#bytes.subarray(0, end)
  }

  #room(more: number): Buffer {
    if (this.#at + more > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], Math.max(2 * this.#bytes.length, this.#at + more))
    return this.#bytes
  }
}
