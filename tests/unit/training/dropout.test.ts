/** LoRA's dropout: masks that are random, reproducible and the same in every precision; PEFT's formula; exact gradients. */
import { describe, expect, test } from 'vitest'
import { gradients } from '../../../native-models/autodiff/backward.ts'
import { fedParameters } from '../../../native-models/families/parameters.ts'
import { GraphBuilder } from '../../../native-models/onnx/builder.ts'
import { normal } from '../../../native-models/random.ts'
import { type Dropout, dropOut, dropoutFeeds } from '../../../native-models/training/dropout.ts'
import { dropoutOf, finish } from '../../../native-models/training/graphs.ts'
import { type Lora, loraName, withLora } from '../../../native-models/training/lora.ts'
import { runGraph } from '../../run-graph.ts'

const share = 0.1
const kept = 1021 / (1021 - 102) // 102 of 1021 values are left out
const feedsOf = (dropout: Dropout, widths: Record<string, number>, key: readonly number[]) => Object.fromEntries(dropoutFeeds(dropout, new Map(Object.entries(widths)), key).map(({ name, data }) => [name, data]))

/** What stays of ones. */
async function mask(module: string, n: number, width: number, key: readonly number[], { rows = n, float = 'float32' as 'float32' | 'float64' } = {}): Promise<Float32Array> {
  const b = new GraphBuilder(float)
  const dropout = { share, rows }
  b.output('y', dropOut(b, b.input('x', float, [n, width]), module, dropout))
  const { y } = await runGraph(finish(b), { x: new Float32Array(n * width).fill(1), ...feedsOf(dropout, { [module]: width }, key) })
  return Float32Array.from(y as Float32Array)
}

describe('a mask', () => {
  test('leaves out its share, in every row and column alike, and keeps the mean', async () => {
    const [n, width] = [512, 384]
    const y = await mask('m', n, width, [5, 0, 0])
    expect(new Set(y)).toEqual(new Set([0, Math.fround(kept)]))
    const isOut = (i: number, j: number): number => Number(y[i * width + j] === 0)
    const among = (count: number, at: (k: number) => number): number => Array.from({ length: count }, (_, k) => at(k)).reduce((sum, one) => sum + one, 0) / count
    const expected = 102 / 1021
    const sd = Math.sqrt(expected * (1 - expected))
    expect(Math.abs(among(n * width, (k) => Number(y[k] === 0)) - expected)).toBeLessThan(5 * sd / Math.sqrt(n * width))
    for (let i = 0; i < n; i++) expect(Math.abs(among(width, (j) => isOut(i, j)) - expected)).toBeLessThan(5 * sd / Math.sqrt(width))
    for (let j = 0; j < width; j++) expect(Math.abs(among(n, (i) => isOut(i, j)) - expected)).toBeLessThan(5 * sd / Math.sqrt(n))
    // Neighbours say nothing of one another: how often both are out, beside a row and beside a column.
    const both = [among((n - 1) * width, (k) => Number(y[k] === 0 && y[k + width] === 0)), among(n * (width - 1), (k) => isOut(Math.floor(k / (width - 1)), k % (width - 1)) * isOut(Math.floor(k / (width - 1)), (k % (width - 1)) + 1))]
    for (const one of both) expect(Math.abs(one - expected ** 2)).toBeLessThan(5 * Math.sqrt(expected ** 2 * (1 - expected ** 2) / (n * width)))
  })

  test('depends on its key and module alone: not on precision, nor on how many rows are fed', async () => {
    const one = await mask('m', 32, 24, [5, 3, 1])
    expect(await mask('m', 32, 24, [5, 3, 1])).toEqual(one)
    expect(await mask('m', 32, 24, [5, 3, 1], { float: 'float64' })).toEqual(one)
    expect(await mask('m', 32, 24, [5, 3, 1], { rows: 48 })).toEqual(one)
    for (const [module, key] of [['m', [6, 3, 1]], ['m', [5, 4, 1]], ['m', [5, 3, 2]], ['other', [5, 3, 1]]] as const) {
      const other = await mask(module, 32, 24, key)
      const agreeing = other.filter((value, i) => (value === 0) === (one[i] === 0)).length / other.length
      expect(Math.abs(agreeing - (0.9 ** 2 + 0.1 ** 2))).toBeLessThan(0.06) // as two that know nothing of one another
    }
  })
})

describe('an adapter with dropout', () => {
  const [n, width, out, r] = [6, 8, 5, 3]
  const lora: Lora = { r, alpha: 6, targets: ['q_proj', 'k_proj'] }
  const modules = ['layer.q_proj', 'layer.k_proj']
  const dropout: Dropout = { share: 0.4, rows: n }
  const shapes: Record<string, readonly [number, number]> = { x: [n, width], ...Object.fromEntries(modules.flatMap((module) => [[`${module}.weight`, [out, width]], [loraName(module, 'A'), [r, width]], [loraName(module, 'B'), [out, r]]])) }
  const drawn = (salt: number): Record<string, Float64Array> => Object.fromEntries(Object.entries(shapes).map(([name, [rows, columns]], at) => [name, Float64Array.from({ length: rows * columns }, (_, i) => normal(salt, at, i))]))
  const masks = feedsOf(dropout, Object.fromEntries(modules.map((module) => [module, width])), [1, 2, 3])

  function build(b: GraphBuilder, withDropout: Dropout | null) {
    return withLora(b, fedParameters(b, []), lora, withDropout).linears(b.input('x', b.float, shapes['x']!), modules.map((module) => ({ module, out, bias: false })))
  }
  async function outputs(values: Record<string, Float64Array>): Promise<Float64Array[]> {
    const b = new GraphBuilder('float64')
    build(b, dropout).forEach((value, i) => b.output(`y${i}`, value))
    const found = await runGraph(finish(b), { ...values, ...masks })
    return modules.map((_, i) => found[`y${i}`] as Float64Array)
  }

  test('is x·Wᵀ + (α/r)·(dropout(x)·Aᵀ)·Bᵀ, each module with a mask of its own', async () => {
    const values = drawn(1)
    const found = await outputs(values)
    const product = (a: Float64Array, b: Float64Array, [rows, inner, columns]: readonly [number, number, number]): Float64Array =>
      Float64Array.from({ length: rows * columns }, (_, at) => Array.from({ length: inner }, (_, k) => a[Math.floor(at / columns) * inner + k]! * b[(at % columns) * inner + k]!).reduce((sum, one) => sum + one, 0))
    for (const [i, module] of modules.entries()) {
      const b = new GraphBuilder('float64')
      b.output('y', dropOut(b, b.input('x', 'float64', [n, width]), module, dropout))
      const dropped = (await runGraph(finish(b), { x: values['x']!, ...masks }))['y'] as Float64Array
      expect(dropped.filter((value) => value === 0).length).toBeGreaterThan(5)
      const plain = product(values['x']!, values[`${module}.weight`]!, [n, width, out])
      const low = product(product(dropped, values[loraName(module, 'A')]!, [n, width, r]), values[loraName(module, 'B')]!, [n, r, out])
      const expected = plain.map((value, at) => value + 2 * low[at]!)
      found[i]!.forEach((value, at) => expect(value).toBeCloseTo(expected[at]!, 9))
    }
  })

  test('has exact gradients under its masks: ⟨d, vjp(c)⟩ = ⟨jvp(d), c⟩', async () => {
    const [values, direction] = [drawn(1), drawn(2)]
    const names = Object.keys(shapes)
    const cotangents = modules.map((_, i) => Float64Array.from({ length: n * out }, (_, at) => normal(3, i, at)))
    const b = new GraphBuilder('float64')
    const ys = build(b, dropout)
    const loss = ys.map((y, i) => b.reduceSum(b.mul(y, b.input(`c${i}`, 'float64', [n, out])), [0, 1], false)).reduce((sum, one) => b.add(sum, one))
    gradients(b, loss, names.map((name) => b.input(name, 'float64', shapes[name]!))).forEach((grad, i) => b.output(`grad.${names[i]}`, grad))
    const grads = await runGraph(finish(b), { ...values, ...masks, c0: cotangents[0]!, c1: cotangents[1]! })
    const inner = (a: ArrayLike<number>, c: ArrayLike<number>): number => Array.from(a, (value, i) => value * c[i]!).reduce((sum, one) => sum + one, 0)
    const left = names.reduce((sum, name) => sum + inner(direction[name]!, grads[`grad.${name}`] as Float64Array), 0)
    const step = 1e-5
    const moved = (sign: number) => outputs(Object.fromEntries(names.map((name) => [name, values[name]!.map((value, i) => value + sign * step * direction[name]![i]!)])))
    const [up, down] = [await moved(1), await moved(-1)]
    const right = up.reduce((sum, y, i) => sum + inner(y.map((value, at) => (value - down[i]![at]!) / (2 * step)), cotangents[i]!), 0)
    expect(Math.abs(left - right) / Math.abs(right)).toBeLessThan(1e-7)
  })
})

test('is for SFT: what scores, and DPO, whose first loss has to be ln 2, leave nothing out', () => {
  const bucket = { rows: 2, length: 16, positions: 48 }
  expect(dropoutOf({ kind: 'sft', dropout: 0.1 }, bucket)).toEqual({ share: 0.1, rows: 48 })
  expect([dropoutOf({ kind: 'sft' }, bucket), dropoutOf({ kind: 'sft', dropout: 0 }, bucket), dropoutOf({ kind: 'dpo', beta: 0.1 }, bucket)]).toEqual([null, null, null])
})
