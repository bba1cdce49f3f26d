import { describe, expect, it } from 'vitest'
import { arenaBytes, executionOrder } from '../../../native-models/onnx/arena.ts'
import { GraphBuilder } from '../../../native-models/onnx/builder.ts'
import { heldBytes, sessionBytes } from '../../../main/pipeline/estimate/memory.ts'
import { verdictOf, worse } from '../../../main/pipeline/estimate/verdict.ts'
import { lineThrough, openingLine, secondsFor } from '../../../main/pipeline/estimate/work.ts'

const MB = 2 ** 20
/** x [n] → a chain of `length` activations, each read by the next alone. */
function chain(elements: number, length: number): ReturnType<GraphBuilder['graph']> {
  const b = new GraphBuilder()
  let x = b.input('x', b.float, [elements])
  for (let i = 0; i < length; i++) x = b.exp(x)
  b.output('y', x)
  return b.graph()
}

describe('a graph’s arena', () => {
  it('holds what lives at one time, not what was ever made', () => {
    // Two buffers of 1 MB live at once. Regions of 1 and 2 MB: the third buffer takes one that is free again.
    expect(arenaBytes(chain(MB / 4, 1))).toBe(MB)
    const many = arenaBytes(chain(MB / 4, 20))
    expect(many).toBeGreaterThanOrEqual(2 * MB)
    expect(many).toBeLessThanOrEqual(3 * MB)
  })

  it('keeps what is read later', () => {
    const b = new GraphBuilder()
    const x = b.input('x', b.float, [MB / 4])
    const kept = [1, 2, 3, 4, 5].map((k) => b.mul(x, b.scalar(k)))
    b.output('y', kept.reduce((sum, one) => b.add(sum, one)))
    const order = executionOrder(b.graph().nodes).map(({ op }) => op)
    expect(order).toHaveLength(9)
    expect(order.at(-1)).toBe('Add')
    expect(arenaBytes(b.graph())).toBeGreaterThanOrEqual(3 * MB)
  })

  it('gives views no room', () => {
    const b = new GraphBuilder()
    b.output('y', b.reshape(b.exp(b.reshape(b.input('x', b.float, [MB / 4]), [2, MB / 8])), [MB / 4]))
    expect(arenaBytes(b.graph())).toBe(MB)
  })
})

describe('sessions', () => {
  it('are held together up to the bound, the oldest gone first', () => {
    const one = { bytes: 10, counted: 40 }
    expect(heldBytes([one, one, one], 100)).toBe(20)
    expect(heldBytes([one, { bytes: 500, counted: 400 }, one], 100)).toBe(500) // one beyond the bound is kept alone
    expect(heldBytes([], 100)).toBe(0)
  })

  it('cost their nodes and their arena', () => {
    expect(sessionBytes({ nodes: 1000, arenaBytes: 1e8 }) - sessionBytes({ nodes: 0, arenaBytes: 0 })).toBe(8.5e6 + 1e8)
    expect(sessionBytes({ nodes: 0, arenaBytes: 1e8 }, 1.5) - sessionBytes({ nodes: 0, arenaBytes: 1e8 })).toBe(5e7)
  })
})

describe('a verdict', () => {
  it.each([[1e9, 4e9, 'fits'], [3.5e9, 4e9, 'tight'], [5e9, 4e9, 'does-not-fit'], [1e9, null, 'unknown']] as const)('of %d in %d is "%s"', (needed, available, fit) => {
    const verdict = verdictOf('memory', needed, available, 'Use a smaller model.')
    expect(verdict.fit).toBe(fit)
    expect(verdict.sentence).toMatch(/^The run needs about .*\.$/)
    expect(verdict.sentence.includes('maller model')).toBe(fit === 'tight' || fit === 'does-not-fit')
  })

  it('is the worse of two', () => {
    const [fits, tight, not] = [verdictOf('memory', 1, 100, ''), verdictOf('disk', 90, 100, 'Make room.'), verdictOf('disk', 101, 100, 'Make room.')]
    expect(worse(fits, tight)).toBe(tight)
    expect(worse(not, tight)).toBe(not)
  })
})

describe('rates', () => {
  it('are a line through the smallest and the largest work', () => {
    const line = lineThrough([{ work: 100, seconds: 3 }, { work: 300, seconds: 5 }, { work: 200, seconds: 9 }])
    expect(line).toEqual({ fixed: 2, perFlop: 0.01 })
    expect(secondsFor(line, 1000)).toBe(12)
  })

  it('of opening graphs do not grow with work where one size alone was timed', () => {
    expect(openingLine([{ work: 100, seconds: 3 }])).toEqual({ fixed: 3, perFlop: 0 })
    expect(openingLine([{ work: 100, seconds: 3 }, { work: 300, seconds: 5 }])).toEqual({ fixed: 2, perFlop: 0.01 })
  })

  it('never go below zero, whatever noise measured', () => {
    expect(lineThrough([{ work: 100, seconds: 1 }, { work: 1000, seconds: 20 }])).toEqual({ fixed: 0, perFlop: 0.02 })
    expect(lineThrough([{ work: 100, seconds: 3 }, { work: 1000, seconds: 2 }])).toEqual({ fixed: 3, perFlop: 0 })
    expect(lineThrough([{ work: 100, seconds: 1 }])).toEqual({ fixed: 0, perFlop: 0.01 })
  })
})
