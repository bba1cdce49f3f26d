/**
 * Every gradient rule against numbers, in float64: for a random direction d and cotangent c,
 * ⟨d, vjp(c)⟩ must equal ⟨jvp(d), c⟩, where jvp is a central difference of the forward graph.
 */
import { describe, expect, it } from 'vitest'
import { gradients, rules } from '../../native-models/autodiff/backward.ts'
import { type AttentionShape, causalAttention } from '../../native-models/families/attention.ts'
import { GraphBuilder } from '../../native-models/onnx/builder.ts'
import { lower } from '../../native-models/onnx/lower.ts'
import { rowsAt } from '../../native-models/onnx/row-blocks.ts'
import { schedule } from '../../native-models/onnx/schedule.ts'
import { type Value, sizeOf } from '../../native-models/onnx/types.ts'
import { normal, uniform } from '../../native-models/random.ts'
import { consistencyDpoLoss, sftLoss } from '../../native-models/training/objectives.ts'
import { emitTraining } from '../../native-models/training/graphs.ts'
import { parseConfig } from '../../native-models/weights/config.ts'
import { runGraph } from '../run-graph.ts'

interface Case {
  /** Ops whose rules this case exercises. */
  readonly covers: readonly string[]
  readonly inputs: readonly { readonly shape: readonly number[]; readonly positive?: boolean; readonly coarse?: boolean }[]
  readonly build: (b: GraphBuilder, ...x: Value[]) => Value
}
const x = (...shape: number[]) => ({ shape })
const positive = (...shape: number[]) => ({ shape, positive: true })
/** Multiples of 2⁻⁸: float32 holds them, and them a step further, without rounding. */
const coarse = (...shape: number[]) => ({ shape, coarse: true })
const one = (covers: string, shape: Case['inputs'][number], build: (b: GraphBuilder, x: Value) => Value): Case => ({ covers: [covers], inputs: [shape], build })

const rope = { kind: 'default' as const, theta: 100 }
const attention = (shape: Pick<AttentionShape, 'heads' | 'kvHeads' | 'headDim'> & Partial<AttentionShape>): AttentionShape => ({ queryScale: 0.5, scoreCap: null, rope, localRope: rope, windows: [null], ...shape })

const cases: Record<string, Case> = {
  'add, broadcast': { covers: ['Add'], inputs: [x(2, 3, 4), x(3, 1)], build: (b, p, q) => b.add(p!, q!) },
  'sub, broadcast': { covers: ['Sub'], inputs: [x(3, 4), x(2, 1, 4)], build: (b, p, q) => b.sub(p!, q!) },
  'mul, broadcast': { covers: ['Mul'], inputs: [x(2, 3, 4), x(4)], build: (b, p, q) => b.mul(p!, q!) },
  'mul with itself': { covers: ['Mul'], inputs: [x(3, 4)], build: (b, p) => b.mul(p!, p!) },
  'div, broadcast': { covers: ['Div'], inputs: [x(3, 4), positive(3, 1)], build: (b, p, q) => b.div(p!, q!) },
  neg: one('Neg', x(5), (b, p) => b.neg(p)),
  exp: one('Exp', x(2, 3), (b, p) => b.exp(p)),
  log: one('Log', positive(2, 3), (b, p) => b.log(p)),
  sqrt: one('Sqrt', positive(2, 3), (b, p) => b.sqrt(p)),
  reciprocal: one('Reciprocal', positive(2, 3), (b, p) => b.reciprocal(p)),
  sigmoid: one('Sigmoid', x(2, 3), (b, p) => b.sigmoid(p)),
  silu: one('Silu', x(5), (b, p) => b.silu(p)),
  softplus: one('Softplus', x(2, 3), (b, p) => b.softplus(p)),
  tanh: one('Tanh', x(2, 3), (b, p) => b.tanh(p)),
  'cast, to fewer bits and back': one('Cast', coarse(2, 3), (b, p) => b.mul(b.cast(b.cast(p, 'float32'), 'float64'), p)),
  identity: one('Identity', x(2, 3), (b, p) => b.identity(p)),
  'where, both sides': { covers: ['Where'], inputs: [x(3, 4), x(4)], build: (b, p, q) => b.where(b.less(b.floats([0, 3, 1, 2], [4]), b.scalar(1.5)), p!, q!) },
  'reduce sum, keep': one('ReduceSum', x(2, 3, 4), (b, p) => b.reduceSum(p, [1])),
  'reduce sum, drop two': one('ReduceSum', x(2, 3, 4), (b, p) => b.reduceSum(p, [0, -1], false)),
  'reduce mean, drop': one('ReduceMean', x(2, 3, 4), (b, p) => b.reduceMean(p, [-1], false)),
  'reduce sum of squares': one('ReduceSumSquare', x(2, 3), (b, p) => b.reduceSumSquare(p, [1], false)),
  'reduce log-sum-exp': one('ReduceLogSumExp', x(3, 5), (b, p) => b.reduceLogSumExp(p, [1])),
  softmax: one('Softmax', x(3, 5), (b, p) => b.softmax(p)),
  'matmul, batched and broadcast': { covers: ['MatMul'], inputs: [x(2, 3, 4, 5), x(3, 5, 2)], build: (b, p, q) => b.matmul(p!, q!) },
  reshape: one('Reshape', x(2, 6), (b, p) => b.reshape(p, [3, 4])),
  transpose: one('Transpose', x(2, 3, 4), (b, p) => b.transpose(p, [2, 0, 1])),
  expand: one('Expand', x(3, 1), (b, p) => b.expand(p, [2, 3, 4])),
  concat: { covers: ['Concat'], inputs: [x(2, 3), x(2, 1), x(2, 2)], build: (b, ...p) => b.concat(p, 1) },
  'split, one piece unused': one('Split', x(4, 6), (b, p) => b.mul(b.split(p, [2, 3, 1], 1)[0]!, b.split(p, [2, 2, 2], 1)[2]!)),
  slice: one('Slice', x(5, 3), (b, p) => b.slice(p, 1, 4, 0)),
  'gather, repeated rows': one('Gather', x(5, 3), (b, p) => b.rows(p, b.int64([4, 0, 4, 4], [4, 1]))),
  'rms norm': { covers: ['SimplifiedLayerNormalization'], inputs: [x(3, 6), x(6)], build: (b, p, w) => b.rmsNorm(p!, w!, 1e-5) },
  'completion log-probs, chunked': { covers: ['CompletionLogps'], inputs: [x(5, 4), x(7, 4)], build: (b, h, e) => b.completionLogps(h!, [e!], b.int64([3, 0, 6, 3, 2], [5, 1]), 2)[0] },
  'completion log-probs, capped': { covers: ['CompletionLogps'], inputs: [x(5, 4), x(7, 4)], build: (b, h, e) => b.completionLogps(h!, [e!], b.int64([3, 0, 6, 3, 2], [5, 1]), 2, 1.3)[0] },
  'gather, from blocks of rows': { covers: ['Where'], inputs: [x(2, 3), x(3, 3), x(1, 3)], build: (b, ...table) => rowsAt(b, table, b.int32([4, 0, 2, 4, 5, 1], [6, 1])) },
  'completion log-probs, the head in blocks': { covers: ['CompletionLogps'], inputs: [x(5, 4), x(2, 4), x(4, 4), x(1, 4)], build: (b, h, ...head) => b.completionLogps(h!, head, b.int32([3, 0, 6, 3, 2], [5, 1]), 2)[0] },
  'completion log-probs, the head in blocks, capped': { covers: ['CompletionLogps'], inputs: [x(5, 4), x(3, 4), x(4, 4)], build: (b, h, ...head) => b.completionLogps(h!, head, b.int32([3, 0, 6, 3, 2], [5, 1]), 2, 1.3)[0] },
  'gelu, by tanh': one('Sigmoid', x(7), (b, p) => b.geluTanh(p)),
  'soft cap': one('Tanh', x(7), (b, p) => b.softCap(p, 0.8)),
  'grouped-query attention': {
    covers: ['MatMul', 'Softmax', 'Split', 'Concat', 'Transpose'],
    inputs: [x(6, 16), x(6, 8), x(6, 8)],
    build: (b, q, k, v) => causalAttention(b, attention({ heads: 4, kvHeads: 2, headDim: 4 }), 2, 3)(q!, k!, v!, 0),
  },
  'grouped-query attention, a window and capped scores': {
    covers: ['Tanh'],
    inputs: [x(8, 16), x(8, 8), x(8, 8)],
    build: (b, q, k, v) => causalAttention(b, attention({ heads: 4, kvHeads: 2, headDim: 4, windows: [2], scoreCap: 0.7 }), 2, 4)(q!, k!, v!, 0),
  },
  'sft loss': one('Neg', x(6), (b, p) => sftLoss(b, p, b.floats([1, 1, 0, 1, 1, 0]), b.scalar(0.25))),
  'consistency dpo loss': {
    covers: ['Softplus'],
    inputs: [x(6)],
    build: (b, logps) => consistencyDpoLoss(b, {
      logps: logps!,
      refLogps: b.floats([0.1, -0.4, 0.3, 0.2, 0, 0.5]),
      rows: b.floats([1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1], [4, 6]),
      consistency: b.floats([0.9, 0.3], [2, 1]),
      weight: b.floats([0.5, 0.5], [2, 1]),
    }, 0.7).loss,
  },
}
for (const transA of [false, true]) {
  for (const transB of [false, true]) {
    cases[`gemm transA=${transA} transB=${transB}`] = {
      covers: ['Gemm'],
      inputs: [transA ? x(4, 3) : x(3, 4), transB ? x(5, 4) : x(4, 5), x(5)],
      build: (b, p, q, c) => b.gemm(p!, q!, { transA, transB, alpha: 0.7, c: c! }),
    }
  }
}

describe('gradient rules against central differences in float64', () => {
  it.each(Object.entries(cases))('%s', async (name, { inputs, build }) => {
    const make = () => {
      const b = new GraphBuilder('float64')
      const values = inputs.map(({ shape }, i) => b.input(`x${i}`, 'float64', shape))
      return { b, values, y: build(b, ...values) }
    }
    const { y: { shape } } = make()
    const key = [...name].reduce((sum, char) => sum * 31 + char.codePointAt(0)!, 7) | 0
    const isCoarse = inputs.some((input) => input.coarse)
    const draw = (what: number, size: number) => Float64Array.from({ length: size }, (_, i) => (isCoarse ? Math.round(256 * normal(key, what, i)) / 256 : normal(key, what, i)))
    const at = inputs.map(({ shape: s, positive: above }, i) => (above ? Float64Array.from({ length: sizeOf(s) }, (_, j) => 0.5 + uniform(key, i, j)) : draw(i, sizeOf(s))))
    const directions = inputs.map(({ shape: s }, i) => draw(100 + i, sizeOf(s)))
    const cotangent = draw(200, sizeOf(shape))

    const back = make()
    const grads = gradients(back.b, back.y, back.values, back.b.input('seed', 'float64', shape))
    grads.forEach((g, i) => back.b.output(`g${i}`, back.b.identity(g)))
    lower(back.b)
    const feeds = Object.fromEntries(at.map((data, i) => [`x${i}`, data]))
    const vjp = await runGraph(schedule(back.b.graph()), { ...feeds, seed: cotangent })
    const left = directions.reduce((sum, d, i) => sum + dot(d, vjp[`g${i}`] as Float64Array), 0)

    const forward = make()
    forward.b.output('y', forward.b.identity(forward.y))
    lower(forward.b)
    const graph = schedule(forward.b.graph())
    const shifted = (step: number) => runGraph(graph, Object.fromEntries(at.map((data, i) => [`x${i}`, data.map((value, j) => value + step * directions[i]![j]!)])))
    // Five-point central difference: error O(h⁴).
    const h = 2 ** -10
    const [p1, m1, p2, m2] = await Promise.all([h, -h, 2 * h, -2 * h].map(shifted)) as [Record<string, Float64Array>, Record<string, Float64Array>, Record<string, Float64Array>, Record<string, Float64Array>]
    const jvp = p1['y']!.map((_, i) => (8 * (p1['y']![i]! - m1['y']![i]!) - (p2['y']![i]! - m2['y']![i]!)) / (12 * h))
    const right = dot(jvp, cotangent)
    expect(Math.abs(left - right) / Math.max(1, Math.abs(left), Math.abs(right))).toBeLessThan(1e-7)
  })

  it('has a case for every rule', () => {
    const covered = new Set(Object.values(cases).flatMap((c) => c.covers))
    const differentiable = Object.entries(rules).flatMap(([op, entry]) => (typeof entry === 'function' ? [op] : []))
    expect(differentiable.filter((op) => !covered.has(op))).toEqual([])
  })

  it('has an entry for every op that the training graphs emit', () => {
    const config = parseConfig({
      architectures: ['LlamaForCausalLM'], vocab_size: 11, hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 12,
      tie_word_embeddings: true, attention_bias: true, mlp_bias: true,
    }, 'config.json')
    const weights = [{ name: 'model.embed_tokens.weight', shape: [11, 8] }, { name: 'model.layers.1.self_attn.q_proj.weight', shape: [8, 8] }]
    const lora = { r: 2, alpha: 4, targets: ['q_proj'] }
    for (const objective of [{ kind: 'sft' } as const, { kind: 'dpo', beta: 0.1 } as const]) {
      for (const adapter of [lora, null]) {
        const b = new GraphBuilder()
        emitTraining(b, { config, weights, lora: adapter, headChunk: 3 }, objective, { rows: 2, length: 4, positions: 5 })
        const forward = b.nodes.filter((node) => node.phase === 'forward' || node.phase === 'recompute')
        expect(forward.length).toBeGreaterThan(50)
        expect(forward.map((node) => node.op).filter((op) => !(op in rules))).toEqual([])
      }
    }
  })
})

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0)
}
