/** What became of a prompt and its responses, as rows to read: rankings as lines over judges, pairs, labels, steps, verdicts. */
import type { PromptHistoryView } from '../../../preload/contract/requests/history.ts'
import type { IterationView } from '../../../preload/contract/requests/run.ts'
import type { RankedLine } from '../../charts/Bump.svelte'
import { countSwaps, letterOf } from '../../charts/ranks.ts'
import { nullTerms, skipTerms } from '../../state/terms.ts'
import { counted, percent, share, whole } from '../../state/words.ts'

type Ranking = PromptHistoryView['rankings'][number]
type Response = PromptHistoryView['responses'][number]
type Pair = PromptHistoryView['pairs'][number]

/** Names of an iteration's distinct responses: A is the current judge's best, as in Rank. Repeats go by the text they repeat. */
export function lettersOf({ rankings, responses }: Pick<PromptHistoryView, 'rankings' | 'responses'>): ReadonlyMap<string, string> {
  const letters = new Map<string, string>()
  for (const { responseIds, judges } of rankings) {
    const ranks = (judges.find(({ role }) => role === 'current') ?? judges.at(-1))?.ranks
    const order = responseIds.map((id, i) => ({ id, rank: ranks?.[i] ?? 0 })).sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1))
    order.forEach(({ id }, i) => letters.set(id, letterOf(i)))
  }
  for (const { responseId, repeats } of responses) if (repeats !== null && letters.has(repeats)) letters.set(responseId, letters.get(repeats)!)
  return letters
}

/** "M1", or with its measure where one model ranks by both. */
export function judgeNames({ judges }: Pick<Ranking, 'judges'>): string[] {
  return judges.map(({ model, measure }) => (judges.filter((other) => other.model === model).length > 1 ? `${model}, ${measure === 'mean-logps' ? 'mean' : 'reward'}` : model))
}

/** " C compares M2 (before) and M3 (current)." */
export function judgesWords({ judges }: Pick<Ranking, 'judges'>): string {
  const names = judgeNames({ judges })
  const [previous, current] = (['previous', 'current'] as const).map((role) => names[judges.findIndex((judge) => judge.role === role)])
  return previous && current ? ` C compares ${previous} (the judge before) and ${current} (the current one).` : ''
}

/** The pair that stands in an iteration: of its newest ranking. */
export const pairOf = ({ pairs }: Pick<PromptHistoryView, 'pairs'>, iterationId: string): Pair | undefined => pairs.findLast((pair) => pair.iterationId === iterationId)

export function linesOf(view: PromptHistoryView, ranking: Ranking, letters: ReadonlyMap<string, string>): RankedLine[] {
  const pair = pairOf(view, ranking.iterationId)
  const texts = new Map(view.responses.map(({ responseId, text }) => [responseId, text]))
  const lines = ranking.responseIds.map((id, i): RankedLine => ({
    id, label: letters.get(id) ?? '?', ranks: ranking.judges.map(({ ranks }) => ranks[i] ?? null), text: texts.get(id) ?? '',
    mark: id === pair?.chosenId ? 'chosen' : id === pair?.rejectedId ? 'rejected' : null,
  }))
  return lines.sort((a, b) => a.label.length - b.label.length || (a.label < b.label ? -1 : 1))
}

/** The finding of a bump chart: who is put first, and how much turns round on the way. */
export function bumpTitle(lines: readonly RankedLine[], judges: readonly string[]): string {
  if (judges.length < 2) return judges.length === 0 ? 'No model has scored these responses yet' : `Only ${judges[0]} has ranked these responses so far`
  const firsts = judges.map((_, j) => lines.filter(({ ranks }) => ranks[j] === Math.min(...lines.flatMap((line) => line.ranks[j] ?? []))))
  const votes = lines.map(({ label }, i) => ({ label, votes: firsts.filter((best) => best.includes(lines[i]!)).length }))
  const top = votes.reduce<(typeof votes)[number] | null>((best, one) => (best === null || one.votes > best.votes ? one : best), null)
  if (top === null) return 'There is nothing to rank'
  const swaps = judges.slice(1).map((_, j) => countSwaps(lines.map(({ ranks }) => ranks[j] ?? null), lines.map(({ ranks }) => ranks[j + 1] ?? null)).swaps)
  const turned = swaps.reduce((sum, one) => sum + one, 0)
  const most = swaps.indexOf(Math.max(...swaps))
  const first = top.votes === judges.length ? `All ${judges.length} judges put ${top.label} first` : `${top.votes} of ${judges.length} judges put ${top.label} first`
  return turned === 0 ? `${first}; no two of them disagree about any order` : `${first}; most orders turn round between ${judges[most]} and ${judges[most + 1]}`
}

/** "Iteration 1, M1 → M2·b". */
export const iterationName = (iterationId: string, iterations: readonly IterationView[]): string => {
  const found = iterations.find((one) => one.iterationId === iterationId)
  return found ? `Iteration ${found.t}, ${found.policy} → ${found.makes}` : iterationId
}

export interface FateRow {
  readonly key: string
  readonly iteration: string
  /** C with its statistic, or why there is none. */
  readonly consistency: string
  readonly isFlipped: boolean
  /** "A over C, margin 0.41 nats", or why there is no pair. */
  readonly became: string
  /** Who labelled it, and what it trains with. */
  readonly label: string
  readonly steps: string
  readonly isSuperseded: boolean
}

/** One row a ranking and iteration: the newest of an iteration stands, those before it were replaced. */
export function fateRows(view: PromptHistoryView, iterations: readonly IterationView[], letters: ReadonlyMap<string, string>): FateRow[] {
  const letter = (id: string): string => letters.get(id) ?? '?'
  const users = new Map(view.pairs.map((pair) => [`${pair.setId} ${pair.iterationId}`, pair]))
  const seen = [...view.consistencies.map(({ setId, iterationId }) => ({ setId, iterationId })), ...view.skips, ...view.pairs]
  const keys = [...new Set(seen.map(({ setId, iterationId }) => `${setId} ${iterationId}`))].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })) // as they were made
  const rows = keys.map((key) => {
    const [setId, iterationId] = key.split(' ') as [string, string]
    const measured = view.consistencies.find((one) => one.setId === setId)
    const skip = view.skips.find((one) => one.setId === setId)
    const pair = users.get(key)
    return {
      key, iterationId, iteration: iterationName(iterationId, iterations),
      consistency: !measured ? '–' : measured.consistency === null ? (measured.nullReason === null ? '–' : nullTerms[measured.nullReason].label) : share(measured.consistency),
      isFlipped: measured?.flipped ?? false,
      became: pair ? `${letter(pair.chosenId)} ▲ over ${letter(pair.rejectedId)} ▼, margin ${pair.margin.toPrecision(3)} nats` : skip ? `no pair: ${skipTerms[skip.reason].label}` : 'no pair yet',
      label: pair ? labelWords(pair, letter) : '–',
      steps: pair ? stepsWords(pair) : '–',
    }
  })
  return rows.map(({ iterationId, ...row }, i) => ({ ...row, isSuperseded: rows.slice(i + 1).some((later) => later.iterationId === iterationId) }))
}

function labelWords({ chosenId, consistency, label }: Pair, letter: (id: string) => string): string {
  if (label === null) return `not decided yet; C ${share(consistency)} so far`
  switch (label.source) {
    case 'dropped': return 'dropped at the spot-check'
    case 'judge': return `the judge's; trains with C ${share(label.consistency)}`
    case 'person': return `${label.chosenId === chosenId ? 'kept by a person' : `swapped by a person: ${letter(label.chosenId)} ▲ over ${letter(label.rejectedId)} ▼`}; trains with C ${share(label.consistency)}`
  }
}

function stepsWords({ label, training }: Pair): string {
  if (training === null) return label?.source === 'dropped' ? 'none' : 'not trained yet'
  const { steps, taken } = training
  return `${steps.length === 1 ? 'step' : 'steps'} ${steps.map(whole).join(', ')} of ${whole(taken)} taken${steps.some((step) => step > taken) ? '; not all of them yet' : ''}`
}

export const verdictWords = ({ verdict }: PromptHistoryView['verdicts'][number], a: string, b: string): string =>
  ({ a: `${a} is better`, b: `${b} is better`, tie: 'a tie', skip: 'skipped', flag: 'flagged' })[verdict]

/** A response that stands for its text, with what every model says of it. */
export interface ReadResponse extends Response {
  readonly letter: string
  readonly sampled: number
}

/** Distinct texts, in the order of their names. */
export function distinctOf(view: PromptHistoryView, ranking: Ranking, letters: ReadonlyMap<string, string>): ReadResponse[] {
  const own = view.responses.filter(({ iterationId }) => iterationId === ranking.iterationId)
  return own.filter(({ repeats }) => repeats === null)
    .map((response) => ({ ...response, letter: letters.get(response.responseId) ?? '?', sampled: 1 + own.filter(({ repeats }) => repeats === response.responseId).length }))
    .sort((a, b) => a.letter.length - b.letter.length || (a.letter < b.letter ? -1 : 1))
}

/** The page's finding. */
export function historyTitle(total: number | null, flipped: number | null): string {
  if (total === null || flipped === null) return 'Every prompt under every judge'
  if (total === 0) return 'No prompt matches; or none is ranked yet'
  return `${counted(flipped, 'prompt')} of ${whole(total)} (${percent(flipped / total)}) flipped: the judge before would swap chosen and rejected`
}
