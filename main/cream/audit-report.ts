/** The figures at a session's close. None may be shown before it: a figure that moves after a key tells the judge's choice. */
import { controlAgreement, type Decision, decisionsOf, type Observation, observe, type Outcome, type ShowingVerdict, weightedAgreement, weightedShare } from './agreement.ts'
import type { AuditPlan } from './audit-plan.ts'
import { cohenKappa } from './kappa.ts'
import { type Proportion, proportionOf } from './proportion.ts'
import { type ReliabilityBin, reliabilityDiagram } from './reliability.ts'
import { type JudgedPrompt, pooledRewardAccuracy, type RewardAccuracy } from './rewards.ts'
import { otherSide, type Side } from './showings.ts'
import type { AuditPair } from './strata.ts'

/** Judged faster than anyone reads. */
export const hastyMs = 500

export interface AuditReport {
  readonly population: number
  readonly planned: number
  /** First showings by what came of them. */
  readonly outcomes: Readonly<Record<Outcome, number>>
  /** Over all pairs: agree / (agree + disagree), weighted by 1/π. Null without a decision, as all below. */
  readonly agreement: Proportion | null
  /** The random control's plain figure. */
  readonly control: Proportion | null
  /** Judge against person on the displayed sides, weighted as the agreement. */
  readonly kappa: number | null
  /** How often the person chose the side shown first: a figure about this session, unweighted; ½ without bias. */
  readonly firstSide: Proportion | null
  /** How often the longer response won, of pairs that differ in length: under the person and under the judge, weighted. */
  readonly longerWins: { readonly person: Proportion | null; readonly judge: Proportion | null }
  /** Same response preferred on the hidden repeat, of repeats decided both times. */
  readonly selfAgreement: Proportion | null
  /** Repeats of which at least one showing was not decided. */
  readonly undecidedRepeats: number
  /** Verdicts under 500 ms, repeats included. */
  readonly hasty: number
  readonly reliability: readonly ReliabilityBin[]
  /** Rewards against known answers over all prompts that have one, audited or not; null without such a prompt. */
  readonly rewardAccuracy: RewardAccuracy | null
}

/** `verdicts` are those that stand; `gold` holds every prompt with a known answer, rewards by r_θt. */
export function reportAudit(plan: AuditPlan, pairs: readonly AuditPair[], verdicts: readonly ShowingVerdict[], gold: readonly JudgedPrompt[] = []): AuditReport {
  const observations = observe(plan, pairs, verdicts)
  const decisions = decisionsOf(observations)
  const uneven = decisions.filter(({ pair }) => pair.chosenLength !== pair.rejectedLength)
  return {
    population: plan.population,
    planned: plan.pairs.length,
    outcomes: countOutcomes(observations),
    agreement: weightedAgreement(decisions),
    control: controlAgreement(decisions),
    kappa: cohenKappa(decisions.map(({ choice, chosenSide, weight }) => ({ judge: chosenSide, person: choice, weight }))),
    firstSide: proportionOf(decisions.map(({ choice }) => choice === 'a')),
    longerWins: {
      person: weightedShare(uneven, (decision) => longerSide(decision) === decision.choice),
      judge: weightedShare(uneven, (decision) => longerSide(decision) === decision.chosenSide),
    },
    ...selfAgreementOf(observations),
    hasty: observations.filter(({ elapsedMs }) => elapsedMs < hastyMs).length,
    reliability: reliabilityDiagram(decisions),
    rewardAccuracy: gold.length === 0 ? null : pooledRewardAccuracy(gold),
  }
}

function countOutcomes(observations: readonly Observation[]): Record<Outcome, number> {
  const counts = { agree: 0, disagree: 0, tie: 0, skip: 0, flag: 0 }
  for (const { outcome, repeat } of observations) if (!repeat) counts[outcome]++
  return counts
}

function longerSide({ pair, chosenSide }: Decision): Side {
  return pair.chosenLength > pair.rejectedLength ? chosenSide : otherSide(chosenSide)
}

function selfAgreementOf(observations: readonly Observation[]): Pick<AuditReport, 'selfAgreement' | 'undecidedRepeats'> {
  const isDecided = ({ outcome }: Observation): boolean => outcome === 'agree' || outcome === 'disagree'
  const firsts = new Map(observations.filter(({ repeat }) => !repeat).map((one) => [one.pair.id, one]))
  const both = observations.flatMap((again) => {
    const first = again.repeat ? firsts.get(again.pair.id) : undefined
    return first ? [{ first, again }] : []
  })
  const decided = both.filter(({ first, again }) => isDecided(first) && isDecided(again))
  return {
    selfAgreement: proportionOf(decided.map(({ first, again }) => first.outcome === again.outcome)),
    undecidedRepeats: both.length - decided.length,
  }
}
