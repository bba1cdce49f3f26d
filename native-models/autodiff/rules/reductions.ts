/** y = reduce(x): the gradient spreads back over the reduced axes. */
import { axisOf, reduced } from '../../onnx/shapes.ts'
import { sizeOf, type Value } from '../../onnx/types.ts'
import type { RuleContext, Rules } from '../registry.ts'

/** `value` (the gradient, or the reduction's own result) with the reduced axes put back as 1. */
function kept({ b, node, x: [x] }: RuleContext, value: Value): Value {
  const axes = node.inputs[1]!
  const numbers = b.constantNumbers(axes).map((axis) => axisOf(axis, x!.shape.length))
  return b.reshape(value, reduced(x!.shape, numbers, true))
}

export const reductions: Rules = {
  ReduceSum: (c) => [() => c.b.expand(kept(c, c.g), c.x[0]!.shape), null],
  ReduceMean: (c) => [() => c.b.expand(c.b.scale(kept(c, c.g), sizeOf(c.y[0]!.shape) / sizeOf(c.x[0]!.shape)), c.x[0]!.shape), null],
  ReduceSumSquare: (c) => [() => c.b.mul(c.b.scale(kept(c, c.g), 2), c.x[0]!), null],
  ReduceLogSumExp: (c) => [() => c.b.mul(kept(c, c.g), c.b.exp(c.b.sub(c.x[0]!, kept(c, c.y[0]!)))), null],
  Softmax: ({ b, g, y: [y] }) => [() => b.mul(y!, b.sub(g, b.reduceSum(b.mul(g, y!), [-1])))],
}
