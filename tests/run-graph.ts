/** Runs a graph on the CPU with plain arrays: what tests of graphs need. */
import { openSession, tensor } from '../main/engine/sessions.ts'
import type { Graph, TensorData } from '../native-models/onnx/types.ts'
import { encodeModel } from '../native-models/onnx/wire.ts'

export type Arrays = Readonly<Record<string, TensorData | readonly number[] | number>>

export async function runGraph(graph: Graph, feeds: Arrays): Promise<Record<string, TensorData>> {
  const session = await openSession(encodeModel(graph), { device: 'cpu', threads: 1 })
  const tensors = Object.fromEntries(graph.inputs.map(({ name, dtype, shape }) => {
    const given = feeds[name]
    if (given === undefined) throw new Error(`the test feeds no ${name}`)
    const list = typeof given === 'number' ? [given] : given
    return [name, tensor(dtype, shape, typed(dtype, list))]
  }))
  const results = await session.run(tensors)
  await session.dispose()
  return Object.fromEntries(Object.entries(results).map(([name, result]) => [name, result.data!]))
}

function typed(dtype: string, list: TensorData | readonly number[]): TensorData {
  const numbers = Array.from(list as ArrayLike<number | bigint>)
  switch (dtype) {
    case 'float32': return list instanceof Float32Array ? list : Float32Array.from(numbers as number[])
    case 'float64': return list instanceof Float64Array ? list : Float64Array.from(numbers as number[])
    case 'int32': return Int32Array.from(numbers as number[])
    case 'int64': return BigInt64Array.from(numbers, BigInt)
    default: return Uint8Array.from(numbers as number[])
  }
}

/** max |a − b| / max |b|: the relative deviation of a whole tensor. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`lengths differ: ${a.length} and ${b.length}`)
  let worst = 0
  let scale = 0
  for (let i = 0; i < a.length; i++) {
    worst = Math.max(worst, Math.abs(a[i]! - b[i]!))
    scale = Math.max(scale, Math.abs(b[i]!))
    if (Number.isNaN(a[i]!) || Number.isNaN(b[i]!)) return Number.NaN
  }
  return scale === 0 ? worst : worst / scale
}
