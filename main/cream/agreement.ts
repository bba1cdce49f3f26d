/** What a person's verdict says about the judge's choice, and how often the two agree. */
import { AppError, assertNever } from '../../preload/contract/errors.ts'
import type { AuditPlan } from './audit-plan.ts'
import { type Proportion, proportionOf, weightedProportion } from './proportion.ts'
import type { Side } from './showings.ts'
import type { AuditPair } from './strata.ts'

/** The person's key: a side, neither, "I cannot say", or "this pair is broken". */
export type Choice = Side | 'tie' | 'skip' | 'flag'
export type Outcome = 'agree' | 'disagree' | 'tie' | 'skip' | 'flag'

export function outcomeOf(choice: Choice, chosenSide: Side): Outcome {
  switch (choice) {
    case 'a':
    case 'b':
      return choice === chosenSide ? 'agree' : 'disagree'
    case 'tie':
    case 'skip':
    case 'flag':
      return choice
    default:
      return assertNever(choice)
  }
}

/** The verdict that stands (not undone) on one showing of the plan. */
export interface ShowingVerdict {
  /** Index into the plan's showings. */
  readonly showing: number
  readonly choice: Choice
  /** From painted to judged. */
  readonly elapsedMs: number
}

/** One judged showing with what the judge said of its pair. */
export interface Observation {
  readonly showing: number
  readonly pair: AuditPair
  readonly repeat: boolean
  readonly chosenSide: Side
  readonly choice: Choice
  readonly outcome: Outcome
  readonly elapsedMs: number
  readonly control: boolean
  /** 1 / π_i. */
  readonly weight: number
  /** π_i × the share of the plan that was answered: of pairs like this one, how many are known. */
  readonly observed: number
}

/**
 * Joins verdicts to their pairs, in the order of the showings. A session may have been left early: showings come in random
 * order, so all π_i shrink by the same factor, which a ratio does not feel. (Of an extension left early this holds nearly.)
 * @throws AppError('internal') on a showing that the plan has not, or that has two verdicts
 */
export function observe(plan: AuditPlan, pairs: readonly AuditPair[], verdicts: readonly ShowingVerdict[]): Observation[] {
  const pairOf = new Map(pairs.map((pair) => [pair.id, pair]))
  const plannedOf = new Map(plan.pairs.map((planned) => [planned.pairId, planned]))
  const verdictOf = new Map(verdicts.map((verdict) => [verdict.showing, verdict]))
  if (verdictOf.size < verdicts.length) throw new AppError('internal', 'A showing of the audit has two verdicts that stand.')
  const answered = verdicts.filter(({ showing, choice }) => choice !== 'skip' && plan.showings[showing]?.repeat === false).length
  return [...verdictOf.values()]
    .sort((a, b) => a.showing - b.showing)
    .map(({ showing, choice, elapsedMs }) => {
      const shown = plan.showings[showing]
      const planned = shown && plannedOf.get(shown.pairId)
      const pair = shown && pairOf.get(shown.pairId)
      if (!shown || !planned || !pair) throw new AppError('internal', `Verdict on showing ${showing}, which is none of the audit's ${plan.showings.length}.`)
      const { repeat, chosenSide } = shown
      const { control, inclusion } = planned
      const observed = (inclusion * answered) / plan.pairs.length
      return { showing, pair, repeat, chosenSide, choice, outcome: outcomeOf(choice, chosenSide), elapsedMs, control, weight: 1 / inclusion, observed }
    })
}

/** A first showing on which the person chose a side. */
export type Decision = Observation & { readonly repeat: false; readonly choice: Side; readonly outcome: 'agree' | 'disagree' }

/** What agreement rests on: ties, skips, flags and hidden repeats stand apart. */
export function decisionsOf(observations: readonly Observation[]): Decision[] {
  return observations.filter((one): one is Decision => !one.repeat && (one.outcome === 'agree' || one.outcome === 'disagree'))
}

/** agree / (agree + disagree) over all pairs, from first showings weighted by 1/π (Hájek). Null without a decision. */
export function weightedAgreement(decisions: readonly Decision[]): Proportion | null {
  return weightedShare(decisions, ({ outcome }) => outcome === 'agree')
}

/** The same share in the random control, plain: what the weighted figure is to be believed against. */
export function controlAgreement(decisions: readonly Decision[]): Proportion | null {
  return proportionOf(decisions.filter(({ control }) => control).map(({ outcome }) => outcome === 'agree'))
}

/** Share of the population's decided pairs of which `isSo` holds. */
export function weightedShare(decisions: readonly Decision[], isSo: (decision: Decision) => boolean): Proportion | null {
  return weightedProportion(decisions.map((decision) => ({ success: isSo(decision), weight: decision.weight, observed: decision.observed })))
}
