/**
 * What may be going wrong in a round (METHOD §8), each from figures that are stored anyway. Every rule is a pure function
 * of what is known so far: null where it does not know enough, or where all is well.
 */
import type { Alarm } from '../../preload/contract/requests/alarm.ts'
import type { Share } from './bias.ts'

/** One round M_t → M_{t+1}; null = not known (yet). */
export interface RoundSigns {
  readonly t: number
  /** Responses of M_t: the share that ended by length, and their mean tokens. */
  readonly truncated: number | null
  readonly meanTokens: number | null
  /** Between the judges: C, the share of prompts with C < .5, and the mean statistic. */
  readonly consistency: number | null
  readonly belowHalf: number | null
  readonly agreement: number | null
  /** P(r of a right response > r of a wrong one). */
  readonly rewardAccuracy: number | null
  readonly longerChosen: Share | null
  /** Mean r(chosen) − r(rejected) in nats, and the mean likeness of the two texts (Jaccard over words). */
  readonly margin: number | null
  readonly likeness: number | null
  /** Held-out accuracy of M_t and M_{t+1}, with the standard error of their difference. */
  readonly accuracy: { readonly before: number; readonly after: number; readonly standardError: number } | null
  /** Of what M_t and M_{t+1} say to the same questions: distinct 2-grams, and repeated 4-grams. */
  readonly speech: { readonly before: Speech; readonly after: Speech } | null
  readonly training: TrainingSigns | null
}

export interface Speech {
  readonly distinct2: number
  readonly repeated4: number
}

/** Means over the first and the last tenth of the steps; `firstLoss` is step 1's own. */
export interface TrainingSigns {
  readonly firstLoss: number
  readonly first: Tenth
  readonly last: Tenth
}
export interface Tenth {
  readonly accuracies: number
  readonly logpsChosen: number
  readonly logpsRejected: number
}

/** An alarm without the iteration's id. */
export type Finding = Omit<Alarm, 'iterationId' | 't'>
type Rule = (round: RoundSigns, before: RoundSigns | null) => Finding | null

/** Where a figure turns from ordinary to worth a look. */
export const limits = {
  /** A GPU adds in another order. */
  step0: 1e-4,
  /** Shares of prompts whose C is below ½. */
  reversed: 0.3,
  /** rewards/accuracies above this leave next to no gradient. */
  saturated: 0.98,
  truncated: 0.1,
  /** The whole interval of the longer-chosen rate lies above. */
  longer: 0.6,
  /** Tokens relative to the round before, either way. */
  drift: 1.3,
  /** distinct-2 relative to before, and repeated 4-grams as a share more than before. */
  distinct: 0.8,
  repeated: 0.1,
  /** Likeness of chosen and rejected, and the margin relative to the round before. */
  alike: 0.9,
  margin: 0.5,
  /** nats, mean per pair */
  fall: 1,
} as const

/** Every finding of a round, worst first. `before` is the round that made its policy, if there is one. */
export function findAlarms(round: RoundSigns, before: RoundSigns | null): Finding[] {
  const order: readonly Alarm['severity'][] = ['danger', 'warning', 'info']
  return rules.flatMap((rule) => rule(round, before) ?? []).sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`
const figure = (name: string, value: number, unit: Finding['evidence']['figures'][number]['unit']) => ({ name, value, unit })

export const stepZero: Rule = ({ training }) => {
  if (!training || Math.abs(training.firstLoss - Math.LN2) <= limits.step0) return null
  return {
    code: 'step0-loss', severity: 'danger',
    sentence: `The first loss is ${training.firstLoss.toFixed(4)}, not ln 2 = ${Math.LN2.toFixed(4)}: the reference is not the model that is trained. Do not use this round's model; score and train the round again.`,
    evidence: { step: 'train', anchor: 'curve-loss', figures: [figure('loss at step 1', training.firstLoss, 'nats'), figure('ln 2', Math.LN2, 'nats')] },
  }
}

export const lowConsistency: Rule = ({ consistency }) => {
  if (consistency === null || consistency >= 0.5) return null
  return {
    code: 'consistency-below-half', severity: 'danger',
    sentence: `The judges agree less than two unrelated ones would (C = ${consistency.toFixed(2)} < .5), so unclamped training runs towards the reversed preference. Check the rule of the first iteration and the SFT, clamp C to [.5, 1], or do not train this round.`,
    evidence: { step: 'rank', anchor: 'consistency', figures: [figure('C', consistency, 'C')] },
  }
}

export const reversedShare: Rule = ({ belowHalf, consistency }) => {
  if (belowHalf === null || consistency === null || consistency < 0.5 || belowHalf < limits.reversed) return null
  return {
    code: 'reversed-share', severity: 'warning',
    sentence: `${percent(belowHalf)} of the prompts have C < .5: with C per prompt and no clamp these pairs train the reversed preference. Clamp C to [.5, 1], or use the mean C.`,
    evidence: { step: 'rank', anchor: 'consistency', figures: [figure('prompts with C < .5', belowHalf, 'share'), figure('C', consistency, 'C')] },
  }
}

/** Consistency is agreement, not accuracy: judges may come to agree on what is wrong. */
export const collapse: Rule = (round, before) => {
  const rises = before !== null && before.agreement !== null && round.agreement !== null && round.agreement > before.agreement
  const { accuracy } = round
  const falls = accuracy !== null && accuracy.after - accuracy.before < -2 * accuracy.standardError
  const judgesWorse = rises && before.rewardAccuracy !== null && round.rewardAccuracy !== null && round.rewardAccuracy < before.rewardAccuracy && round.rewardAccuracy < 0.55
  if (!falls && !judgesWorse) return null
  const figures = [
    ...(accuracy ? [figure(`accuracy of M${round.t}`, accuracy.before, 'share'), figure(`accuracy of M${round.t + 1}`, accuracy.after, 'share')] : []),
    ...(rises ? [figure('agreement before', before.agreement!, 'tau'), figure('agreement now', round.agreement!, 'tau')] : []),
    ...(round.rewardAccuracy === null ? [] : [figure('reward accuracy', round.rewardAccuracy, 'share')]),
  ]
  const what = falls
    ? `Held-out accuracy fell from ${percent(accuracy.before)} to ${percent(accuracy.after)}${rises ? ' while the judges agree more' : ''}`
    : `The judges agree more, but prefer right over wrong answers in only ${percent(round.rewardAccuracy!)} of the pairs`
  return {
    code: 'collapse', severity: 'danger',
    sentence: `${what}: agreement is not accuracy. Go on from M${round.t}, lower the DPO learning rate, or let people audit more pairs.`,
    evidence: { step: 'evaluate', anchor: 'accuracy', figures },
  }
}

export const saturated: Rule = ({ training }) => {
  if (!training || training.last.accuracies < limits.saturated || training.first.accuracies >= limits.saturated) return null
  return {
    code: 'reward-saturated', severity: 'warning',
    sentence: `The model tells ${percent(training.last.accuracies)} of the training pairs apart: there is little left to learn from them and more steps over-fit. Fewer epochs, a lower learning rate, or new responses help.`,
    evidence: { step: 'train', anchor: 'curve-rewards', figures: [figure('rewards/accuracies, last tenth', training.last.accuracies, 'share')] },
  }
}

export const converging: Rule = ({ likeness, margin }, before) => {
  const alike = likeness !== null && likeness >= limits.alike
  const shrunk = margin !== null && before !== null && before.margin !== null && margin < limits.margin * before.margin
  if (!alike && !shrunk) return null
  const why = [...(alike ? [`chosen and rejected share ${percent(likeness)} of their words`] : []), ...(shrunk ? [`the margin fell from ${before.margin!.toFixed(2)} to ${margin.toFixed(2)} nats`] : [])].join(', and ')
  return {
    code: 'sides-converge', severity: 'warning',
    sentence: `The two sides of the pairs become alike: ${why}. Sample at a higher temperature, or stop here: another round has little to prefer.`,
    evidence: { step: 'rank', anchor: 'summary', figures: [...(likeness === null ? [] : [figure('words in common', likeness, 'share')]), ...(margin === null ? [] : [figure('mean margin', margin, 'nats')])] },
  }
}

export const lengthBias: Rule = ({ longerChosen }) => {
  if (!longerChosen || longerChosen.low <= limits.longer) return null
  return {
    code: 'length-bias', severity: 'warning',
    sentence: `The longer response is chosen in ${percent(longerChosen.rate)} of the pairs (at least ${percent(longerChosen.low)}): the judge may reward length. Look at the bias panel, and audit pairs in which the shorter one lost.`,
    evidence: { step: 'rank', anchor: 'bias-length', figures: [figure('longer chosen', longerChosen.rate, 'share'), figure('lower bound', longerChosen.low, 'share')] },
  }
}

export const lengthDrift: Rule = ({ meanTokens, t }, before) => {
  if (meanTokens === null || !before?.meanTokens) return null
  const ratio = meanTokens / before.meanTokens
  if (ratio < limits.drift && ratio > 1 / limits.drift) return null
  return {
    code: 'length-drift', severity: 'warning',
    sentence: `Responses ${ratio > 1 ? 'grow' : 'shrink'}: M${t} answers in ${meanTokens.toFixed(0)} tokens on average, M${t - 1} in ${before.meanTokens.toFixed(0)}. Compare answers side by side before the next round.`,
    evidence: { step: 'sample', anchor: 'summary', figures: [figure(`tokens of M${t - 1}`, before.meanTokens, 'tokens'), figure(`tokens of M${t}`, meanTokens, 'tokens')] },
  }
}

export const repetition: Rule = ({ speech, t }) => {
  if (!speech) return null
  const { before, after } = speech
  const poorer = after.distinct2 < limits.distinct * before.distinct2
  const repeats = after.repeated4 > before.repeated4 + limits.repeated
  if (!poorer && !repeats) return null
  return {
    code: 'repetition', severity: 'warning',
    sentence: `M${t + 1} repeats itself more than M${t}: ${repeats ? `${percent(after.repeated4)} of its 4-grams are repeats (before ${percent(before.repeated4)})` : `distinct-2 fell from ${before.distinct2.toFixed(2)} to ${after.distinct2.toFixed(2)}`}. Lower the DPO learning rate, or raise β.`,
    evidence: {
      step: 'evaluate', anchor: 'bias-repetition',
      figures: [figure('distinct-2 before', before.distinct2, 'share'), figure('distinct-2 after', after.distinct2, 'share'), figure('repeated 4-grams before', before.repeated4, 'share'), figure('repeated 4-grams after', after.repeated4, 'share')],
    },
  }
}

export const truncation: Rule = ({ truncated, t }) => {
  if (truncated === null || truncated < limits.truncated) return null
  return {
    code: 'truncated', severity: 'warning',
    sentence: `${percent(truncated)} of M${t}'s responses ended by length, not by themselves; such a response is half an answer, and may not be chosen. Allow more new tokens, or tune on data that ends.`,
    evidence: { step: 'sample', anchor: 'summary', figures: [figure('ended by length', truncated, 'share')] },
  }
}

export const fallingLogps: Rule = ({ training }) => {
  if (!training) return null
  const { first, last } = training
  const [chosen, rejected] = [last.logpsChosen - first.logpsChosen, last.logpsRejected - first.logpsRejected]
  if (chosen > -limits.fall || rejected > -limits.fall) return null
  return {
    code: 'logps-fall', severity: 'info',
    sentence: `The log-probabilities of chosen (${chosen.toFixed(1)} nats) and rejected (${rejected.toFixed(1)} nats) fall together. That is normal in DPO: only their difference is trained${rejected < chosen ? ', and it grows' : '; it does not grow here, so look at the margins'}.`,
    evidence: { step: 'train', anchor: 'curve-logps', figures: [figure('logps/chosen, change', chosen, 'nats'), figure('logps/rejected, change', rejected, 'nats')] },
  }
}

const rules: readonly Rule[] = [stepZero, lowConsistency, reversedShare, collapse, saturated, converging, lengthBias, lengthDrift, repetition, truncation, fallingLogps]
