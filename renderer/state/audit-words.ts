/** What a spot-check's figures say, as sentences: findings for titles, and one line on how to read each figure. */
import { assertNever } from '../../preload/contract/errors.ts'
import type { AuditReport, Estimate, TrustReport } from '../../preload/contract/requests/audit-report.ts'
import type { AuditPreview, AuditProgress } from '../../preload/contract/requests/audit.ts'
import type { EffectView, GateDecision } from '../../preload/contract/requests/gate.ts'
import { counted, duration, interval, percent, share, whole } from './words.ts'

/** '.41 (.12 to .70)'; below three prompts there is no interval. */
export const tauInterval = ({ mean, low, high }: NonNullable<TrustReport['current']['tau']>): string => (low === null || high === null ? `${share(mean)} (too few for an interval)` : `${share(mean)} (${share(low)} to ${share(high)})`)

/** 'pace 9 s a pair · ~5 min left' */
export function paceOf({ judged, total, secondsPerPair }: AuditProgress, noun: string): string {
  if (secondsPerPair === null) return `pace after the first ${noun}`
  return `pace ${duration(secondsPerPair)} a ${noun} · ~${duration(secondsPerPair * (total - judged))} left`
}

/** Spoken every ten items and at the end; null between. */
export function milestoneOf({ judged, total }: AuditProgress): string | null {
  if (judged === total) return `All ${total} judged. Undo the last one, or close the spot-check to see what it found.`
  return judged > 0 && judged % 10 === 0 ? `${judged} of ${total} judged.` : null
}

/** What so many pairs can show at the gate, before the first of them is judged. */
export function planWords({ planned, population, clearable, fewest, rate, needed }: AuditPreview, line: number): string[] {
  const at = percent(line, 0)
  const words = [clearable >= line
    ? `If you agree with the judge on all ${whole(planned)}, they pass every line up to ${percent(clearable, 0)}.`
    : `${capital(counted(planned, 'pair'))} can never pass a line of ${at}: even if you agree on all, the interval reaches down to ${percent(clearable, 0)}.${fewest === null ? '' : ` It takes at least ${whole(fewest)}.`}`]
  if (rate === null) words.push('How many it really takes depends on how often you agree; that is known after the first spot-check.')
  else if (needed === null) words.push(`At the present rate (${percent(rate.agreement, 0)}, ${rate.from}) the line is met too closely for any number of pairs to tell.`)
  else words.push(`At the present rate (${percent(rate.agreement, 0)}, ${rate.from}) it needs about ${counted(needed, 'pair')} of the ${whole(population)} to say yes or no.`)
  return words
}

/** The finding of a closed session of pairs. */
export function reportTitle({ agreement, gate, outcomes }: AuditReport, judge: string, line: number): string {
  if (agreement === null) return `Nothing decided yet: ${counted(outcomes.tie, 'tie')}, ${counted(outcomes.skip, 'skip')}, ${counted(outcomes.flag, 'flag')}`
  return `People agree with ${judge} on ${interval(agreement)} of pairs: ${gate.state} at a line of ${percent(line, 0)}`
}

export function gateWords({ agreement, gate }: AuditReport, line: number): string {
  const at = percent(line, 0)
  if (agreement === null) return 'Ties, skips and flags say nothing about agreement. Audit more pairs to decide.'
  switch (gate.state) {
    case 'passed': return `Even the lower end of the interval, ${percent(agreement.low, 0)}, reaches your line of ${at}: the judge can be trusted this far. Train.`
    case 'failed': return `Even the upper end of the interval, ${percent(agreement.high, 0)}, is below your line of ${at}: most likely training would teach what people call wrong. Keep only pairs that hold, sample anew, or say why you train anyway.`
    case 'undecided': return `Your line of ${at} lies within the interval ${interval(agreement)}: these pairs cannot say. ${gate.more === null ? 'Every pair has been audited, so choose one of the ways below.' : `Audit about ${whole(gate.more)} more, if the rate holds.`}`
    default: return assertNever(gate)
  }
}

/** Ranking mode's finding. */
export function trustTitle({ current, previous, trusted, ordered }: TrustReport): string {
  if (ordered === 0) return 'No prompt was put in order yet'
  switch (trusted) {
    case 'current': return `People's order is nearer to ${current.model} than to ${previous.model}`
    case 'previous': return `People's order is nearer to ${previous.model} than to ${current.model}: the newer judge is not the better one`
    case 'undecided': return `${counted(ordered, 'prompt')} cannot say yet which judge people trust more, ${current.model} or ${previous.model}`
    default: return assertNever(trusted)
  }
}

export function decisionWords({ choice }: Pick<GateDecision, 'choice'>): string {
  switch (choice.kind) {
    case 'passed': return 'Passed'
    case 'keep-only': return `Keep only pairs with ${[choice.minConsistency !== undefined && `C ≥ ${share(choice.minConsistency)}`, choice.minMargin !== undefined && `margin ≥ ${choice.minMargin}`].filter(Boolean).join(' and ')}`
    case 'resample': return 'Sample new responses'
    case 'train-anyway': return `Train anyway: “${choice.reason}”`
    case 'skip': return 'Skipped; the model card says “not audited”'
    case 'not-audited': return 'No person was at the gate; the model card says “not audited”'
    default: return assertNever(choice)
  }
}

export const effectNames: Readonly<Record<keyof EffectView['counts'], string>> = {
  kept: 'kept, confirmed', swapped: 'swapped', 'dropped-tie': 'dropped: tie', 'dropped-flag': 'dropped: flagged', filtered: 'dropped: below your bounds', skipped: 'unchanged: skipped', 'not-audited': 'unchanged: not audited',
}

/** What each does, in a line. */
export const effectHints: Readonly<Record<keyof EffectView['counts'], string>> = {
  kept: 'You agreed: the label stays, with C = .95.',
  swapped: 'You disagreed: chosen and rejected change places, with C = .95.',
  'dropped-tie': 'Neither is better: nothing to learn from.',
  'dropped-flag': 'Something is wrong with the pair: not trained on.',
  filtered: 'C or margin is below the bounds chosen at the gate.',
  skipped: 'No answer: as the judge labelled it.',
  'not-audited': 'Nobody looked: as the judge labelled it.',
}

/** 'The mean C of training goes from .62 to .64.' */
export function effectWords({ meanBefore, meanAfter, labels }: EffectView): string {
  const trained = labels.judge + labels.person
  const c = meanBefore === null || meanAfter === null ? '' : ` Their mean C goes from ${share(meanBefore, 3)} to ${share(meanAfter, 3)}.`
  return `${capital(counted(trained, 'pair'))} to train on: ${whole(labels.judge)} as the judge labelled them, ${whole(labels.person)} as people did; ${whole(labels.dropped)} dropped.${c}`
}

export interface IntervalRow {
  readonly name: string
  readonly estimate: Estimate | null
  /** What it is held against: the gate's line, or what chance or no bias would give. */
  readonly reference: { readonly value: number; readonly name: string } | null
  /** How to read it, in a line. */
  readonly reading: string
}

export function intervalRows(report: AuditReport, judge: string, line: number): IntervalRow[] {
  const gate = { value: line, name: 'your line' }
  const half = { value: 0.5, name: 'no bias' }
  const longerPerson = report.longerWins.person
  return [
    { name: 'Agreement', estimate: report.agreement, reference: gate, reading: `Of all pairs, how often people would choose as ${judge} did; pairs drawn more often count less. The gate uses this one.` },
    { name: 'Random control', estimate: report.control, reference: gate, reading: 'The same, plainly counted over the pairs drawn at random. It should lie near the figure above; its interval is wider.' },
    { name: 'Self-agreement', estimate: report.selfAgreement, reference: null, reading: `Some pairs came twice, sides swapped: how often the answer was the same.${report.undecidedRepeats > 0 ? ` ${capital(counted(report.undecidedRepeats, 'repeat'))} had no decision.` : ''} Below 80 %, the criterion may be unclear.` },
    { name: 'Side A chosen', estimate: report.firstSide, reference: half, reading: 'Sides are drawn by lot, so an interval that leaves out 50 % is a habit of the annotator.' },
    { name: 'Longer wins: people', estimate: longerPerson, reference: half, reading: 'Of pairs that differ in length, how often people chose the longer one.' },
    { name: `Longer wins: ${judge}`, estimate: report.longerWins.judge, reference: longerPerson && { value: longerPerson.rate, name: 'people' }, reading: `The same for ${judge}. Far above people: it rewards length.` },
  ]
}

export function kappaWords(kappa: number | null): string {
  if (kappa === null) return 'Not measurable: too few decisions, or all on one side.'
  const strength = kappa < 0 ? 'less than chance would give' : kappa < 0.2 ? 'hardly more than chance' : kappa < 0.4 ? 'fair' : kappa < 0.6 ? 'moderate' : kappa < 0.8 ? 'substantial' : 'almost complete'
  return `Agreement beyond chance: ${strength}. 0 = as by chance, 1 = complete.`
}

/** Finding of the reliability diagram: where C claims more than people confirm. */
export function reliabilityTitle(bins: AuditReport['reliability']): string {
  if (bins.length === 0) return 'C cannot be held against people yet: nothing was decided'
  const [tooHigh, tooLow] = [bins.filter(({ meanConsistency, agreement }) => agreement.high < meanConsistency), bins.filter(({ meanConsistency, agreement }) => agreement.low > meanConsistency)]
  if (tooHigh.length > 0) return `C claims more than people confirm in ${tooHigh.length} of ${counted(bins.length, 'bin')}`
  if (tooLow.length > 0) return `People confirm more than C claims in ${tooLow.length} of ${counted(bins.length, 'bin')}`
  return `C fits what people say, as far as ${counted(bins.reduce((sum, { agreement }) => sum + agreement.n, 0), 'decision')} can tell`
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
