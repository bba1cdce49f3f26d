/** What else than quality a judge may reward: length, place, and what "pick the longer" would get as a judge. */
import { agreement } from './consistency.ts'
import { type Interval, proportionOf, wilson } from './proportion.ts'
import { compareRewards } from './rankings.ts'

/** One prompt's distinct responses under both judges, and the pair they made; all lists are aligned. */
export interface BiasedPrompt {
  readonly responses: readonly {
    /** Place at which it was sampled, from 0. */
    readonly position: number
    readonly tokens: number
    readonly isCorrect: boolean | null
  }[]
  /** r under the policy, and what the previous judge ranks by. */
  readonly rewards: readonly number[]
  readonly previous: readonly number[]
  /** Places in `responses`; null where the prompt was skipped. */
  readonly chosen: number | null
  readonly rejected: number | null
}

export interface Share extends Interval {
  readonly rate: number
  /** What the interval rests on. */
  readonly n: number
}

/** Of the pairs whose sides differ in tokens, those whose chosen side is the longer: one a prompt, so a plain Wilson interval. */
export function longerChosen(prompts: readonly BiasedPrompt[]): Share | null {
  const found = proportionOf(sidesOf(prompts).filter(([chosen, rejected]) => chosen.tokens !== rejected.tokens).map(([chosen, rejected]) => chosen.tokens > rejected.tokens))
  return found && { rate: found.rate, low: found.low, high: found.high, n: found.n }
}

/** Chosen and rejected response of every pair. */
export function sidesOf(prompts: readonly BiasedPrompt[]): [BiasedPrompt['responses'][number], BiasedPrompt['responses'][number]][] {
  return prompts.flatMap(({ responses, chosen, rejected }) => (chosen === null || rejected === null ? [] : [[responses[chosen]!, responses[rejected]!]]))
}

/** Mean over prompts of Spearman's ρ of a judge's values with the responses' tokens; prompts where either is constant do not count. */
export function lengthCorrelation(prompts: readonly BiasedPrompt[], judge: 'rewards' | 'previous'): number | null {
  const known = prompts.flatMap((prompt) => agreement('spearman', prompt[judge], prompt.responses.map(({ tokens }) => tokens)).value ?? [])
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length
}

export interface PositionCounts {
  readonly chosen: readonly number[]
  readonly rejected: readonly number[]
  /** Prompts with a pair whose response at this place is a text of its own. */
  readonly distinct: readonly number[]
  readonly pValue: number | null
}

/** How often each sampling place was chosen. Without bias a pair picks any of its k distinct responses with probability 1/k. */
export function positionCounts(prompts: readonly BiasedPrompt[], places: number): PositionCounts {
  const zeros = (): number[] => Array<number>(places).fill(0)
  const [chosen, rejected, distinct, expected] = [zeros(), zeros(), zeros(), zeros()]
  for (const prompt of prompts) {
    if (prompt.chosen === null || prompt.rejected === null) continue
    chosen[prompt.responses[prompt.chosen]!.position]!++
    rejected[prompt.responses[prompt.rejected]!.position]!++
    for (const { position } of prompt.responses) {
      distinct[position]!++
      expected[position]! += 1 / prompt.responses.length
    }
  }
  const used = expected.flatMap((value, i) => (value > 0 ? [{ value, seen: chosen[i]! }] : []))
  const statistic = used.reduce((sum, { value, seen }) => sum + (seen - value) ** 2 / value, 0)
  return { chosen, rejected, distinct, pValue: used.length < 2 ? null : chiSquareTail(statistic, used.length - 1) }
}

type Judge = (prompt: BiasedPrompt) => readonly (number | null)[]

/**
 * How often two judges agree on which of two responses to one prompt is better, over pairs that both tell apart. Pairs of
 * one prompt are not independent: the interval is Wilson's at the number of prompts.
 */
export function pairwiseAgreement(prompts: readonly BiasedPrompt[], first: Judge, second: Judge): Share | null {
  let [agree, pairs, counted] = [0, 0, 0]
  for (const prompt of prompts) {
    const [a, b] = [first(prompt), second(prompt)]
    const before = pairs
    for (let i = 0; i < a.length; i++) {
      for (let j = i + 1; j < a.length; j++) {
        const [x, y] = [orderOf(a[i]!, a[j]!), orderOf(b[i]!, b[j]!)]
        if (x === 0 || y === 0) continue
        pairs++
        if (x === y) agree++
      }
    }
    if (pairs > before) counted++
  }
  return pairs === 0 ? null : { rate: agree / pairs, ...wilson(agree / pairs, counted), n: counted }
}

const orderOf = (a: number | null, b: number | null): number => (a === null || b === null ? 0 : compareRewards(a, b, 0))

export const byLength: Judge = ({ responses }) => responses.map(({ tokens }) => tokens)
export const byReward: Judge = ({ rewards }) => rewards
export const byPrevious: Judge = ({ previous }) => previous
export const byAnswer: Judge = ({ responses }) => responses.map(({ isCorrect }) => (isCorrect === null ? null : Number(isCorrect)))

/** P(χ²_df ≥ x) = Q(df/2, x/2), the upper regularised incomplete gamma function (series and continued fraction, Numerical Recipes §6.2). */
export function chiSquareTail(x: number, df: number): number {
  const [a, z] = [df / 2, x / 2]
  if (z <= 0) return 1
  const scale = Math.exp(-z + a * Math.log(z) - logGamma(a))
  if (z < a + 1) {
    let term = 1 / a
    let sum = term
    for (let n = 1; term > sum * 1e-16; n++) sum += term *= z / (a + n)
    return Math.max(0, 1 - sum * scale)
  }
  let b = z + 1 - a
  let c = 1e300
  let d = 1 / b
  let h = d
  for (let i = 1; i < 1000; i++) {
    const an = -i * (i - a)
    b += 2
    d = 1 / (an * d + b)
    c = b + an / c
    h *= d * c
    if (Math.abs(d * c - 1) < 1e-15) break
  }
  return Math.min(1, scale * h)
}

/** log Γ(a) for a = ½, 1, 1½ …: exact products up from Γ(½) = √π and Γ(1) = 1. */
function logGamma(a: number): number {
  let log = a % 1 === 0 ? 0 : Math.log(Math.PI) / 2
  for (let x = a % 1 === 0 ? 1 : 0.5; x < a; x++) log += Math.log(x)
  return log
}
