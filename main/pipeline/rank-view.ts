/** Rank for people: the stored set's view, every prompt's row, and what another choice would change, with no forward pass. */
import { AppError } from '../../preload/contract/errors.ts'
import type { LabelView, RankChoice, RankPreview, RankView } from '../../preload/contract/requests/rank.ts'
import { quantitiesOf } from '../cream/judges.ts'
import { promptHeads } from '../store/browse.ts'
import type { Database } from '../store/database.ts'
import { setLabels, skipCounts } from '../store/ranked-prompts.ts'
import { type Iteration, iterationOf } from '../store/iterations.ts'
import { type RankingSet, currentSetOf } from '../store/rankings.ts'
import type { Run } from '../store/runs.ts'
import { type MeasuredPrompt, type RankingRule, measurePrompt, ruleOf, tallyPrompts, tallySet, viewAgreement } from './agreement.ts'
import { type JudgedPrompt, judgedPrompts, valuesBy } from './judged.ts'
import { type Outcome, type Outcomes, chooseOutcomes, labellingOf, reasonToStop, storedOutcomes, viewLabels } from './labels.ts'

/** An iteration as it was ranked. */
export interface RankedIteration {
  readonly set: RankingSet
  readonly rule: RankingRule
  readonly prompts: readonly MeasuredPrompt[]
  /** Null before the stage `pair` is done. */
  readonly outcomes: Outcomes | null
}

const measured = new WeakMap<readonly JudgedPrompt[], readonly MeasuredPrompt[]>()

/** Null before the stage `rank` is done. */
export function rankedIteration(db: Database, { id }: Iteration): RankedIteration | null {
  const set = currentSetOf(db, id)
  return set ? rankedBy(db, set) : null
}

/** @throws AppError 'bad-arguments' before the stage `rank` is done */
export function rankedNow(db: Database, iterationId: string): { iteration: Iteration; ranked: RankedIteration } {
  const iteration = iterationOf(db, iterationId)!
  return { iteration, ranked: rankedBy(db, rankedSet(db, iteration)) }
}

/** @throws AppError 'bad-arguments' before the stage `rank` is done */
export function rankedSet(db: Database, { id, t }: Iteration): RankingSet {
  const set = currentSetOf(db, id)
  if (!set) throw new AppError('bad-arguments', `Iteration ${t} is not ranked yet; carry the run on through its stage "rank".`)
  return set
}

/** An iteration as one of its sets ranks it, whichever counts now. */
export function rankedBy(db: Database, set: RankingSet): RankedIteration {
  const rule = ruleOf(set)
  const judged = judgedPrompts(db, set)
  let prompts = measured.get(judged)
  if (!prompts) measured.set(judged, (prompts = judged.map((prompt) => measurePrompt(prompt, rule))))
  return { set, rule, prompts, outcomes: storedOutcomes(db, set.id) }
}

/** Sums over the stored rows; no prompt is read. Null before the stage `rank` is done. */
export function viewRanks(db: Database, run: Run, { id: iterationId }: Iteration): RankView | null {
  const set = currentSetOf(db, iterationId)
  return set ? { iterationId, setId: set.id, agreement: viewAgreement(set, ruleOf(set), tallySet(db, set)), labels: storedLabels(db, run, set) } : null
}

function storedLabels(db: Database, { config: { method } }: Run, { id }: RankingSet): LabelView {
  const { labels, longerChosen } = setLabels(db, id)
  const skips = skipCounts(db, id)
  if (labels.length + skips.length === 0) return { method, pairs: null, skips: [], meanLabel: null, reversed: null, longerChosen: null }
  const share = (total: number): number | null => (labels.length === 0 ? null : total / labels.length)
  return {
    method, pairs: labels.length, skips,
    meanLabel: share(labels.reduce((sum, label) => sum + label, 0)),
    reversed: share(labels.filter((label) => label < 0.5).length),
    longerChosen: share(longerChosen),
  }
}

/** What another statistic, tolerance, rule or method would make of the stored scores. Reads only. */
export function previewRanks(db: Database, run: Run, iteration: Iteration, ranked: RankedIteration, choice: RankChoice): RankPreview {
  const { config } = run
  const rule = chosenRule(ranked.rule, iteration, choice)
  const prompts = rejudge(db, iteration, ranked, rule).map((prompt) => measurePrompt(prompt, rule))
  const method = choice.method ?? config.method
  const heads = promptHeads(db, run.id, iteration.t)
  const label = (chosen: readonly MeasuredPrompt[], of: RankingRule, settings: RankChoice) => reasonToStop(() => {
    const labelled = settings.method ?? config.method
    // Outside rewards make the pairs, whatever the judges say.
    if (labelled === 'oracle') return ranked.outcomes
    const base = labellingOf(config, labelled, of.tolReward)
    const { clamp = base.clamp, whenNull = base.whenNull, fixedConsistency = base.fixedConsistency } = settings
    return chooseOutcomes(heads, chosen, { ...base, clamp, whenNull, fixedConsistency })
  })
  const { value: outcomes, stopped } = label(prompts, rule, choice)
  const before = ranked.outcomes ?? label(ranked.prompts, ranked.rule, {}).value
  return { agreement: viewAgreement(ranked.set, rule, tallyPrompts(rule, prompts)), labels: viewLabels(db, iteration.id, method, outcomes), changes: compare(before, outcomes), stopped }
}

export function chosenRule(stored: RankingRule, { t }: Iteration, { statistic = stored.statistic, tieTolerance = 'stored', firstIterationRule }: RankChoice): RankingRule {
  const tolerances = tieTolerance === 'stored' ? {} : { tolCurrent: tieTolerance, tolPrevious: tieTolerance, tolReward: tieTolerance }
  if (t > 1 || firstIterationRule === undefined) return { ...stored, statistic, ...tolerances }
  const { current: currentMeasure, previous: previousMeasure } = quantitiesOf(t, firstIterationRule)
  return { ...stored, statistic, firstIterationRule, currentMeasure, previousMeasure, ...tolerances }
}

/** Another rule for iteration 1 lets the judges rank by other numbers. */
export function rejudge(db: Database, iteration: Iteration, { rule: stored, prompts }: RankedIteration, rule: RankingRule): readonly JudgedPrompt[] {
  if (rule.currentMeasure === stored.currentMeasure && rule.previousMeasure === stored.previousMeasure) return prompts
  const current = valuesBy(db, iteration.id, iteration.policyModelId, rule.currentMeasure)
  const previous = valuesBy(db, iteration.id, iteration.previousModelId!, rule.previousMeasure)
  return prompts.map((prompt) => ({ ...prompt, current: prompt.responses.map(({ id }) => current.get(id)!), previous: prompt.responses.map(({ id }) => previous.get(id)!) }))
}

/** C is compared to a billionth: the same mean summed in another order is the same. */
function compare(before: Outcomes | null, after: Outcomes | null): RankPreview['changes'] {
  const changes = { prompts: 0, gained: 0, lost: 0, otherSides: 0, otherLabel: 0 }
  for (const id of new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])) {
    const change = changeOf(before?.get(id), after?.get(id))
    if (!change) continue
    changes.prompts++
    changes[change]++
  }
  return changes
}

function changeOf(was: Outcome | undefined, is: Outcome | undefined): 'gained' | 'lost' | 'otherSides' | 'otherLabel' | null {
  if (was?.kind !== 'pair') return is?.kind === 'pair' ? 'gained' : null
  if (is?.kind !== 'pair') return 'lost'
  if (was.chosenId !== is.chosenId || was.rejectedId !== is.rejectedId) return 'otherSides'
  return Math.abs(was.label - is.label) > 1e-9 ? 'otherLabel' : null
}
