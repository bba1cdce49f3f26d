/** y = f(x), elementwise: the walker sums broadcast axes, so each rule is the scalar derivative. */
import type { Rules } from '../registry.ts'

export const elementwise: Rules = {
  Add: ({ g }) => [() => g, () => g],
  Sub: ({ b, g }) => [() => g, () => b.neg(g)],
  Mul: ({ b, g, x: [p, q] }) => [() => b.mul(g, q!), () => b.mul(g, p!)],
  Div: ({ b, g, x: [, q], y: [y] }) => [() => b.div(g, q!), () => b.neg(b.mul(g, b.div(y!, q!)))],
  Neg: ({ b, g }) => [() => b.neg(g)],
  Exp: ({ b, g, y: [y] }) => [() => b.mul(g, y!)],
  Log: ({ b, g, x: [x] }) => [() => b.div(g, x!)],
  Sqrt: ({ b, g, y: [y] }) => [() => b.div(b.scale(g, 0.5), y!)],
  Reciprocal: ({ b, g, y: [y] }) => [() => b.neg(b.mul(g, b.mul(y!, y!)))],
  Sigmoid: ({ b, g, y: [y] }) => [() => b.mul(g, b.mul(y!, b.sub(b.scalar(1), y!)))],
  Softplus: ({ b, g, x: [x] }) => [() => b.mul(g, b.sigmoid(x!))],
  Tanh: ({ b, g, y: [y] }) => [() => b.mul(g, b.sub(b.scalar(1), b.mul(y!, y!)))],
  Identity: ({ g }) => [() => g],
  Where: ({ b, g, x: [condition] }) => [null, () => b.where(condition!, g, b.scalar(0)), () => b.where(condition!, b.scalar(0), g)],
  Less: 'no-gradient',
  Greater: 'no-gradient',
  Cast: ({ b, g, x: [x] }) => [() => b.cast(g, x!.dtype)], // between floats: the walker never comes here from other types
}
