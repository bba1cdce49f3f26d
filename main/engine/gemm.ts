/** The rate of plain matrix products here: the ceiling that every other rate is a share of, and the base of time estimates. */
import { GraphBuilder } from '../../native-models/onnx/builder.ts'
import { type Graph, type Value, sizeOf } from '../../native-models/onnx/types.ts'
import { sessionFor } from './graphs.ts'
import type { GemmParams } from './protocol.ts'
import { tensor, upload } from './sessions.ts'

/** `repeats` products [m, k]·[k, n] and [m, n]·[k, n]ᵀ in turn, as a linear layer's forward and backward pass. */
export async function measureGemm({ m, k, n, repeats, ...place }: GemmParams): Promise<{ gflops: number }> {
  const session = await sessionFor(['gemm', m, k, n, repeats], place, () => gemmGraph(m, k, n, repeats))
  const filled = (shape: readonly number[], value: number) => upload(tensor('float32', shape, new Float32Array(sizeOf(shape)).fill(value)), place.device)
  // These numbers stay 1 or √(k/n) through any count of products: no infinities, no slow denormals.
  const feeds = { x: await filled([m, k], 1), w: await filled([k, n], 1 / Math.sqrt(k * n)) }
  const started = performance.now()
  await session.run(feeds)
  const milliseconds = performance.now() - started
  for (const one of Object.values(feeds)) one.dispose()
  return { gflops: (2 * m * k * n * repeats) / milliseconds / 1e6 }
}

/** One graph for all repeats, with one number as output: nothing is copied between products. */
function gemmGraph(m: number, k: number, n: number, repeats: number): Graph {
  const b = new GraphBuilder()
  const w = b.input('w', b.float, [k, n])
  let x: Value = b.input('x', b.float, [m, k])
  for (let i = 0; i < repeats; i++) x = b.gemm(x, w, { transB: i % 2 === 1 })
  b.output('corner', b.slice(b.slice(x, 0, 1, 0), 0, 1, 1))
  return b.graph()
}
