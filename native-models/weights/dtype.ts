/** The storage types of safetensors that we read, each with the array that holds its elements (16-bit floats as bits). */
export const STORAGE = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const

export type Dtype = keyof typeof STORAGE
export type FloatDtype = 'F64' | 'F32' | 'F16' | 'BF16'
export type TensorData = Float64Array | Float32Array | Uint16Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint8Array

export function isDtype(text: unknown): text is Dtype {
  return typeof text === 'string' && Object.hasOwn(STORAGE, text)
}

export function isFloat(dtype: Dtype): dtype is FloatDtype {
  return dtype === 'F64' || dtype === 'F32' || dtype === 'F16' || dtype === 'BF16'
}

export function bytesPerElement(dtype: Dtype): number {
  return STORAGE[dtype].BYTES_PER_ELEMENT
}

/** The elements of a stored float tensor as F32. F16 and BF16 widen exactly (NaN payloads too); F64 rounds to nearest even. */
export function decodeFloats(dtype: FloatDtype, stored: TensorData, target = new Float32Array(stored.length)): Float32Array {
  switch (dtype) {
    case 'F64':
    case 'F32':
      target.set(stored as Float64Array | Float32Array)
      return target
    case 'F16':
      return widenHalf(stored as Uint16Array, target)
    case 'BF16':
      return widenBfloat(stored as Uint16Array, target)
  }
}

/** F32 values as stored elements of `dtype`, rounded to nearest even; what is too large becomes infinity (IEEE 754). */
export function encodeFloats(dtype: FloatDtype, values: Float32Array): TensorData {
  switch (dtype) {
    case 'F64':
      return Float64Array.from(values)
    case 'F32':
      return values
    case 'F16':
      return narrowToHalf(values)
    case 'BF16':
      return narrowToBfloat(values)
  }
}

// The loops below move bits and never floats: a NaN that passes through a JavaScript number may lose its payload.

function widenBfloat(bits: Uint16Array, target: Float32Array): Float32Array {
  const out = bitsOf(target)
  for (let i = 0; i < bits.length; i++) out[i] = bits[i]! << 16
  return target
}

function narrowToBfloat(values: Float32Array): Uint16Array {
  const bits = bitsOf(values)
  const out = new Uint16Array(values.length)
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i]!
    const isNaN = (x & 0x7fffffff) > 0x7f800000
    // + 0x7fff and the last kept bit: rounds half to even, and carries into the exponent where it must
    out[i] = isNaN ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16
  }
  return out
}

let halfTable: Uint32Array | undefined

function widenHalf(bits: Uint16Array, target: Float32Array): Float32Array {
  const table = (halfTable ??= Uint32Array.from({ length: 0x10000 }, (_, half) => singleFromHalf(half)))
  const out = bitsOf(target)
  for (let i = 0; i < bits.length; i++) out[i] = table[bits[i]!]!
  return target
}

function singleFromHalf(half: number): number {
  const sign = (half & 0x8000) << 16
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13)
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13)
  if (fraction === 0) return sign
  const shift = Math.clz32(fraction) - 21 // a subnormal is normal in F32: move its first one to the hidden bit
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)
}

function narrowToHalf(values: Float32Array): Uint16Array {
  const bits = bitsOf(values)
  const out = new Uint16Array(values.length)
  for (let i = 0; i < bits.length; i++) out[i] = halfFromSingle(bits[i]!)
  return out
}

function halfFromSingle(x: number): number {
  const sign = (x >>> 16) & 0x8000
  const magnitude = x & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff) // NaN, made quiet
  if (magnitude >= 0x477ff000) return sign | 0x7c00 // from 65520 on, the nearest half is infinity
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
  if (magnitude <= 0x33000000) return sign // up to 2^-25: half the smallest subnormal goes to the even zero
  const shift = 126 - (magnitude >>> 23)
  const significand = (magnitude & 0x7fffff) | 0x800000
  const kept = significand >>> shift
  const rest = significand & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0))
}

function bitsOf(floats: Float32Array): Uint32Array {
  return new Uint32Array(floats.buffer, floats.byteOffset, floats.length)
}
