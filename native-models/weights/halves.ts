import { encodeFloats } from './dtype.ts'
import { ModelError } from './error.ts'

/** The largest finite half. */
const HALF_MAX = 65_504

/** Weights as the bits of halves, rounded to nearest even. @param instead what a person does about one that is too large @throws ModelError naming the tensor */
export function encodeHalves(values: Float32Array, tensor: string, instead: string): Uint16Array {
  let most = 0
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!))
  if (most > HALF_MAX) throw new ModelError(`${tensor} holds a weight beyond ${HALF_MAX}, which no half-precision number is; ${instead}.`)
  return encodeFloats('F16', values) as Uint16Array
}
