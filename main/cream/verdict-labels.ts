/** What verdicts do to the labels that training uses (PRODUCT, step 6, "Effect"). */
import type { Method } from '../../preload/contract/domain.ts'
import { AppError, assertNever } from '../../preload/contract/errors.ts'
import { type Choice, type Outcome, outcomeOf } from './agreement.ts'
import { type LabelOptions, labelConsistencies } from './labels.ts'

export interface JudgedPair {
  /** The prompt's id. */
  readonly id: string
  readonly chosenId: string
  readonly rejectedId: string
  /** Reward of chosen − of rejected. */
  readonly margin: number
}

/** A verdict that stands, on two responses: it holds in every branch that pairs them, whichever of them is chosen there. */
export interface PersonVerdict {
  /** The prompt's id. */
  readonly pairId: string
  readonly responseAId: string
  readonly responseBId: string
  readonly choice: Choice
}

export interface EffectOptions {
  /** ε_h: how often a person's label is taken to be wrong, in [0, .5). */
  readonly humanError?: number
  /** Verdicts are measured and change nothing. */
  readonly measureOnly?: boolean
  /** Which pairs may keep the judge's label, by C and margin; a person's label stays whatever they are. */
  readonly keep?: Bounds
}

/** Both hold where both are given; a pair without a C has none that reaches a bound. */
export interface Bounds {
  readonly minConsistency?: number | undefined
  readonly minMargin?: number | undefined
}

/** `margin` null: a prompt without a pair, which only the bound on C concerns. */
export function isWithin({ minConsistency, minMargin }: Bounds, { consistency, margin }: { readonly consistency: number | null; readonly margin: number | null }): boolean {
  if (minConsistency !== undefined && (consistency === null || consistency < minConsistency)) return false
  return minMargin === undefined || margin === null || margin >= minMargin
}

export interface AuditedLabel extends Omit<JudgedPair, 'margin'> {
  /** The C it trains with. */
  readonly consistency: number
  readonly source: 'judge' | 'person'
}

export type Effect = 'kept' | 'swapped' | 'dropped-tie' | 'dropped-flag' | 'filtered' | 'skipped' | 'not-audited'

export interface AuditedLabels {
  /** In the order of the pairs, without the dropped ones. */
  readonly labels: readonly AuditedLabel[]
  /** What the verdicts do to each pair, by its id. */
  readonly effects: ReadonlyMap<string, Effect>
  /** How many pairs each effect meets: the preview. */
  readonly counts: Readonly<Record<Effect, number>>
  /** Mean measured C of the judge's rows, those that no person labelled or dropped and no bound filtered; null when none has one. */
  readonly meanConsistency: number | null
}

/**
 * agree: kept at C = 1 − ε_h; disagree: swapped at C = 1 − ε_h; tie, flag: dropped; skip: as without a verdict. The others
 * keep the judge's label by `method`, whose mean C comes from the judge's rows alone, or are filtered by `keep`. `measured`
 * is C by prompt id, of every ranked prompt; verdicts come in the order given. Throws AppError('method-stopped') where
 * labelConsistencies does, for the rows that are left to it.
 */
export function applyVerdicts(
  pairs: readonly JudgedPair[],
  verdicts: readonly PersonVerdict[],
  judge: { readonly method: Method; readonly measured: ReadonlyMap<string, number | null>; readonly options: LabelOptions },
  { humanError = 0.05, measureOnly = false, keep = {} }: EffectOptions = {},
): AuditedLabels {
  if (!(humanError >= 0 && humanError < 0.5)) throw new AppError('bad-arguments', `A person's error of ${humanError} cannot be used; give a number from 0 to below 0.5.`)
  const effects = effectsOn(pairs, verdicts, judge.measured, { measureOnly, keep })
  // A prompt without a pair counts towards the mean as well, where the bound on C lets it.
  const judgesRows = new Map([...judge.measured].filter(([id, consistency]) => (effects.has(id) ? isJudges(effects.get(id)!) : isWithin(keep, { consistency, margin: null }))))
  const judged = [...effects.values()].some(isJudges) ? labelConsistencies(judge.method, judgesRows, judge.options) : null

  const person = { source: 'person', consistency: 1 - humanError } as const
  const labels = pairs.flatMap(({ id, chosenId, rejectedId }): AuditedLabel[] => {
    switch (effects.get(id)!) {
      case 'kept':
        return [{ id, chosenId, rejectedId, ...person }]
      case 'swapped':
        return [{ id, chosenId: rejectedId, rejectedId: chosenId, ...person }]
      case 'dropped-tie':
      case 'dropped-flag':
      case 'filtered':
        return []
      case 'skipped':
      case 'not-audited': {
        const consistency = judged!.consistencies.get(id)
        if (typeof consistency !== 'number') throw new AppError('internal', `The pair of prompt ${id} has no consistency to train with.`)
        return [{ id, chosenId, rejectedId, consistency, source: 'judge' }]
      }
    }
  })
  return { labels, effects, counts: countEffects(effects), meanConsistency: judged?.meanConsistency ?? null }
}

/** What becomes of each pair, by its id: verdicts and bounds alone, whatever the method. */
export function effectsOn(
  pairs: readonly JudgedPair[],
  verdicts: readonly PersonVerdict[],
  measured: ReadonlyMap<string, number | null>,
  { measureOnly = false, keep = {} }: Omit<EffectOptions, 'humanError'> = {},
): ReadonlyMap<string, Effect> {
  const byPrompt = Map.groupBy(measureOnly ? [] : verdicts, ({ pairId }) => pairId)
  return new Map(pairs.map((pair): [string, Effect] => {
    const effect = effectOn(pair, byPrompt.get(pair.id) ?? [])
    const isFiltered = isJudges(effect) && !isWithin(keep, { consistency: measured.get(pair.id) ?? null, margin: pair.margin })
    return [pair.id, isFiltered ? 'filtered' : effect]
  }))
}

const isJudges = (effect: Effect): boolean => effect === 'skipped' || effect === 'not-audited'

/**
 * The newest verdict on exactly these two responses counts, hidden repeats and other annotators included; a skip says
 * nothing, so what was said before it stands.
 */
function effectOn(pair: JudgedPair, verdicts: readonly PersonVerdict[]): Effect {
  const outcomes = verdicts.flatMap((verdict) => outcomeOn(pair, verdict) ?? [])
  const last = outcomes.findLast((outcome) => outcome !== 'skip')
  switch (last) {
    case undefined:
      return outcomes.length === 0 ? 'not-audited' : 'skipped'
    case 'agree':
      return 'kept'
    case 'disagree':
      return 'swapped'
    case 'tie':
      return 'dropped-tie'
    case 'flag':
      return 'dropped-flag'
    default:
      return assertNever(last)
  }
}

function outcomeOn({ chosenId, rejectedId }: JudgedPair, { responseAId, responseBId, choice }: PersonVerdict): Outcome | null {
  if (responseAId === chosenId && responseBId === rejectedId) return outcomeOf(choice, 'a')
  if (responseAId === rejectedId && responseBId === chosenId) return outcomeOf(choice, 'b')
  return null
}

export function countEffects(effects: ReadonlyMap<string, Effect>): Record<Effect, number> {
  const counts: Record<Effect, number> = { kept: 0, swapped: 0, 'dropped-tie': 0, 'dropped-flag': 0, filtered: 0, skipped: 0, 'not-audited': 0 }
  for (const effect of effects.values()) counts[effect]++
  return counts
}
