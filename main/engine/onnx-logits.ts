/** All logits of some sequences under an exported ONNX decoder, run the way its users run it: one padded batch, then token by token. */
import type { CallContext } from './dispatch.ts'
import type { OnnxLogitsParams } from './protocol.ts'
import { type DeviceTensor, type Port, type Tensors, openSession, tensor } from './sessions.ts'

/** @returns per sequence [length, vocabSize], flat */
export async function onnxLogits({ path, sequences, steps, device, threads }: OnnxLogitsParams, { signal }: CallContext<never>): Promise<{ logits: Float32Array[] }> {
  const session = await openSession(path, { device, threads, optimise: 'all' })
  try {
    const rows = sequences.length
    const width = Math.max(...sequences.map((ids) => ids.length))
    const padding = sequences.map((ids) => width - ids.length)
    const vocabSize = session.outputs.find(({ name }) => name === 'logits')!.dims.at(-1) as number
    const made = sequences.map((ids) => new Float32Array(ids.length * vocabSize))
    let cache: Tensors = Object.fromEntries(session.inputs.filter(({ name }) => name.startsWith('past_key_values.')).map((port) => [port.name, emptyCache(port, rows)]))

    const first = Math.max(1, width - steps)
    for (let from = 0, to = first; from < width; from = to++) {
      signal.throwIfAborted()
      const places = (of: (row: number, at: number) => number, start: number): DeviceTensor =>
        tensor('int64', [rows, to - start], BigInt64Array.from({ length: rows * (to - start) }, (_, i) => BigInt(of(Math.floor(i / (to - start)), start + (i % (to - start))))))
      const isPadding = (row: number, at: number): boolean => at < padding[row]!
      const results = await session.run({
        ...cache,
        input_ids: places((row, at) => (isPadding(row, at) ? 0 : sequences[row]![at - padding[row]!]!), from),
        attention_mask: places((row, at) => (isPadding(row, at) ? 0 : 1), 0),
        position_ids: places((row, at) => (isPadding(row, at) ? 1 : at - padding[row]!), from), // as transformers fills them
      })
      const logits = results['logits']!.data as Float32Array
      for (let row = 0; row < rows; row++) {
        const start = Math.max(from, padding[row]!)
        if (start < to) made[row]!.set(logits.subarray((row * (to - from) + start - from) * vocabSize, (row + 1) * (to - from) * vocabSize), (start - padding[row]!) * vocabSize)
      }
      cache = Object.fromEntries(Object.keys(cache).map((name) => [name, results[name.replace('past_key_values', 'present')]!]))
    }
    return { logits: made }
  } finally {
    await session.dispose()
  }
}

const emptyCache = ({ dtype, dims }: Port, rows: number): DeviceTensor => tensor(dtype, [rows, dims[1] as number, 0, dims[3] as number], new Float32Array(0))
