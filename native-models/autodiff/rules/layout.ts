/** y is x rearranged: the gradient is rearranged back. */
import { sameShape, type Value } from '../../onnx/types.ts'
import type { GraphBuilder } from '../../onnx/builder.ts'
import type { Rules } from '../registry.ts'

/** Zeros of x's shape, but `size` along `axis`; nothing where size is 0. */
function padding(b: GraphBuilder, x: Value, axis: number, size: number): Value[] {
  return size === 0 ? [] : [b.zeros(x.shape.map((dim, i) => (i === axis ? size : dim)))]
}

export const layout: Rules = {
  Reshape: ({ b, g, x: [x] }) => [() => b.reshape(g, x!.shape), null],
  Transpose: ({ b, g, node }) => {
    const perm = node.attributes['perm'] as number[]
    return [() => b.transpose(g, perm.map((_, i) => perm.indexOf(i)))]
  },
  Expand: ({ g }) => [() => g, null],
  Concat: ({ b, g, x, node }) => {
    const axis = node.attributes['axis'] as number
    const offsets = x.map((_, i) => x.slice(0, i).reduce((sum, before) => sum + before.shape[axis]!, 0))
    return x.map((piece, i) => () => (sameShape(piece.shape, g.shape) ? g : b.slice(g, offsets[i]!, offsets[i]! + piece.shape[axis]!, axis)))
  },
  Split: ({ b, gs, y, node }) => [() => b.concat(gs.map((g, i) => g ?? b.zeros(y[i]!.shape)), node.attributes['axis'] as number), null],
  Slice: ({ b, g, x: [x], node }) => {
    const [start, end, axis] = node.inputs.slice(1, 4).map((value) => b.constantNumbers(value!)[0]!) as [number, number, number]
    return [() => b.concat([...padding(b, x!, axis, start), g, ...padding(b, x!, axis, x!.shape[axis]! - end)], axis), null, null, null]
  },
}
