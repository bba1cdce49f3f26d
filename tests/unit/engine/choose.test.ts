import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allCandidates, type Candidates, chooseToken, type Cut } from '../../../main/engine/choose.ts'
import { uniform } from '../../../native-models/random.ts'

/**
 * transformers' TopKLogitsWarper, TopPLogitsWarper and an inverse-CDF draw, written out: top-k keeps k tokens, the rest
 * is renormalised, top-p keeps a token while less than p lies before it, the rest is renormalised, u picks.
 */
function reference(logits: readonly number[], { topP, topK }: Cut, u: number): number {
  const max = Math.max(...logits)
  let kept = logits.map((logit, id) => ({ id, weight: Math.exp(logit - max) })).sort((a, b) => logits[b.id]! - logits[a.id]! || a.id - b.id)
  if (topK > 0) kept = kept.slice(0, topK)
  const sum = kept.reduce((total, { weight }) => total + weight, 0)
  let before = 0
  kept = kept.filter(({ weight }) => {
    const stays = topP >= 1 || before / sum < topP
    before += weight
    return stays
  })
  const whole = kept.reduce((total, { weight }) => total + weight, 0)
  let at = 0
  for (const { id, weight } of kept) if ((at += weight) > u * whole) return id
  return kept.at(-1)!.id
}

/** The likeliest `k` of a row, as the graph hands them out. */
const likeliest = ({ values, ids, logSum }: Candidates, k: number): Candidates => ({ values: values.subarray(0, k), ids: Array.from(ids).slice(0, k), logSum })

const rowOfLogits = fc.array(fc.integer({ min: -100, max: 100 }).map((n) => n / 8), { minLength: 1, maxLength: 60 })
const cuts = fc.record({ topP: fc.constantFrom(0.1, 0.37, 0.8, 0.95, 0.999, 1), topK: fc.constantFrom(0, 1, 2, 5, 20, 200) })
const draws = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

/** Where u or p falls on a boundary to the last digits, either neighbour is right. */
const acceptable = (logits: readonly number[], { topP, topK }: Cut, u: number): number[] =>
  [-1e-6, 0, 1e-6].flatMap((dp) => [-1e-6, 0, 1e-6].map((du) => reference(logits, { topP: topP === 1 ? 1 : topP + dp, topK }, Math.min(1 - 1e-16, Math.max(0, u + du)))))

test('a token drawn from a whole row is the reference’s', () => {
  fc.assert(fc.property(rowOfLogits, cuts, draws, (logits, cut, u) => {
    const row = Float32Array.from(logits)
    expect(acceptable(logits, cut, u)).toContain(chooseToken(allCandidates(row), cut, u, true))
    if (cut.topK === 0) expect(chooseToken(allCandidates(row, cut.topP), cut, u, true), 'sorted only as far as top-p may reach').toBe(chooseToken(allCandidates(row), cut, u, true))
  }), { numRuns: 2000 })
})

test('the likeliest few decide as the whole row would, or say that they cannot', () => {
  fc.assert(fc.property(rowOfLogits, cuts, draws, fc.integer({ min: 1, max: 30 }), (logits, cut, u, k) => {
    const all = allCandidates(Float32Array.from(logits))
    const few = likeliest(all, k)
    const found = chooseToken(few, cut, u, k >= logits.length)
    if (found !== null) return void expect(acceptable(logits, cut, u)).toContain(found)
    const held = few.values.reduce((sum, value) => sum + Math.exp(value - all.logSum), 0)
    // Asking for the whole row is needed: the cut, or without one the draw itself, lies beyond the few.
    expect(cut.topK > k || (cut.topK === 0 && held < (cut.topP < 1 ? cut.topP : u) + 1e-6)).toBe(true)
  }), { numRuns: 2000 })
})

describe('on purpose', () => {
  const tied = allCandidates(Float32Array.of(1, 3, 3, 1))
  test('ties go to the lower id first', () => {
    expect(Array.from(tied.ids)).toEqual([1, 2, 0, 3])
    expect(chooseToken(tied, { topP: 1, topK: 1 }, 0.999, true)).toBe(1)
    expect(chooseToken(tied, { topP: 0.4, topK: 0 }, 0.999, true)).toBe(1)
  })

  test('the token that crosses top-p stays', () => {
    const halves = allCandidates(Float32Array.from([0.5, 0.3, 0.2], Math.log))
    expect(chooseToken(halves, { topP: 0.6, topK: 0 }, 0.999, true)).toBe(1) // .5 < .6, so .3 stays as well
    expect(chooseToken(halves, { topP: 0.49, topK: 0 }, 0.999, true)).toBe(0)
    expect(chooseToken(halves, { topP: 0.81, topK: 0 }, 0.999, true)).toBe(2)
  })

  test('top-k renormalises before top-p looks', () => {
    // Of .5 and .3 top-p .6 sees .625 and .375: the first alone passes .6.
    expect(chooseToken(allCandidates(Float32Array.from([0.5, 0.3, 0.2], Math.log)), { topP: 0.6, topK: 2 }, 0.999, true)).toBe(0)
  })

  test('a top-k beyond the few needs the whole row, whatever they hold', () => {
    const logits = Float32Array.from({ length: 400 }, (_, i) => -i / 40)
    expect(chooseToken(likeliest(allCandidates(logits), 256), { topP: 0.9, topK: 300 }, 0.5, false)).toBeNull()
  })

  test('a flat row under top-p .999 needs the whole row, and then every kept token can come', () => {
    const flat = allCandidates(new Float32Array(1000))
    expect(chooseToken(likeliest(flat, 256), { topP: 0.999, topK: 0 }, 0.1, false)).toBeNull()
    const seen = new Set(Array.from({ length: 4000 }, (_, i) => chooseToken(flat, { topP: 0.999, topK: 0 }, i / 4000, true)))
    expect(seen.size).toBe(999)
    expect(seen.has(999)).toBe(false)
  })

  test('top-p 1 draws from everything: among the few where u falls there, else from the whole row', () => {
    const flat = allCandidates(new Float32Array(1000))
    expect(chooseToken(likeliest(flat, 256), { topP: 1, topK: 0 }, 0.2005, false)).toBe(200)
    expect(chooseToken(likeliest(flat, 256), { topP: 1, topK: 0 }, 0.9995, false)).toBeNull()
    expect(chooseToken(flat, { topP: 1, topK: 0 }, 0.9995, true)).toBe(999)
  })

  test('a row that is not numbers is refused', () => {
    const broken = { values: Float32Array.of(Number.NaN, Number.NaN), ids: [0, 1], logSum: Number.NaN }
    expect(() => chooseToken(broken, { topP: 0.9, topK: 0 }, 0.5, false)).toThrow('not numbers')
  })
})

test('frequencies of seeded draws are the probabilities after the cut', () => {
  const logits = Float32Array.from([0.4, 0.25, 0.15, 0.1, 0.06, 0.04], Math.log)
  const row = allCandidates(logits)
  const draws = 40_000
  const counts = new Array<number>(6).fill(0)
  for (let i = 0; i < draws; i++) counts[chooseToken(row, { topP: 0.85, topK: 0 }, uniform(7, i, 3), true)!]!++
  const kept = [0.4, 0.25, 0.15, 0.1] // .8 lies before the fourth, .9 before the fifth
  kept.forEach((p, id) => {
    const share = p / 0.9
    expect(Math.abs(counts[id]! / draws - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / draws))
  })
  expect(counts.slice(4)).toEqual([0, 0])
})
