/** Matrices in 4 bits, as ONNX Runtime's MatMulNBits reads them and its own quantiser (block-wise, symmetric) makes them. */

/** Weights that share a scale. */
export const BLOCK = 32
/** The code of zero: codes 0 … 15 stand for −8 … 7 times the scale. */
const ZERO = 8

export interface FourBit {
  /** [rows, blocks, BLOCK / 2], two codes a byte, the earlier in the low bits; what a last block lacks is zero. */
  readonly codes: Uint8Array
  /** [rows · blocks]. */
  readonly scales: Float32Array
}

export const blocksOf = (columns: number): number => Math.ceil(columns / BLOCK)

/** Rows [rows, columns] → codes and scales. The weight farthest from 0 becomes −8, so that it is met exactly; the rest round to nearest. */
export function quantiseFourBit(weights: Float32Array, columns: number): FourBit {
  const rows = weights.length / columns
  const blocks = blocksOf(columns)
  const codes = new Uint8Array(rows * blocks * (BLOCK / 2)).fill(ZERO | (ZERO << 4))
  const scales = new Float32Array(rows * blocks)
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const from = row * columns + block * BLOCK
      const to = Math.min(from + BLOCK, (row + 1) * columns)
      let far = 0
      for (let i = from; i < to; i++) if (Math.abs(weights[i]!) > Math.abs(far)) far = weights[i]!
      const at = row * blocks + block
      scales[at] = far / -ZERO
      const inverse = scales[at] === 0 ? 0 : 1 / scales[at]
      for (let i = from; i < to; i++) {
        const code = Math.min(15, Math.max(0, Math.round(weights[i]! * inverse) + ZERO))
        const place = i - from
        const byte = at * (BLOCK / 2) + (place >> 1)
        codes[byte] = place & 1 ? (codes[byte]! & 0x0f) | (code << 4) : (codes[byte]! & 0xf0) | code
      }
    }
  }
  return { codes, scales }
}

/** What a session computes with: (code − 8) · scale, [rows, columns]. */
export function dequantiseFourBit({ codes, scales }: FourBit, columns: number): Float32Array {
  const blocks = blocksOf(columns)
  const rows = scales.length / blocks
  const weights = new Float32Array(rows * columns)
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      const at = row * blocks + Math.floor(column / BLOCK)
      const place = column % BLOCK
      const byte = codes[at * (BLOCK / 2) + (place >> 1)]!
      weights[i] = ((place & 1 ? byte >> 4 : byte & 0x0f) - ZERO) * scales[at]!
    }
  }
  return weights
}
