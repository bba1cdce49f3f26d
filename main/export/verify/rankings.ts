/** Both judges' rankings of every prompt, their agreement, C, its mean and its chance band: from scores, by the method's own functions. */
import { chanceBand, chanceOf } from '../../cream/chance.ts'
import { agreement, consistencyOf, meanConsistency } from '../../cream/consistency.ts'
import { judgesOf, quantitiesOf } from '../../cream/judges.ts'
import { distinctResponses } from '../../cream/pairs.ts'
import { isFlipped, ranking } from '../../cream/rankings.ts'
import { rankingSetId } from '../../store/ids.ts'
import { type Evidence, expectRow, expectSame, refuseRow, type Settled } from './evidence.ts'
import type { RowOf } from './rows.ts'
import type { Samples } from './samples.ts'
import { inTurns } from './turns.ts'

/** One prompt's distinct responses as both judges value them; all lists are aligned. */
export interface Judged {
  readonly promptId: string
  readonly responses: readonly RowOf<'responses'>[]
  readonly current: readonly number[]
  readonly previous: readonly number[]
  /** r_θt, in nats. */
  readonly rewards: readonly number[]
  readonly consistency: number | null
  readonly flipped: boolean
}

/** An iteration with the set that counts in it. */
export interface Ranked {
  readonly iteration: Settled
  readonly set: RowOf<'ranking-sets'>
  /** By prompt id. */
  readonly judged: ReadonlyMap<string, Judged>
}

/** @throws Differs */
export async function checkRankings(evidence: Evidence, iterations: readonly Settled[], samples: ReadonlyMap<string, Samples>): Promise<Ranked[]> {
  const ranked: Ranked[] = []
  for (const iteration of iterations) if (iteration.setId !== null) ranked.push(await rank(evidence, iteration, samples.get(iteration.id)!))
  const sets = new Map(ranked.map(({ set, judged }) => [set.id, judged]))
  for (const { id } of evidence.rows['ranking-sets'].values()) if (!sets.has(id)) expectRow(evidence, 'ranking-sets', id, undefined)
  for (const [key, { setId, promptId }] of evidence.rows.rankings) if (!sets.get(setId)?.has(promptId)) expectRow(evidence, 'rankings', key, undefined)
  for (const [key, { setId, promptId }] of evidence.rows.consistencies) if (!sets.get(setId)?.has(promptId)) expectRow(evidence, 'consistencies', key, undefined)
  return ranked
}

async function rank(evidence: Evidence, iteration: Settled, samples: Samples): Promise<Ranked> {
  const set = evidence.rows['ranking-sets'].get(iteration.setId!)
  if (!set || iteration.t === 0) refuseRow('iterations', iteration.id, 'setId', iteration.setId, 'no ranking set of the bundle')
  const { statistic, currentTolerance: tolCurrent, previousTolerance: tolPrevious } = set
  checkRule(set, iteration)
  const judged = new Map<string, Judged>()
  const [consistencies, chances] = [[] as (number | null)[], [] as ReturnType<typeof chanceOf>[]]
  for await (const [promptId, responses] of inTurns(samples)) {
    const distinct = distinctResponses(responses.map((response) => ({ ...response, text: response.textSha256 }))) // equal hashes are equal texts
    const scored = distinct.map(({ response: { id } }) => {
      const under = (modelId: string) => evidence.rows.scores.get(`${id} ${modelId}`)!
      return { id, policy: under(iteration.policyModelId), previous: under(iteration.previousModelId!), base: under(iteration.baseModelId) }
    })
    const judges = judgesOf(scored, iteration.t, iteration.config.consistency.firstIterationRule)
    const [current, previous] = [[...judges.current.values.values()], [...judges.previous.values.values()]]
    const rankOf = (values: readonly number[], tolerance: number) => ranking(new Map(scored.map(({ id }, i) => [id, values[i]!])), tolerance)
    const [j, k] = [rankOf(current, tolCurrent), rankOf(previous, tolPrevious)]
    for (const [judge, values, { places }] of [['current', current, j], ['previous', previous, k]] as const) {
      const rewards = distinct.map(({ response: { id: responseId }, count }, i) => ({ responseId, reward: values[i]!, count }))
      expectRow(evidence, 'rankings', `${set.id} ${promptId} ${judge}`, { setId: set.id, promptId, judge, rewards, ordering: places.map(({ id }) => id) })
    }
    const { value, reason, tiesCurrent, tiesPrevious } = agreement(statistic, current, previous, { tolCurrent, tolPrevious })
    const consistency = value === null ? null : consistencyOf(value)
    expectRow(evidence, 'consistencies', `${set.id} ${promptId}`, { setId: set.id, promptId, agreement: value, consistency, nullReason: reason, currentTies: tiesCurrent, previousTies: tiesPrevious })
    consistencies.push(consistency)
    chances.push(chanceOf(statistic, current, previous, { tolCurrent, tolPrevious }))
    judged.set(promptId, { promptId, responses: distinct.map(({ response: { id } }) => evidence.rows.responses.get(id)!), current, previous, rewards: [...judges.rewards.values()], consistency, flipped: isFlipped(j, k) })
  }
  const band = chanceBand(chances)
  expectSame('ranking-sets', set.id, { mean: set.meanConsistency, chance: set.chance }, { mean: meanConsistency(consistencies), chance: band ? { ...band } : {} })
  return { iteration, set, judged }
}

/** The set says of itself what the settings say. */
function checkRule(set: RowOf<'ranking-sets'>, { t, config, policyModelId, previousModelId }: Settled): void {
  const { statistic, firstIterationRule, tieTolerance } = config.consistency
  const { current: currentMeasure, previous: previousMeasure } = quantitiesOf(t, firstIterationRule)
  const tolerance = tieTolerance === 'measured' ? {} : { currentTolerance: tieTolerance, previousTolerance: tieTolerance, rewardTolerance: tieTolerance }
  const own = rankingSetId(set.iterationId, Number(set.id.slice(set.iterationId.length + 4)))
  expectSame('ranking-sets', set.id, set, { ...set, id: own, statistic, firstIterationRule: t === 1 ? firstIterationRule : null, currentModelId: policyModelId, currentMeasure, previousModelId: previousModelId!, previousMeasure, ...tolerance })
}
