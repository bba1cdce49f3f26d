/** F32 values as GGUF's tensor types, and back. */
import { decodeFloats, encodeFloats } from '../../../../native-models/weights/dtype.ts'
import { type TensorType, tensorTypes } from './wire.ts'

const { elements: BLOCK, bytes: BLOCK_BYTES } = tensorTypes.Q8_0

/** @param values whole rows */
export function encode(type: TensorType, values: Float32Array): Uint8Array {
  if (type === 'Q8_0') return quantise(values)
  const elements = encodeFloats(type, values)
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)
}

export function decode(type: TensorType, bytes: Uint8Array): Float32Array {
  if (type === 'Q8_0') return dequantise(bytes)
  const copy = bytes.slice() // aligned to its elements, whatever it was cut from
  return type === 'F32' ? new Float32Array(copy.buffer) : decodeFloats('F16', new Uint16Array(copy.buffer))
}

/** ggml's quantize_row_q8_0: per 32 values a scale d = max|x| / 127 as F16, then round(x / d) as int8, halves away from zero. */
function quantise(values: Float32Array): Uint8Array {
  const blocks = values.length / BLOCK
  if (!Number.isInteger(blocks)) throw new Error(`q8_0 takes multiples of ${BLOCK} values, not ${values.length}`)
  const scales = new Float32Array(blocks)
  for (let block = 0; block < blocks; block++) {
    let largest = 0
    for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) largest = Math.max(largest, Math.abs(values[i]!))
    scales[block] = largest / 127
  }
  const halves = encodeFloats('F16', scales) as Uint16Array
  const bytes = new Uint8Array(blocks * BLOCK_BYTES)
  const view = new DataView(bytes.buffer)
  for (let block = 0; block < blocks; block++) {
    const at = block * BLOCK_BYTES
    const scale = scales[block]!
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
    view.setUint16(at, halves[block]!, true)
    for (let i = 0; i < BLOCK; i++) {
      const scaled = Math.fround(values[block * BLOCK + i]! * inverse)
      view.setInt8(at + 2 + i, Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5))
    }
  }
  return bytes
}

function dequantise(bytes: Uint8Array): Float32Array {
  const blocks = bytes.length / BLOCK_BYTES
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const scales = decodeFloats('F16', Uint16Array.from({ length: blocks }, (_, block) => view.getUint16(block * BLOCK_BYTES, true)))
  const values = new Float32Array(blocks * BLOCK)
  for (let block = 0; block < blocks; block++) {
    for (let i = 0; i < BLOCK; i++) values[block * BLOCK + i] = scales[block]! * view.getInt8(block * BLOCK_BYTES + 2 + i)
  }
  return values
}
