import { AppError } from '../../preload/contract/errors.ts'
import type { HistoryRow } from '../../preload/contract/requests/history.ts'
import { modelName } from '../pipeline/context.ts'
import { rankedIteration } from '../pipeline/rank-view.ts'
import { passes, rankRows } from '../pipeline/rank-rows.ts'
import { promptHeadOf, verdictCounts } from '../store/browse.ts'
import { promptHistory } from '../store/history.ts'
import { iterationsOf } from '../store/iterations.ts'
import { type RankingSet, rankingSetOf } from '../store/rankings.ts'
import { standingVerdictsOf } from '../store/verdicts.ts'
import type { HandlersOf } from './handler.ts'

export const historyHandlers: HandlersOf<'history'> = {
  'history/list': (workbench, { iterationId, filter, offset, limit }) => {
    const { project: { db }, run } = workbench
    const verdicts = verdictCounts(db, run.id)
    const iterations = iterationId === undefined ? iterationsOf(db, run.id) : [workbench.iteration(iterationId)]
    const rows = iterations.flatMap((iteration): HistoryRow[] => {
      const ranked = rankedIteration(db, iteration)
      if (!ranked) return []
      return rankRows(db, iteration, ranked)
        .map((row) => ({ ...row, iterationId: iteration.id, t: iteration.t, verdicts: verdicts.get(row.promptId) ?? 0 }))
        .filter((row) => passes(filter, row, row.verdicts))
    })
    return { rows: rows.slice(offset, offset + limit), total: rows.length }
  },
  'history/prompt': ({ project: { db }, run }, { promptId }) => {
    const prompt = promptHeadOf(db, promptId)
    if (!prompt?.id.startsWith(`${run.id}.`)) throw new AppError('bad-arguments', `The run has no prompt ${promptId}; reload the page.`)
    const { responses, consistencies, pairs, skips } = promptHistory(db, promptId)
    const sets = new Map<string, RankingSet>()
    const setOf = (id: string): RankingSet => sets.get(id) ?? sets.set(id, rankingSetOf(db, id)!).get(id)!
    const { position, input, answer, task } = prompt
    return {
      promptId, position, input, answer, task,
      responses: responses.map(({ id: responseId, judges, ...response }) => ({ responseId, ...response, judges: judges.map(({ modelId, ...judge }) => ({ model: modelName(modelId), ...judge })) })),
      consistencies: consistencies.map(({ setId, agreement, consistency, nullReason }) => ({ setId, iterationId: setOf(setId).iterationId, statistic: setOf(setId).statistic, agreement, consistency, nullReason })),
      pairs: pairs.map(({ setId, chosenId, rejectedId, margin, consistency }) => ({ setId, iterationId: setOf(setId).iterationId, chosenId, rejectedId, margin, consistency })),
      skips: skips.map(({ setId, reason }) => ({ setId, iterationId: setOf(setId).iterationId, reason })),
      verdicts: standingVerdictsOf(db, promptId).flatMap(({ responseAId, responseBId, verdict, note, annotator, criterion, elapsedMs, createdAt }) => (verdict === null ? [] : [{ responseAId, responseBId, verdict, note, annotator, criterion, elapsedMs, createdAt }])),
    }
  },
}
