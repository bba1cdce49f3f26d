import { expect, it } from 'vitest'
import { normal } from '../../../native-models/random.ts'
import { adamwGraph, adamwInPlace, adamwScalars } from '../../../native-models/training/adamw.ts'
import { runGraph } from '../../run-graph.ts'

it('AdamW on arrays is AdamW as a graph, over twenty steps', async () => {
  const shape = [7, 13]
  const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
  const random = (key: number): Float32Array => Float32Array.from({ length: 91 }, (_, i) => normal(key, i))
  const ours = { param: random(1), m: new Float32Array(91), v: new Float32Array(91) }
  let graph: Record<'param' | 'm' | 'v', Float32Array> = { param: ours.param.slice(), m: new Float32Array(91), v: new Float32Array(91) }
  for (let step = 1; step <= 20; step++) {
    const grad = random(100 + step).map((x) => x * 0.01)
    const scalars = adamwScalars(settings, step, 1e-2, 0.01, 0.7)
    const out = await runGraph(adamwGraph(shape, settings), { ...graph, grad, ...scalars })
    graph = { param: out['param_out'] as Float32Array, m: out['m_out'] as Float32Array, v: out['v_out'] as Float32Array }
    expect(out['grad_out']).toEqual(new Float32Array(91))
    adamwInPlace(ours.param, ours.m, ours.v, grad, scalars, settings)
    expect(grad).toEqual(new Float32Array(91))
    for (const name of ['param', 'm', 'v'] as const) {
      const largest = Math.max(...graph[name].map(Math.abs))
      const off = Math.max(...ours[name].map((x, i) => Math.abs(x - graph[name][i]!)))
      expect(off / largest, `${name}, step ${step}`).toBeLessThan(1e-6)
    }
  }
})
