/** Every prompt of a ranked iteration as one row of a table, with filters and orders over all of them. */
import type { PromptInput } from '../../preload/contract/domain.ts'
import type { PromptFilter, PromptRanking, RankedPrompt } from '../../preload/contract/requests/rank.ts'
import { averageRanks } from '../cream/rankings.ts'
import { type PromptHead, promptHeadOf, promptHeads, responseTexts } from '../store/browse.ts'
import type { Database } from '../store/database.ts'
import type { Iteration } from '../store/iterations.ts'
import type { RankedIteration } from './rank-view.ts'

const EXCERPT = 120 // characters

/** In file order, prompts without a ranking included. */
export function rankRows(db: Database, { runId, t }: Iteration, ranked: RankedIteration): RankedPrompt[] {
  const byId = new Map(ranked.prompts.map((prompt) => [prompt.promptId, prompt]))
  return promptHeads(db, runId, t).map((head) => rowOf(head, byId.get(head.id), ranked.outcomes?.get(head.id)))
}

function rowOf({ id: promptId, position, input, task, skipReason }: PromptHead, prompt: RankedIteration['prompts'][number] | undefined, outcome: ReturnType<NonNullable<RankedIteration['outcomes']>['get']>): RankedPrompt {
  const pair = outcome?.kind === 'pair' ? outcome : null
  const tokensOf = (id: string): number => prompt!.responses.find((response) => response.id === id)?.tokens ?? Number.NaN
  const lengthRatio = pair ? tokensOf(pair.chosenId) / tokensOf(pair.rejectedId) : null
  return {
    promptId, position, task, excerpt: excerptOf(input),
    agreement: prompt?.agreement.value ?? null,
    consistency: prompt?.consistency ?? null,
    nullReason: prompt?.agreement.reason ?? null,
    flipped: prompt?.flipped ?? false,
    responses: prompt?.responses.length ?? 0,
    lengthRatio: lengthRatio !== null && Number.isFinite(lengthRatio) ? lengthRatio : null, // an outside judge may choose a repeated text's twin
    margin: pair?.margin ?? null,
    label: pair?.label ?? null,
    skipReason: outcome?.kind === 'skip' ? outcome.reason : skipReason,
  }
}

export function passes(filter: PromptFilter, row: RankedPrompt, verdicts: number): boolean {
  const { task, minConsistency, maxConsistency, flipped, outcome, audited } = filter
  if (task !== undefined && row.task !== task) return false
  if (minConsistency !== undefined && !(row.consistency !== null && row.consistency >= minConsistency)) return false
  if (maxConsistency !== undefined && !(row.consistency !== null && row.consistency <= maxConsistency)) return false
  if (flipped !== undefined && row.flipped !== flipped) return false
  if (audited !== undefined && verdicts > 0 !== audited) return false
  if (outcome === undefined) return true
  if (outcome === 'pair') return row.label !== null
  return outcome === 'skipped' ? row.skipReason !== null : row.skipReason === outcome
}

/** Rows without the figure come last, whichever the direction; equal ones stay in file order. */
export function sortRows(rows: readonly RankedPrompt[], { by, descending }: { by: 'position' | 'consistency' | 'margin' | 'lengthRatio'; descending: boolean }): RankedPrompt[] {
  const sign = descending ? -1 : 1
  return rows.toSorted((a, b) => {
    const [x, y] = [a[by], b[by]]
    if (x === null || y === null) return Number(x === null) - Number(y === null)
    return sign * (x - y)
  })
}

/** One prompt's distinct responses under both judges; undefined when the iteration has no such prompt. */
export function rankingOfPrompt(db: Database, iteration: Iteration, ranked: RankedIteration, promptId: string): PromptRanking | undefined {
  const head = promptHeadOf(db, promptId)
  if (head?.share !== iteration.t) return undefined
  const prompt = ranked.prompts.find((one) => one.promptId === promptId)
  const outcome = ranked.outcomes?.get(promptId)
  const texts = new Map(responseTexts(db, iteration.id, promptId).map((response) => [response.id, response]))
  const [currentRanks, previousRanks] = prompt ? [averageRanks(prompt.current, ranked.rule.tolCurrent), averageRanks(prompt.previous, ranked.rule.tolPrevious)] : [[], []]
  return {
    ...rowOf(head, prompt, outcome),
    input: head.input,
    answer: head.answer,
    ranked: (prompt?.responses ?? []).map(({ id, tokens, finishReason, isCorrect }, i) => ({
      responseId: id, text: texts.get(id)!.text, count: prompt!.counts[i]!, tokens, finishReason, isCorrect,
      current: { value: prompt!.current[i]!, rank: currentRanks[i]! },
      previous: { value: prompt!.previous[i]!, rank: previousRanks[i]! },
    })),
    chosenId: outcome?.kind === 'pair' ? outcome.chosenId : null,
    rejectedId: outcome?.kind === 'pair' ? outcome.rejectedId : null,
  }
}

/** The beginning of the last turn, on one line. */
function excerptOf(input: PromptInput): string {
  const text = typeof input === 'string' ? input : input.at(-1)!.content
  const line = text.slice(0, 4 * EXCERPT).replace(/\s+/g, ' ').trim()
  return line.length > EXCERPT ? `${line.slice(0, EXCERPT - 1)}…` : line
}
