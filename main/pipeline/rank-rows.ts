/** The prompts of ranking sets as rows of a table, in windows: whatever the size of the project, a page is an index walk. */
import type { PromptInput } from '../../preload/contract/domain.ts'
import type { PromptFilter, PromptRanking, RankedPrompt } from '../../preload/contract/requests/rank.ts'
import { averageRanks } from '../cream/rankings.ts'
import { pairOf, promptHeadOf, responseTexts } from '../store/browse.ts'
import type { Database } from '../store/database.ts'
import { rankingsOfPrompt } from '../store/history.ts'
import { type RankedPromptRow, type RankedWindow, rankedPage, rankedPromptOf, searchPrompts } from '../store/ranked-prompts.ts'
import type { RankingSet } from '../store/rankings.ts'
import { inSlices } from './slices.ts'

const EXCERPT = 120 // characters

/** A window on one or several sets of a run. */
export async function listPrompts(db: Database, runId: string, setIds: readonly string[], { search, ...filter }: PromptFilter, window: RankedWindow): Promise<{ rows: RankedPromptRow[]; total: number }> {
  const matches = search === undefined ? null : await promptsWith(db, runId, search)
  return rankedPage(db, setIds, { ...filter, matches }, window)
}

const lastSearch = new WeakMap<Database, { readonly key: string; readonly matches: Promise<readonly string[]> }>()

/** Prompts never change, so the pages of one search share its result. */
function promptsWith(db: Database, runId: string, search: string): Promise<readonly string[]> {
  const key = `${runId} ${search}`
  const last = lastSearch.get(db)
  if (last?.key === key) return last.matches
  const find = async (): Promise<readonly string[]> => {
    const found: string[] = []
    await inSlices(searchPrompts(db, runId, search), (ids) => found.push(...ids))
    return found
  }
  const matches = find()
  lastSearch.set(db, { key, matches })
  return matches
}

export const rankedPromptView = ({ promptId, position, input, task, agreement, consistency, nullReason, flipped, responses, lengthRatio, margin, label, skipReason }: RankedPromptRow): RankedPrompt => ({
  promptId, position, excerpt: excerptOf(input), task, agreement, consistency, nullReason, flipped, responses, lengthRatio, margin, label, skipReason,
})

/** One prompt's distinct responses under both judges of a set; undefined where the set has no such prompt. */
export function rankingOfPrompt(db: Database, iterationId: string, set: RankingSet, promptId: string): PromptRanking | undefined {
  const row = rankedPromptOf(db, set.id, promptId)
  if (!row) return undefined
  const { input, answer } = promptHeadOf(db, promptId)!
  const texts = new Map(responseTexts(db, iterationId, promptId).map((response) => [response.id, response]))
  const pair = pairOf(db, set.id, promptId)
  const { current = [], previous = [] } = rankingsOfPrompt(db, set.id, promptId)
  const values = new Map(previous.map(({ responseId, reward }) => [responseId, reward]))
  const before = current.map(({ responseId }) => values.get(responseId)!)
  const currentRanks = averageRanks(current.map(({ reward }) => reward), set.currentTolerance)
  const previousRanks = averageRanks(before, set.previousTolerance)
  return {
    ...rankedPromptView(row), input, answer,
    ranked: current.map(({ responseId, reward, count }, i) => {
      const { text, tokens, finishReason, isCorrect } = texts.get(responseId)!
      return { responseId, text, count, tokens, finishReason, isCorrect, current: { value: reward, rank: currentRanks[i]! }, previous: { value: before[i]!, rank: previousRanks[i]! } }
    }),
    chosenId: pair?.chosenId ?? null,
    rejectedId: pair?.rejectedId ?? null,
  }
}

/** The beginning of the last turn, on one line. */
function excerptOf(input: PromptInput): string {
  const text = typeof input === 'string' ? input : input.at(-1)!.content
  const line = text.slice(0, 4 * EXCERPT).replace(/\s+/g, ' ').trim()
  return line.length > EXCERPT ? `${line.slice(0, EXCERPT - 1)}…` : line
}
