/** Implicit DPO rewards (CREAM §3; METHOD §1), their accuracy against known answers, and their re-score noise. */
import { AppError } from '../../preload/contract/errors.ts'

/** What one model says of one completion: the sum of its token log-probabilities in nats, and that sum per token. */
export interface Score {
  readonly logps: number
  readonly meanLogps: number
}

/** r_θ(y|x) = log π_θ(y|x) − log π_θ0(y|x), in nats. β and log Z(x) drop out of a ranking. */
export function implicitReward(logps: number, baseLogps: number): number {
  return logps - baseLogps
}

/**
 * The rewards of one prompt's responses, keyed by response id, in the order of `policyScores`.
 * Throws when a response has no base score.
 */
export function rewardsOf<Id>(policyScores: ReadonlyMap<Id, Score>, baseScores: ReadonlyMap<Id, Score>): Map<Id, number> {
  const rewards = new Map<Id, number>()
  for (const [id, policy] of policyScores) {
    const base = baseScores.get(id)
    if (!base) throw new AppError('internal', `Response ${String(id)} has a policy score but no score under the base model; score it under both.`)
    rewards.set(id, implicitReward(policy.logps, base.logps))
  }
  return rewards
}

/** Refuses NaN and ±∞: neither can be ranked, and both mean that a model or a score is broken. `whose` names the list. */
export function requireFinite(values: readonly number[], whose: string): void {
  const at = values.findIndex((value) => !Number.isFinite(value))
  if (at < 0) return
  throw new AppError(
    'method-stopped',
    `${whose}: value ${at + 1} of ${values.length} is ${values[at]}, which cannot be ranked. ` +
      'The weights or the scores are broken: check that training did not diverge, then score these responses again.',
  )
}

export interface RewardAccuracy {
  /** P(r of a correct > r of a wrong response to the same prompt), ties count ½; null without such a pair. */
  readonly accuracy: number | null
  /** Correct–wrong pairs, over all prompts. */
  readonly pairs: number
  /** Those of them whose rewards tie. */
  readonly ties: number
  /** Prompts with at least one such pair. */
  readonly prompts: number
}

export interface JudgedPrompt {
  readonly rewards: readonly number[]
  /** `correct[i]` belongs to `rewards[i]`. */
  readonly correct: readonly boolean[]
}

/** Reward accuracy of one prompt, in [0, 1]: [2, 1, 0] with [right, wrong, right] → ½. Null when all are right or all are wrong. */
export function rewardAccuracy(rewards: readonly number[], correct: readonly boolean[], tolerance = 0): number | null {
  return pooledRewardAccuracy([{ rewards, correct }], tolerance).accuracy
}

/** Reward accuracy over many prompts: every correct–wrong pair within a prompt weighs the same. */
export function pooledRewardAccuracy(judged: readonly JudgedPrompt[], tolerance = 0): RewardAccuracy {
  let wins = 0
  let pairs = 0
  let ties = 0
  let prompts = 0
  for (const { rewards, correct } of judged) {
    requireSameLength(rewards, correct)
    requireFinite(rewards, 'Rewards to be compared with the answers')
    const right = rewards.filter((_, i) => correct[i])
    const wrong = rewards.filter((_, i) => !correct[i])
    for (const r of right) {
      for (const w of wrong) {
        if (Math.abs(r - w) <= tolerance) ties++
        else if (r > w) wins++
      }
    }
    pairs += right.length * wrong.length
    if (right.length > 0 && wrong.length > 0) prompts++
  }
  return { accuracy: pairs === 0 ? null : (wins + ties / 2) / pairs, pairs, ties, prompts }
}

/**
 * The tie tolerance of one judge: the largest |difference| between two scorings of the same responses (`again[i]` is
 * `first[i]` scored once more). Pass the numbers the judge ranks by, so that the tolerance is in that judge's unit.
 */
export function measuredTolerance(first: readonly number[], again: readonly number[]): number {
  requireSameLength(first, again)
  if (first.length === 0) throw new AppError('internal', 'The re-score noise was asked for without a single re-scored response.')
  requireFinite(first, 'Scores')
  requireFinite(again, 'Scores of the second pass')
  return first.reduce((largest, value, i) => Math.max(largest, Math.abs(value - again[i]!)), 0)
}

/**
 * Stops a run whose policy still is its base: all rewards within `tolerance` of 0 rank nothing (METHOD §3, "skipping SFT").
 * `rewards` are the log-ratios of every prompt's responses, in nats.
 */
export function requireMovedPolicy(rewards: readonly (readonly number[])[], tolerance: number): void {
  if (rewards.some((list) => list.some((reward) => !(Math.abs(reward) <= tolerance)))) return
  throw new AppError(
    'method-stopped',
    `Every reward is 0 within the tolerance of ${tolerance}: the policy gives the same log-probabilities as the base model, so nothing can be ranked. ` +
      'Run SFT first, name another folder as the base model, or let an oracle judge.',
  )
}

export function requireSameLength(a: readonly unknown[], b: readonly unknown[]): void {
  if (a.length !== b.length) throw new AppError('internal', `Two lists about the same responses have ${a.length} and ${b.length} entries.`)
}
