import { describe, expect, it } from 'vitest'
import { type RoundSigns, findAlarms } from '../../../main/cream/alarms.ts'
import { AlarmCode } from '../../../preload/contract/requests/alarm.ts'

const tenth = { accuracies: 0.7, logpsChosen: -20, logpsRejected: -22 }
/** A round in which all is well, after one in which all was. */
const well: RoundSigns = {
  t: 2, truncated: 0.02, meanTokens: 40, consistency: 0.74, belowHalf: 0.1, agreement: 0.48, rewardAccuracy: 0.68,
  longerChosen: { rate: 0.55, low: 0.5, high: 0.6, n: 400 }, margin: 1.2, likeness: 0.4,
  accuracy: { before: 0.7, after: 0.72, standardError: 0.02 },
  speech: { before: { distinct2: 0.5, repeated4: 0.02 }, after: { distinct2: 0.48, repeated4: 0.03 } },
  training: { firstLoss: Math.fround(Math.LN2), first: { ...tenth, accuracies: 0.5 }, last: tenth },
}
const before: RoundSigns = { ...well, t: 1, agreement: 0.4, rewardAccuracy: 0.69 }
const unknown: RoundSigns = {
  t: 1, truncated: null, meanTokens: null, consistency: null, belowHalf: null, agreement: null, rewardAccuracy: null, longerChosen: null, margin: null, likeness: null, accuracy: null, speech: null, training: null,
}
const codes = (round: RoundSigns, last: RoundSigns | null = before): string[] => findAlarms(round, last).map(({ code }) => code)

it('is quiet when all is well, and when nothing is known', () => {
  expect(codes(well)).toEqual([])
  expect(codes(unknown, null)).toEqual([])
})

/** What trips each alarm, and what comes near and does not. */
const cases: Readonly<Record<AlarmCode, { readonly trips: Partial<RoundSigns>; readonly near: Partial<RoundSigns>; readonly severity: string }>> = {
  'step0-loss': { severity: 'danger', trips: { training: { ...well.training!, firstLoss: 0.71 } }, near: { training: { ...well.training!, firstLoss: Math.LN2 + 5e-5 } } },
  'consistency-below-half': { severity: 'danger', trips: { consistency: 0.44 }, near: { consistency: 0.5 } },
  'reversed-share': { severity: 'warning', trips: { belowHalf: 0.35 }, near: { belowHalf: 0.29 } },
  collapse: { severity: 'danger', trips: { accuracy: { before: 0.7, after: 0.6, standardError: 0.02 } }, near: { accuracy: { before: 0.7, after: 0.67, standardError: 0.02 } } },
  'reward-saturated': { severity: 'warning', trips: { training: { ...well.training!, last: { ...tenth, accuracies: 0.99 } } }, near: { training: { ...well.training!, last: { ...tenth, accuracies: 0.95 } } } },
  'sides-converge': { severity: 'warning', trips: { likeness: 0.93 }, near: { likeness: 0.85, margin: 0.7 } },
  'length-bias': { severity: 'warning', trips: { longerChosen: { rate: 0.7, low: 0.64, high: 0.76, n: 400 } }, near: { longerChosen: { rate: 0.7, low: 0.55, high: 0.8, n: 20 } } },
  'length-drift': { severity: 'warning', trips: { meanTokens: 55 }, near: { meanTokens: 48 } },
  repetition: { severity: 'warning', trips: { speech: { ...well.speech!, after: { distinct2: 0.35, repeated4: 0.03 } } }, near: { speech: { ...well.speech!, after: { distinct2: 0.42, repeated4: 0.1 } } } },
  truncated: { severity: 'warning', trips: { truncated: 0.2 }, near: { truncated: 0.09 } },
  'logps-fall': { severity: 'info', trips: { training: { ...well.training!, last: { accuracies: 0.7, logpsChosen: -22, logpsRejected: -26 } } }, near: { training: { ...well.training!, last: { accuracies: 0.7, logpsChosen: -19, logpsRejected: -26 } } } },
}

describe.each(AlarmCode.options)('%s', (code) => {
  it('is tripped by what it looks for, alone, and not by what comes near', () => {
    const { trips, near, severity } = cases[code]
    const [found, ...others] = findAlarms({ ...well, ...trips }, before)
    expect(found).toMatchObject({ code, severity })
    expect(others).toEqual([])
    expect(found!.sentence).toMatch(/\.$/)
    expect(found!.evidence.figures.length).toBeGreaterThan(0)
    expect(codes({ ...well, ...near })).toEqual([])
  })
})

describe('the same alarms by their other ways', () => {
  it('knows a collapse by judges that agree more and are right less', () => {
    expect(codes({ ...well, agreement: 0.84, rewardAccuracy: 0.52 })).toEqual(['collapse'])
    expect(codes({ ...well, agreement: 0.3, rewardAccuracy: 0.52 })).toEqual([]) // they do not agree more
    expect(codes({ ...well, agreement: 0.84, rewardAccuracy: 0.66 })).toEqual([])
  })

  it('knows convergence by the margin, repetition by repeated 4-grams, drift also downwards', () => {
    expect(codes({ ...well, margin: 0.5 })).toEqual(['sides-converge'])
    expect(codes({ ...well, speech: { ...well.speech!, after: { distinct2: 0.5, repeated4: 0.2 } } })).toEqual(['repetition'])
    expect(codes({ ...well, meanTokens: 25 })).toEqual(['length-drift'])
    expect(codes({ ...well, meanTokens: 25, margin: 0.5 }, null)).toEqual([]) // nothing to compare with
  })

  it('puts the worst first', () => {
    expect(codes({ ...well, truncated: 0.5, consistency: 0.4, training: { ...well.training!, last: { accuracies: 0.7, logpsChosen: -30, logpsRejected: -40 } } })).toEqual(['consistency-below-half', 'truncated', 'logps-fall'])
  })
})
