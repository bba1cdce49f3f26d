import { describe, expect, it } from 'vitest'
import type { AuditPreview } from '../../preload/contract/requests/audit.ts'
import type { AuditReport, Estimate } from '../../preload/contract/requests/audit-report.ts'
import { wordDiff } from '../../renderer/state/audit-diff.ts'
import { decisionWords, effectWords, gateWords, intervalRows, kappaWords, milestoneOf, paceOf, planWords, reliabilityTitle, reportTitle, tauInterval, trustTitle } from '../../renderer/state/audit-words.ts'
import { interval } from '../../renderer/state/words.ts'

const estimate = (rate: number, low: number, high: number, n = 20): Estimate => ({ rate, low, high, n, designEffect: 1 })
const report: AuditReport = {
  session: 'a1', population: 200, planned: 20, outcomes: { agree: 14, disagree: 4, tie: 1, skip: 1, flag: 0 },
  agreement: estimate(0.72, 0.5812, 0.84, 18), control: estimate(0.75, 0.3, 0.95, 4), kappa: 0.41, firstSide: estimate(0.5, 0.3, 0.7),
  longerWins: { person: estimate(0.6, 0.4, 0.8), judge: estimate(0.9, 0.7, 0.97) }, selfAgreement: null, undecidedRepeats: 1, hasty: 0,
  reliability: [], rewardAccuracy: null, gate: { state: 'undecided', more: 120 },
}
const plan: AuditPreview = { mode: 'pairs', population: 200, planned: 10, repeats: 1, control: 2, strata: [], clearable: 0.72, fewest: 12, rate: null, needed: null }

describe('words of the spot-check', () => {
  it('say an interval once and with one unit', () => {
    expect(interval(estimate(0.72, 0.5812, 0.84))).toBe('72 % (58–84 %)')
    expect(tauInterval({ mean: -0.1, low: -0.3, high: 0.12, n: 9 })).toBe('−.10 (−.30 to .12)')
    expect(tauInterval({ mean: 0.5, low: null, high: null, n: 2 })).toBe('.50 (too few for an interval)')
  })

  it('tell pace and milestones, and nothing of the answers', () => {
    expect(paceOf({ judged: 20, total: 50, secondsPerPair: 9, canUndo: true }, 'pair')).toBe('pace 9 s a pair · ~5 min left')
    expect(paceOf({ judged: 0, total: 50, secondsPerPair: null, canUndo: false }, 'pair')).toBe('pace after the first pair')
    const at = (judged: number): string | null => milestoneOf({ judged, total: 22, secondsPerPair: 1, canUndo: true })
    expect([at(0), at(9), at(10), at(20)]).toEqual([null, null, '10 of 22 judged.', '20 of 22 judged.'])
    expect(at(22)).toContain('All 22 judged')
  })

  it('say before the start what so many pairs can and cannot show', () => {
    expect(planWords(plan, 0.75)[0]).toBe('10 pairs can never pass a line of 75 %: even if you agree on all, the interval reaches down to 72 %. It takes at least 12.')
    expect(planWords(plan, 0.6)[0]).toBe('If you agree with the judge on all 10, they pass every line up to 72 %.')
    expect(planWords({ ...plan, rate: { agreement: 0.7, from: 'this iteration' }, needed: 90 }, 0.6)[1]).toBe('At the present rate (70 %, this iteration) it needs about 90 pairs of the 200 to say yes or no.')
    expect(planWords({ ...plan, rate: { agreement: 0.6, from: 'an earlier iteration' }, needed: null }, 0.6)[1]).toContain('too closely')
  })

  it('state the finding and what to do at the gate', () => {
    expect(reportTitle(report, 'M1', 0.6)).toBe('People agree with M1 on 72 % (58–84 %) of pairs: undecided at a line of 60 %')
    expect(gateWords(report, 0.6)).toContain('Audit about 120 more')
    expect(gateWords({ ...report, gate: { state: 'undecided', more: null } }, 0.6)).toContain('Every pair has been audited')
    expect(gateWords({ ...report, gate: { state: 'passed' } }, 0.5)).toContain('58 %, reaches your line of 50 %')
    expect(gateWords({ ...report, gate: { state: 'failed' } }, 0.9)).toContain('84 %, is below your line of 90 %')
    expect(reportTitle({ ...report, agreement: null }, 'M1', 0.6)).toBe('Nothing decided yet: 1 tie, 1 skip, 0 flags')
    expect(decisionWords({ choice: { kind: 'keep-only', minConsistency: 0.7, minMargin: 2 } })).toBe('Keep only pairs with C ≥ .70 and margin ≥ 2')
  })

  it('hold each figure against what it should be', () => {
    const rows = intervalRows(report, 'M1', 0.6)
    expect(rows.map(({ name, reference }) => [name, reference?.value ?? null])).toEqual([['Agreement', 0.6], ['Random control', 0.6], ['Self-agreement', null], ['Side A chosen', 0.5], ['Longer wins: people', 0.5], ['Longer wins: M1', 0.6]])
    expect(rows[2]?.reading).toContain('1 repeat had no decision')
    expect(kappaWords(0.41)).toContain('moderate')
    expect(kappaWords(-0.1)).toContain('less than chance')
    expect(kappaWords(null)).toContain('Not measurable')
  })

  it('read the reliability diagram from its intervals, not its dots', () => {
    const bin = (meanConsistency: number, low: number, high: number) => ({ from: 0.6, to: 0.8, meanConsistency, agreement: estimate((low + high) / 2, low, high) })
    expect(reliabilityTitle([bin(0.7, 0.3, 0.6), bin(0.9, 0.8, 1)])).toBe('C claims more than people confirm in 1 of 2 bins')
    expect(reliabilityTitle([bin(0.7, 0.75, 0.9)])).toBe('People confirm more than C claims in 1 of 1 bin')
    expect(reliabilityTitle([bin(0.7, 0.5, 0.9)])).toBe('C fits what people say, as far as 20 decisions can tell')
  })

  it('say which judge people trust, or that it is open', () => {
    const trust = { session: 'a', population: 9, planned: 9, ordered: 9, skipped: 0, hasty: 0, current: { model: 'M1', tau: null }, previous: { model: 'M0', tau: null }, alike: 0, nearerToCurrent: null }
    expect(trustTitle({ ...trust, trusted: 'current' })).toBe("People's order is nearer to M1 than to M0")
    expect(trustTitle({ ...trust, trusted: 'undecided' })).toContain('9 prompts cannot say yet')
    expect(trustTitle({ ...trust, ordered: 0, trusted: 'undecided' })).toBe('No prompt was put in order yet')
  })

  it('sum up what the verdicts do to the labels', () => {
    const counts = { kept: 3, swapped: 1, 'dropped-tie': 1, 'dropped-flag': 0, filtered: 0, skipped: 0, 'not-audited': 15 }
    expect(effectWords({ counts, labels: { judge: 15, person: 4, dropped: 1 }, meanBefore: 0.62, meanAfter: 0.689, keptAgreement: null, stopped: null })).toBe('19 pairs to train on: 15 as the judge labelled them, 4 as people did; 1 dropped. Their mean C goes from .620 to .689.')
  })
})

describe('the word diff', () => {
  it('marks in each text what the other lacks, and loses no letter', () => {
    const diff = wordDiff('the answer is 72', 'so the answer is 96')!
    expect(diff.a.map(({ text }) => text).join('')).toBe('the answer is 72')
    expect(diff.b.map(({ text }) => text).join('')).toBe('so the answer is 96')
    expect(diff.a.filter(({ isOwn }) => isOwn).map(({ text }) => text.trim())).toEqual(['72'])
    expect(diff.b.filter(({ isOwn }) => isOwn).map(({ text }) => text.trim())).toEqual(['so', '96'])
  })
})
