/** The pair of every prompt with its C, or the reason why there is none (METHOD §2e, g). */
import { labelConsistencies } from '../../cream/labels.ts'
import { choosePair } from '../../cream/pairs.ts'
import { type Evidence, expectRow, expectSame, type Settled } from './evidence.ts'
import type { Judged, Ranked } from './rankings.ts'
import type { RowOf } from './rows.ts'
import { inTurns } from './turns.ts'

/** A set's pairs by prompt; null before they are chosen. */
export type Pairs = ReadonlyMap<string, RowOf<'pairs'>> | null

/** @returns by set id @throws Differs */
export async function checkPairs(evidence: Evidence, ranked: readonly Ranked[]): Promise<Map<string, Pairs>> {
  checkOutsideRewards(evidence, ranked)
  const chosen = new Map<string, Pairs>()
  for (const one of ranked) chosen.set(one.set.id, await pairsOf(evidence, one))
  for (const name of ['pairs', 'skips'] as const) {
    for (const [key, { setId, promptId }] of evidence.rows[name]) if (!chosen.get(setId) || !evidence.rows.prompts.has(promptId)) expectRow(evidence, name, key, undefined)
  }
  return chosen
}

async function pairsOf(evidence: Evidence, { iteration, set: { id: setId, rewardTolerance }, judged }: Ranked): Promise<Pairs> {
  const { rows } = evidence
  const { method, consistency, fixedConsistency, pairs: { chooseTruncated } } = iteration.config
  const isMade = [...rows.pairs.values(), ...rows.skips.values()].some((row) => row.setId === setId)
  if (!isMade && iteration.producedModelId === null && ![...rows.gates.values()].some((gate) => gate.setId === setId)) return null

  const prompts = [...judged.values()]
  const { consistencies } = labelConsistencies(method, new Map(prompts.map((one) => [one.promptId, one.consistency])), { ...consistency, fixedConsistency })
  const noneEnded = prompts.every(({ responses }) => responses.every(({ finishReason }) => finishReason === 'length'))
  const options = { tolerance: method === 'oracle' ? 0 : rewardTolerance, chooseTruncated: chooseTruncated || noneEnded }
  const pairs = new Map<string, RowOf<'pairs'>>()
  for await (const { id: promptId, share, skipReason } of inTurns(rows.prompts.values())) {
    const one = judged.get(promptId)
    if (!one && (skipReason === null || share !== shareOf(evidence, iteration))) continue
    const outcome = one ? outcomeOf(evidence, one, method === 'oracle', consistencies.get(promptId) ?? null, options) : ({ reason: 'prompt-too-long' } as const)
    const key = `${setId} ${promptId}`
    const pair = 'reason' in outcome ? undefined : { setId, promptId, ...outcome }
    expectRow(evidence, 'skips', key, 'reason' in outcome ? { setId, promptId, reason: outcome.reason } : undefined)
    expectRow(evidence, 'pairs', key, pair)
    if (pair) pairs.set(promptId, pair)
  }
  for (const name of ['pairs', 'skips'] as const) {
    for (const [key, row] of rows[name]) if (row.setId === setId && !judged.has(row.promptId) && rows.prompts.get(row.promptId)?.share !== shareOf(evidence, iteration)) expectRow(evidence, name, key, undefined)
  }
  return new Map([...pairs].sort(([a], [b]) => (a < b ? -1 : 1)))
}

const most = new WeakMap<Evidence, number>()

/** Rounds beyond the planned ones go through the shares again. */
function shareOf(evidence: Evidence, { t }: Settled): number {
  let shares = most.get(evidence)
  if (shares === undefined) most.set(evidence, (shares = [...evidence.rows.prompts.values()].reduce((top, { share }) => Math.max(top, share), 1)))
  return 1 + ((t - 1) % shares)
}

function outcomeOf({ rows }: Evidence, { responses, rewards }: Judged, isOracle: boolean, label: number | null, options: Parameters<typeof choosePair>[1]) {
  const rewarded = responses.map(({ id, finishReason }, i) => ({ id, text: id, finishReason, reward: isOracle ? (rows['outside-rewards'].get(id)?.reward ?? null) : rewards[i]! }))
  const outcome = choosePair(rewarded, options)
  if (outcome.kind === 'skip') return { reason: outcome.reason }
  if (label === null) return { reason: 'no-consistency' as const }
  return { chosenId: outcome.chosen.id, rejectedId: outcome.rejected.id, margin: outcome.margin, consistency: label }
}

/** Rewards by the known answers follow from them; those from a file come from outside. */
function checkOutsideRewards(evidence: Evidence, ranked: readonly Ranked[]): void {
  const { rows } = evidence
  const oracles = new Map(ranked.filter(({ iteration }) => iteration.config.method === 'oracle').map(({ iteration }) => [iteration.samplesId, iteration.config.oracle]))
  for (const [key, { responseId, reward, source }] of rows['outside-rewards']) {
    const response = rows.responses.get(responseId)
    const oracle = response && oracles.get(response.iterationId)
    if (!oracle) expectRow(evidence, 'outside-rewards', key, undefined)
    const sign = oracle!.negate ? -1 : 1
    const value = oracle!.rewards !== 'answers' ? reward : response!.isCorrect === null ? null : sign * Number(response!.isCorrect)
    expectSame('outside-rewards', key, { source, reward }, { source: oracle!.negate ? `${oracle!.rewards} (negated)` : oracle!.rewards, reward: value })
  }
}
