/** How much memory a run of a graph needs beside its feeds. */
import { type DType, type Graph, type Value, sizeOf } from './types.ts'

const bytesPerElement: Readonly<Record<DType, number>> = { float32: 4, float64: 8, float16: 2, int32: 4, int64: 8, uint8: 1, bool: 1 }
const bytesOf = (value: Value): number => sizeOf(value.shape) * bytesPerElement[value.dtype]

/**
 * An estimate, in bytes: what the forward pass makes and the backward pass still reads, and a few of the largest value for
 * what comes and goes. A session's arena stays this large after its first run.
 */
export function activationBytes({ nodes }: Graph): number {
  const kept = new Map(nodes.filter(({ phase }) => phase === 'forward').flatMap(({ outputs }) => outputs.map((output) => [output.name, bytesOf(output)] as const)))
  const readBack = new Set(nodes.filter(({ phase }) => phase !== 'forward').flatMap(({ inputs }) => inputs.map((input) => input?.name ?? '')))
  const activations = [...kept].reduce((sum, [name, bytes]) => sum + (readBack.has(name) ? bytes : 0), 0)
  const largest = Math.max(0, ...nodes.flatMap(({ outputs }) => outputs.map(bytesOf)))
  return activations + 3 * largest
}
