/**
 * Which pairs a person looks at (METHOD §2f). Two draws without replacement: a control, a simple random sample of all pairs;
 * then strata are topped up from what the control left, in proportion and to one each at least. Their sizes depend on the
 * control only through how many of its pairs fell into each. So, given these counts, the union is in every stratum a simple random sample of n_h of N_h pairs,
 * and π_i = n_h / N_h is exact for the union. (Averaged over controls E[1{i drawn} / π_i] = 1 for every pair.)
 */
import { AppError } from '../../preload/contract/errors.ts'
import { compareIds } from './rankings.ts'
import { arrangeShowings, type Showing } from './showings.ts'
import { type Random, shuffled } from './shuffle.ts'
import { allocate, type AuditPair, type Stratum, stratify } from './strata.ts'

export interface AuditOptions {
  /** Different pairs to judge; all of them when there are fewer. Hidden repeats come on top. */
  readonly size: number
  /** Share of them drawn from all pairs alike. */
  readonly controlShare?: number
  readonly repeatShare?: number
  /** Other pairs between a pair and its repeat, at least. */
  readonly repeatGap?: number
  /** Keyed by the audit's seed. */
  readonly random: Random
}

const defaults = { controlShare: 0.3, repeatShare: 0.1, repeatGap: 5 }

export interface PlannedPair {
  readonly pairId: string
  readonly stratum: number
  /** In the random control too? */
  readonly control: boolean
  /** π_i in (0, 1], for the union of both draws. */
  readonly inclusion: number
}

export interface AuditPlan {
  /** All pairs it stands for. */
  readonly population: number
  /** How many strata were asked for: with the pairs it gives the strata again. */
  readonly strataLimit: number
  readonly pairs: readonly PlannedPair[]
  readonly showings: readonly Showing[]
}

const streams = { control: 11, strata: 12, showings: 13 }

/** @throws AppError('bad-arguments') without pairs, or when a size or share is out of range */
export function planAudit(pairs: readonly AuditPair[], options: AuditOptions): AuditPlan {
  const { size, controlShare } = checked(pairs, options)
  // Two draws a stratum on average: one would leave no room for the larger ones.
  const strataLimit = Math.max(1, Math.floor((size - Math.round(controlShare * size)) / 2))
  return extend({ population: pairs.length, strataLimit, pairs: [], showings: [] }, pairs, options)
}

/**
 * The same audit with `options.size` further pairs ("audit about k more"): the strata stay, control and strata grow by the
 * same rules, π is that of the whole, and the old showings keep their places.
 * @throws AppError('internal') when `pairs` are not the plan's
 */
export function extendAudit(plan: AuditPlan, pairs: readonly AuditPair[], options: AuditOptions): AuditPlan {
  const known = new Set(pairs.map(({ id }) => id))
  if (pairs.length !== plan.population || plan.pairs.some(({ pairId }) => !known.has(pairId))) {
    throw new AppError('internal', 'An audit can only be extended over the pairs it was planned for.')
  }
  return extend(plan, pairs, options)
}

function extend(plan: AuditPlan, pairs: readonly AuditPair[], options: AuditOptions): AuditPlan {
  const { size, controlShare, repeatShare, repeatGap } = checked(pairs, options)
  const { random } = options
  const round = plan.showings.length // 0 at first: keeps the draws of an extension apart
  const ordered = inOrder(pairs)
  const strata = strataOf(plan, pairs)

  const before = new Set(plan.pairs.map(({ pairId }) => pairId))
  const control = new Set(plan.pairs.filter((pair) => pair.control).map(({ pairId }) => pairId))
  const more = Math.min(size, pairs.length - before.size)
  // A simple random sample of the pairs outside the control, added to the control, is a larger simple random sample.
  const candidates = ordered.filter(({ id }) => !control.has(id))
  for (const { id } of shuffled(candidates, random, streams.control, round).slice(0, Math.round(controlShare * more))) control.add(id)

  const isDrawn = ({ id }: AuditPair): boolean => before.has(id) || control.has(id)
  const sizes = allocate(
    strata.map((stratum) => ({ population: stratum.length, atLeast: Math.max(1, stratum.filter(isDrawn).length) })),
    before.size + more,
  )
  const planned = strata.flatMap((stratum, h) =>
    fillUp(stratum, isDrawn, sizes[h]!, random, streams.strata, round, h).map(
      ({ id }): PlannedPair => ({ pairId: id, stratum: h, control: control.has(id), inclusion: sizes[h]! / stratum.length }),
    ),
  )
  const fresh = planned.map(({ pairId }) => pairId).filter((id) => !before.has(id))
  const showings = arrangeShowings(fresh, { repeatShare, repeatGap }, random, streams.showings, round)
  return { ...plan, pairs: planned, showings: [...plan.showings, ...showings] }
}

/** The strata that the plan's `stratum` counts, from the pairs it was made of. */
export function strataOf({ strataLimit }: Pick<AuditPlan, 'strataLimit'>, pairs: readonly AuditPair[]): Stratum[] {
  return stratify(inOrder(pairs), strataLimit)
}

const inOrder = (pairs: readonly AuditPair[]): AuditPair[] => pairs.toSorted((a, b) => compareIds(a.id, b.id))

/** The stratum's drawn pairs and a simple random sample of its others, `size` in all. */
function fillUp(stratum: Stratum, isDrawn: (pair: AuditPair) => boolean, size: number, random: Random, ...key: readonly number[]): AuditPair[] {
  const drawn = stratum.filter(isDrawn)
  const others = stratum.filter((pair) => !isDrawn(pair))
  return [...drawn, ...shuffled(others, random, ...key).slice(0, size - drawn.length)]
}

function checked(pairs: readonly AuditPair[], options: AuditOptions): Required<AuditOptions> {
  const full = { ...defaults, ...options }
  const { size, controlShare, repeatShare, repeatGap } = full
  if (pairs.length === 0) throw new AppError('bad-arguments', 'There is no pair to audit: every prompt of this iteration was skipped. See the reasons in Rank, or sample again.')
  if (!Number.isInteger(size) || size < 1) throw new AppError('bad-arguments', `An audit of ${size} pairs cannot be planned; ask for a whole number from 1 on.`)
  for (const [name, share] of Object.entries({ 'random control': controlShare, 'hidden repeats': repeatShare })) {
    if (!(share >= 0 && share <= 1)) throw new AppError('bad-arguments', `The share of the ${name} is ${share}; give a number from 0 to 1.`)
  }
  if (!Number.isInteger(repeatGap) || repeatGap < 0) throw new AppError('bad-arguments', `A repeat cannot come ${repeatGap} pairs later; give a whole number from 0 on.`)
  if (new Set(pairs.map(({ id }) => id)).size < pairs.length) throw new AppError('internal', 'Two pairs of an audit have the same id.')
  return { ...full, size: Math.min(size, pairs.length) }
}
