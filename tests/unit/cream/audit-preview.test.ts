/** What a person is told before a spot-check starts. */
import { describe, expect, it } from 'vitest'
import { planAudit } from '../../../main/cream/audit-plan.ts'
import { clearableLine, previewAudit } from '../../../main/cream/audit-preview.ts'
import { gateOf } from '../../../main/cream/gate.ts'
import { weightedProportion } from '../../../main/cream/proportion.ts'
import { extendRankings, planRankings } from '../../../main/cream/ranking-plan.ts'
import { population, seeded } from './audits.ts'

const pairs = population(150, 3)

describe('the preview of a spot-check', () => {
  const plan = planAudit(pairs, { size: 20, random: seeded(5) })
  const preview = previewAudit(plan, pairs, 0.6, 0.8)

  it('counts what would be drawn, stratum by stratum', () => {
    expect(preview).toMatchObject({ population: 150, planned: 20, repeats: 2, control: plan.pairs.filter(({ control }) => control).length })
    expect(preview.strata.reduce((sum, stratum) => sum + stratum.pairs, 0)).toBe(150)
    expect(preview.strata.map(({ planned }) => planned)).toEqual(preview.strata.map((_, h) => plan.pairs.filter(({ stratum }) => stratum === h).length))
    expect(preview.strata.reduce((sum, { pairs: n, flipped }) => sum + n * flipped, 0)).toBeCloseTo(pairs.filter(({ flipped }) => flipped).length, 9)
    for (const { consistency } of preview.strata) expect(consistency === null || consistency.from <= consistency.to).toBe(true)
  })

  it('says that ten of many pairs never clear 75 %, and a census clears all', () => {
    expect(clearableLine(10, 10_000)).toBeLessThan(0.75)
    expect(clearableLine(12, 10_000)).toBeGreaterThan(0.75)
    expect(clearableLine(40, 40)).toBe(1)
  })

  it.each([[20, 150, 0.6], [12, 30, 0.75], [35, 400, 0.9]])('%i unanimous pairs of %i clear exactly what it says', (n, of, line) => {
    const agreement = weightedProportion(Array.from({ length: n }, () => ({ success: true, weight: of / n, observed: n / of })))!
    const outcomes = { agree: n, disagree: 0, tie: 0, skip: 0, flag: 0 }
    const clearable = clearableLine(n, of)
    expect(gateOf({ agreement, outcomes, population: of }, clearable - 1e-9).state).toBe('passed')
    expect(gateOf({ agreement, outcomes, population: of }, clearable + 1e-9).state).toBe('undecided')
    expect(clearable > line).toBe(n >= previewAudit({ ...plan, population: of }, pairs, line, null).fewest)
  })

  it('counts the pairs that an answer takes at the present rate, the more the nearer it is to the line', () => {
    const needed = (rate: number | null): number | null => previewAudit(plan, pairs, 0.6, rate).needed
    expect(needed(null)).toBeNull()
    expect(needed(0.6)).toBe(150) // only all of them tell a rate on the line
    expect(needed(0.95)!).toBeLessThan(needed(0.8)!)
    expect(needed(0.8)!).toBeLessThan(needed(0.7)!)
  })
})

describe('the plan of rankings', () => {
  const prompts = Array.from({ length: 30 }, (_, i) => ({ id: `p${String(i).padStart(2, '0')}`, responseIds: i % 10 === 0 ? ['only'] : ['a', 'b', 'c', 'd'].map((one) => `${i}${one}`) }))

  it('draws prompts with something to order, each once, and extends with others behind them', () => {
    const first = planRankings(prompts, { size: 10, random: seeded(2) })
    expect(first.population).toBe(27)
    const longer = extendRankings(first, prompts, { size: 100, random: seeded(9) })
    expect(longer.showings.slice(0, 10)).toEqual(first.showings)
    expect(new Set(longer.showings.map(({ promptId }) => promptId)).size).toBe(27)
    for (const { promptId, responseIds } of longer.showings) expect([...responseIds].sort()).toEqual(prompts.find(({ id }) => id === promptId)!.responseIds)
    expect(() => planRankings(prompts.slice(0, 1), { size: 5, random: seeded(1) })).toThrow(/nothing to put in order/)
  })

  it('shows every response at every place alike', () => {
    const firstPlace = Array.from({ length: 400 }, (_, seed) => planRankings(prompts.slice(1, 2), { size: 1, random: seeded(seed) }).showings[0]!.responseIds[0]!)
    for (const id of prompts[1]!.responseIds) expect(Math.abs(firstPlace.filter((one) => one === id).length - 100)).toBeLessThan(4 * Math.sqrt(75))
  })
})
