/** What verdicts do to the labels that training uses (PRODUCT, step 6, "Effect"). */
import type { Method } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { type Choice, type Outcome, outcomeOf } from './agreement.ts'
import { type LabelOptions, labelConsistencies } from './labels.ts'

export interface JudgedPair {
  /** The prompt's id. */
  readonly id: string
  readonly chosenId: string
  readonly rejectedId: string
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
}

export interface AuditedLabel extends JudgedPair {
  /** The C it trains with. */
  readonly consistency: number
  readonly source: 'judge' | 'person'
}

export type Effect = 'kept' | 'swapped' | 'dropped-tie' | 'dropped-flag' | 'skipped' | 'not-audited'

export interface AuditedLabels {
  /** In the order of the pairs, without the dropped ones. */
  readonly labels: readonly AuditedLabel[]
  /** What the verdicts do to each pair, by its id. */
  readonly effects: ReadonlyMap<string, Effect>
  /** How many pairs each effect meets: the preview. */
  readonly counts: Readonly<Record<Effect, number>>
  /** Mean measured C of the judge's rows, those that no person labelled or dropped; null when none has one. */
  readonly meanConsistency: number | null
}

/**
 * agree: kept at C = 1 − ε_h; disagree: swapped at C = 1 − ε_h; tie, flag: dropped; skip: as without a verdict. The others
 * keep the judge's label by `method`, whose mean C comes from the judge's rows alone. `measured` is C by prompt id, of every
 * ranked prompt. Throws AppError('method-stopped') where labelConsistencies does, for the rows that are left to it.
 */
export function applyVerdicts(
  pairs: readonly JudgedPair[],
  verdicts: readonly PersonVerdict[],
  judge: { readonly method: Method; readonly measured: ReadonlyMap<string, number | null>; readonly options: LabelOptions },
  { humanError = 0.05, measureOnly = false }: EffectOptions = {},
): AuditedLabels {
  if (!(humanError >= 0 && humanError < 0.5)) throw new AppError('bad-arguments', `A person's error of ${humanError} cannot be used; give a number from 0 to below 0.5.`)
  const byPrompt = Map.groupBy(measureOnly ? [] : verdicts, ({ pairId }) => pairId)
  const effects = new Map(pairs.map((pair) => [pair.id, effectOn(pair, byPrompt.get(pair.id) ?? [])]))
  const isJudges = (id: string): boolean => ['skipped', 'not-audited', undefined].includes(effects.get(id))
  const judgesRows = new Map([...judge.measured].filter(([id]) => isJudges(id)))
  const judged = pairs.some(({ id }) => isJudges(id)) ? labelConsistencies(judge.method, judgesRows, judge.options) : null

  const person = { source: 'person', consistency: 1 - humanError } as const
  const labels = pairs.flatMap((pair): AuditedLabel[] => {
    switch (effects.get(pair.id)!) {
      case 'kept':
        return [{ ...pair, ...person }]
      case 'swapped':
        return [{ ...pair, chosenId: pair.rejectedId, rejectedId: pair.chosenId, ...person }]
      case 'dropped-tie':
      case 'dropped-flag':
        return []
      case 'skipped':
      case 'not-audited': {
        const consistency = judged!.consistencies.get(pair.id)
        if (typeof consistency !== 'number') throw new AppError('internal', `The pair of prompt ${pair.id} has no consistency to train with.`)
        return [{ ...pair, consistency, source: 'judge' }]
      }
    }
  })
  return { labels, effects, counts: countEffects(effects), meanConsistency: judged?.meanConsistency ?? null }
}

/**
 * One effect of all that people said of this pair (hidden repeats, other annotators): a flag drops it; otherwise more
 * agreeing than disagreeing verdicts keep it, fewer swap it, equally many (or ties alone) drop it. Verdicts on other
 * responses to the prompt do not count.
 */
function effectOn(pair: JudgedPair, verdicts: readonly PersonVerdict[]): Effect {
  const outcomes = verdicts.flatMap((verdict) => outcomeOn(pair, verdict) ?? [])
  if (outcomes.length === 0) return 'not-audited'
  if (outcomes.includes('flag')) return 'dropped-flag'
  if (outcomes.every((outcome) => outcome === 'skip')) return 'skipped'
  const lead = outcomes.reduce((sum, outcome) => sum + Number(outcome === 'agree') - Number(outcome === 'disagree'), 0)
  return lead > 0 ? 'kept' : lead < 0 ? 'swapped' : 'dropped-tie'
}

function outcomeOn({ chosenId, rejectedId }: JudgedPair, { responseAId, responseBId, choice }: PersonVerdict): Outcome | null {
  if (responseAId === chosenId && responseBId === rejectedId) return outcomeOf(choice, 'a')
  if (responseAId === rejectedId && responseBId === chosenId) return outcomeOf(choice, 'b')
  return null
}

function countEffects(effects: ReadonlyMap<string, Effect>): Record<Effect, number> {
  const counts: Record<Effect, number> = { kept: 0, swapped: 0, 'dropped-tie': 0, 'dropped-flag': 0, skipped: 0, 'not-audited': 0 }
  for (const effect of effects.values()) counts[effect]++
  return counts
}
