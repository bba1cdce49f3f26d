import { bytesPerElement, isDtype, type Dtype } from './dtype.ts'
import { ModelError, quote, show } from './error.ts'

/** The reference implementation's cap, so that no file makes us parse more JSON than this. */
export const HEADER_CAP = 100_000_000

/** One tensor of a safetensors file; `begin` and `end` are byte offsets from the first data byte. */
export type TensorInfo = { dtype: Dtype; shape: readonly number[]; begin: number; end: number }

export type Header = { metadata: Readonly<Record<string, string>>; tensors: ReadonlyMap<string, TensorInfo> }

/**
 * Reads and checks the JSON header of a safetensors file (FORMATS "Models in"): known dtypes, whole non-negative shapes
 * and offsets, length = product × size, and tensors that cover the data without gap or overlap.
 * @param text the header's bytes, without the 8-byte length
 * @param dataBytes how many bytes follow the header
 * @throws ModelError naming `file` and the tensor
 */
export function parseHeader(text: Uint8Array, dataBytes: number, file: string): Header {
  const damaged = damagedAt(file)
  if (text[0] !== 0x7b) throw damaged('its header does not begin with "{"')
  const entries = parseObject(text)
  if (entries === undefined) throw damaged('its header is not a JSON object')

  const tensors = new Map<string, TensorInfo>()
  let metadata: Record<string, string> = {}
  for (const [name, entry] of Object.entries(entries)) {
    if (name !== '__metadata__') tensors.set(name, parseTensor(name, entry, file))
    else if (isStringRecord(entry)) metadata = entry
    else throw damaged('its __metadata__ is not a list of texts')
  }
  checkCover(tensors, dataBytes, file)
  return { metadata, tensors }
}

function parseTensor(name: string, entry: unknown, file: string): TensorInfo {
  const damaged = damagedAt(file)
  if (!isObject(entry)) throw damaged(`tensor ${quote(name)} is not described by an object`)
  const { dtype, shape, data_offsets: offsets } = entry
  if (dtype === undefined) throw damaged(`tensor ${quote(name)} has no dtype`)
  if (!isDtype(dtype)) {
    throw new ModelError(
      `${file}: tensor ${quote(name)} is stored as ${show(dtype)}, which is not supported; convert the model to F32, F16 or BF16.`,
    )
  }
  if (!isWholeNumbers(shape)) throw damaged(`the shape of tensor ${quote(name)} is not a list of whole numbers`)
  if (!isWholeNumbers(offsets) || offsets.length !== 2) throw damaged(`tensor ${quote(name)} has no two whole data_offsets`)
  const [begin, end] = offsets as [number, number]
  const bytes = shape.reduce((product, size) => product * size, 1) * bytesPerElement(dtype)
  if (!Number.isSafeInteger(bytes)) throw damaged(`the shape of tensor ${quote(name)} is too large`)
  if (end - begin !== bytes) {
    throw damaged(`tensor ${quote(name)} occupies ${end - begin} bytes, but its shape and type need ${bytes}`)
  }
  return { dtype, shape, begin, end }
}

function checkCover(tensors: ReadonlyMap<string, TensorInfo>, dataBytes: number, file: string): void {
  const damaged = damagedAt(file)
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  let covered = 0
  for (const [name, { begin, end }] of inOrder) {
    if (end > dataBytes) {
      throw damaged(`tensor ${quote(name)} ends at data byte ${end}, but the file holds only ${dataBytes}`)
    }
    if (begin < covered) throw damaged(`tensor ${quote(name)} overlaps the one before it`)
    if (begin > covered) throw damaged(`there are ${begin - covered} unused bytes before tensor ${quote(name)}`)
    covered = end
  }
  if (covered !== dataBytes) throw damaged(`${dataBytes - covered} bytes after the last tensor belong to none`)
}

/**
 * The first bytes of a safetensors file: the length as 8 bytes little-endian, then the JSON, padded with spaces so that
 * the data begins at a multiple of 8, as the reference implementation does. Tensors keep the given order.
 */
export function buildHeader(
  tensors: readonly { name: string; dtype: Dtype; shape: readonly number[] }[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const taken = new Set(['__metadata__'])
  for (const { name } of tensors) {
    if (taken.has(name)) throw new Error(`safetensors: the tensor name ${quote(name)} is reserved or used twice`)
    taken.add(name)
  }

  // Joined by hand: an object would move names that look like numbers to the front.
  const members: string[] = []
  if (Object.keys(metadata).length > 0) members.push(`"__metadata__":${JSON.stringify(metadata)}`)
  let offset = 0
  for (const { name, dtype, shape } of tensors) {
    const end = offset + bytesPerElement(dtype) * shape.reduce((product, size) => product * size, 1)
    members.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [offset, end] })}`)
    offset = end
  }
  const json = new TextEncoder().encode(`{${members.join(',')}}`)
  const length = Math.ceil(json.length / 8) * 8
  if (length > HEADER_CAP) throw new Error(`safetensors: the header would take ${length} bytes, over ${HEADER_CAP}`)
  const bytes = new Uint8Array(8 + length).fill(0x20)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true)
  bytes.set(json, 8)
  return bytes
}

/** Says that a safetensors file is broken, and what helps. */
export function damagedAt(file: string): (what: string) => ModelError {
  return (what) => new ModelError(`${file} is not a whole safetensors file: ${what}; download or export it again.`)
}

function parseObject(text: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text))
    return isObject(value) ? value : undefined
  } catch {
    return undefined // the caller names the file
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isStringRecord(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((entry) => typeof entry === 'string')
}

function isWholeNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}
