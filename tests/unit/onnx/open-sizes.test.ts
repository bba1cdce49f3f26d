/** Graphs whose sizes only a run knows, and model files that are written weight by weight. */
import { describe, expect, it } from 'vitest'
import { openSession, tensor } from '../../../main/engine/sessions.ts'
import { GraphBuilder } from '../../../native-models/onnx/builder.ts'
import { type InlineWeight, encodeModel, modelParts } from '../../../native-models/onnx/wire.ts'
import { openSizes } from '../../../native-models/onnx/types.ts'

const { batch_size: batch, sequence_length: length, past_sequence_length: past, total_sequence_length: total } = openSizes

describe('open sizes', () => {
  it('go through flattening, folding and joining, and a run of any size fits', async () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', [batch, length, 6])
    const rows = b.reshape(b.reshape(x, [batch * length, 6]), [batch * length * 2, 3])
    b.output('x again', b.reshapeTo(rows, b.concat([b.shapeOf(b.input('ids', 'int64', [batch, length])), b.int64([6])], 0), [batch, length, 6]))
    b.output('joined', b.concat([b.input('past', 'float32', [batch, past, 6]), x], 1))
    const session = await openSession(encodeModel(b.graph()), { device: 'cpu', threads: 1 })
    expect(session.outputs.map(({ dims }) => dims)).toEqual([['batch_size', 'sequence_length', 6], ['batch_size', 'total_sequence_length', 6]])
    for (const [n, t, p] of [[1, 1, 0], [3, 5, 2]] as const) {
      const data = Float32Array.from({ length: n * t * 6 }, (_, i) => i)
      const results = await session.run({ x: tensor('float32', [n, t, 6], data), ids: tensor('int64', [n, t], new BigInt64Array(n * t)), past: tensor('float32', [n, p, 6], new Float32Array(n * p * 6)) })
      expect(results['x again']!.dims).toEqual([n, t, 6])
      expect(results['x again']!.data).toEqual(data)
      expect(results['joined']!.dims).toEqual([n, p + t, 6])
    }
    await session.dispose()
  })

  it('refuse what would be wrong for some run, where it is built', () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', [batch, length, 6])
    expect(() => b.reshape(x, [batch, 6])).toThrow(/cannot reshape/)
    expect(() => b.expand(x, [batch, length, 6])).toThrow(RangeError) // a constant holds no open size
    expect(() => b.add(x, b.input('y', 'float32', [batch, past, 6]))).toThrow(/cannot broadcast/)
    expect(past + length).toBe(total)
  })

  it('have a name where they leave the graph', () => {
    const b = new GraphBuilder()
    b.output('flat', b.reshape(b.input('x', 'float32', [batch, length]), [batch * length]))
    expect(() => encodeModel(b.graph())).toThrow(/made of open ones/)
  })
})

describe('a file written weight by weight', () => {
  const b = new GraphBuilder()
  const weight = b.input('weight', 'float32', [2, 300])
  b.output('y', b.gemm(b.input('x', 'float32', [1, 300]), weight, { transB: true }))
  const values = Float32Array.from({ length: 600 }, (_, i) => i / 7)
  const bytes = new Uint8Array(values.buffer)
  const weightOf = (size: number): InlineWeight => ({ value: weight, bytes: size, pieces: () => [bytes.subarray(0, 1000), bytes.subarray(1000)] })

  it('holds the weights it was given', async () => {
    const session = await openSession(Buffer.concat([...modelParts(b.graph(), [weightOf(bytes.length)])]), { device: 'cpu', threads: 1 })
    expect(session.inputs.map(({ name }) => name)).toEqual(['x'])
    const { y } = await session.run({ x: tensor('float32', [1, 300], Float32Array.from({ length: 300 }, (_, i) => Number(i === 299))) })
    expect(y!.data).toEqual(Float32Array.of(299 / 7, 599 / 7))
    await session.dispose()
  })

  it('is refused before it is begun where protobuf ends', () => {
    expect(() => modelParts(b.graph(), [weightOf(2 ** 31)]).next()).toThrow(/does not fit into one ONNX file/)
  })
})
