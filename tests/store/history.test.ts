import { performance } from 'node:perf_hooks'
import { beforeAll, describe, expect, test } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { batchCounts, batchesOf, nextBatch } from '../../main/store/batches.ts'
import { all, openDatabase } from '../../main/store/database.ts'
import type { Database } from '../../main/store/database.ts'
import { evaluationItemsOf, insertEvaluation, pairedItemsOf } from '../../main/store/evaluations.ts'
import { promptHistory, rankingsBy } from '../../main/store/history.ts'
import { childrenOf, iterationsOf } from '../../main/store/iterations.ts'
import { insertModel } from '../../main/store/models.ts'
import { pairsOf, skipsOf } from '../../main/store/pairs.ts'
import { promptOf, promptsOf } from '../../main/store/prompts.ts'
import { consistenciesOf, rankingSetsOf, rankingsOf } from '../../main/store/rankings.ts'
import { countResponses, responseOf, responseTokens, responsesOf, responsesTo } from '../../main/store/responses.ts'
import { externalRewardsOf, insertExternalReward, scoresOf } from '../../main/store/scores.ts'
import { stagesOf } from '../../main/store/stages.ts'
import { checkpointsOf, trainingStepsOf } from '../../main/store/training.ts'
import { insertVerdict, standingVerdictsOf, verdictsOf } from '../../main/store/verdicts.ts'
import { insertResponse } from '../../main/store/responses.ts'
import { ids, insertFinishedRound, insertPlan, logpsOf, newResponse, sha, temporaryDatabase } from './fixture.ts'

const laterModels = [ids.m2, 'run1.M3']

/** M2 and M3 exist too, so that four judges can score. */
function insertLaterModels(db: Database): void {
  for (const [i, id] of laterModels.entries()) insertModel(db, { id, runId: ids.run, name: id.slice(5), parentId: ids.m1, kind: 'adapter', path: `adapters/${id}`, sha256: sha(i + 2) })
}

test('any judge ranks any iteration, by log-ratio or by mean log-likelihood', () => {
  const db = temporaryDatabase()
  insertPlan(db)
  insertLaterModels(db)
  insertFinishedRound(db, { prompts: 3, responses: 4, judges: [ids.m0, ids.m1, ids.m2] })
  for (const [m, judgeModelId] of [ids.m0, ids.m1, ids.m2].entries()) {
    const expected = (value: (p: number, r: number) => number) =>
      [0, 1, 2].map((p) => ({ promptId: ids.prompt(p), responseIds: [0, 1, 2, 3].map((r) => ids.response(p, r)), values: [0, 1, 2, 3].map((r) => value(p, r)) }))
    expect(rankingsBy(db, { iterationId: ids.i1, judgeModelId, kind: 'log-ratio' })).toEqual(expected((p, r) => logpsOf(p, r, m) - logpsOf(p, r, 0)))
    expect(rankingsBy(db, { iterationId: ids.i1, judgeModelId, kind: 'mean-logps' })).toEqual(expected((p, r) => logpsOf(p, r, m) / 3))
  }
  expect(rankingsBy(db, { iterationId: ids.i0, judgeModelId: ids.m1, kind: 'log-ratio' })).toEqual([])
})

test('a response without a score is named, not left out', () => {
  const db = temporaryDatabase()
  insertPlan(db)
  insertFinishedRound(db, { prompts: 2, responses: 2 })
  insertResponse(db, newResponse(1, 2))
  expect(() => rankingsBy(db, { iterationId: ids.i1, judgeModelId: ids.m1, kind: 'log-ratio' })).toThrow(`response ${ids.response(1, 2)} has no score`)
})

test('a prompt’s history holds every response under every judge, its pair, skips and verdicts', () => {
  const db = temporaryDatabase()
  insertPlan(db)
  insertFinishedRound(db, { prompts: 3, responses: 3 })
  insertExternalReward(db, { responseId: ids.response(1, 2), source: 'answers', reward: 1 })
  const verdict = insertVerdict(db, { promptId: ids.prompt(1), responseAId: ids.response(1, 0), responseBId: ids.response(1, 1), verdict: 'a', undoneOf: null, annotator: 'ana', criterion: 'correct', idempotencyKey: 'k', elapsedMs: 5 })
  const history = promptHistory(db, ids.prompt(1))
  expect(history.responses.map(({ id }) => id)).toEqual([0, 1, 2].map((r) => ids.response(1, r)))
  expect(history.responses[2]).toEqual({
    id: ids.response(1, 2), iterationId: ids.i1, position: 2, text: 'It is 3.', finishReason: 'eos', isCorrect: false,
    judges: [ids.m0, ids.m1].map((modelId, m) => ({ modelId, logps: logpsOf(1, 2, m), meanLogps: logpsOf(1, 2, m) / 3, reward: logpsOf(1, 2, m) - logpsOf(1, 2, 0) })),
    externalRewards: [{ source: 'answers', reward: 1 }],
  })
  expect(history.pairs).toEqual([{ setId: ids.set, promptId: ids.prompt(1), chosenId: ids.response(1, 0), rejectedId: ids.response(1, 1), margin: 0.5, consistency: 0.6 }])
  expect(history.consistencies).toMatchObject([{ setId: ids.set, consistency: 0.6 }])
  expect(history.skips).toEqual([])
  expect(history.verdicts.map(({ id }) => id)).toEqual([verdict])
})

test('every hot query goes through an index and sorts nothing', () => {
  const db = temporaryDatabase()
  insertPlan(db)
  insertEvaluation(db, { id: 'e', modelId: ids.m0, task: 'sums', decoding: 'greedy', scorer: 'exact' })
  insertEvaluation(db, { id: 'f', modelId: ids.m1, task: 'sums', decoding: 'greedy', scorer: 'exact' })
  const asked = new Set<string>()
  const prepare = db.prepare.bind(db)
  db.prepare = ((sql: string) => (asked.add(sql), prepare(sql))) as typeof db.prepare
  rankingsBy(db, { iterationId: ids.i1, judgeModelId: ids.m1, kind: 'log-ratio' })
  promptHistory(db, ids.prompt(0))
  for (const query of [nextBatch, batchesOf, batchCounts, trainingStepsOf, checkpointsOf]) query(db, ids.train)
  for (const query of [rankingsOf, consistenciesOf, pairsOf, skipsOf]) query(db, ids.set)
  for (const query of [responsesOf, countResponses, stagesOf, childrenOf, rankingSetsOf]) query(db, ids.i1)
  for (const query of [promptOf, responsesTo, verdictsOf, standingVerdictsOf]) query(db, ids.prompt(0))
  for (const query of [responseOf, scoresOf]) query(db, ids.response(0, 0))
  Array.from(responseTokens(db, ids.i1))
  promptsOf(db, ids.run, 1)
  iterationsOf(db, ids.run)
  externalRewardsOf(db, ids.i1, 'answers')
  evaluationItemsOf(db, 'e')
  pairedItemsOf(db, 'e', 'f')

  expect(asked.size).toBeGreaterThan(25)
  for (const sql of asked) {
    const parameters = Object.fromEntries([...sql.matchAll(/@(\w+)/g)].map(([, name]) => [name, null]))
    const plan = (prepare(`EXPLAIN QUERY PLAN ${sql}`).all(parameters) as { detail: string }[]).map(({ detail }) => detail)
    expect(plan.filter((detail) => /^SCAN\b|TEMP B-TREE|AUTOMATIC/.test(detail)), `${sql}\n${plan.join('\n')}`).toEqual([])
  }
})

describe('20 000 prompts × 5 responses × 4 judges', () => {
  const shape = { prompts: 20_000, responses: 5, judges: [ids.m0, ids.m1, ...laterModels] }
  let db: Database

  beforeAll(() => {
    const folder = mkdtempSync(join(tmpdir(), 'creamery-store-'))
    db = openDatabase(join(folder, 'creamery.db'))
    insertPlan(db)
    insertLaterModels(db)
    insertFinishedRound(db, shape)
    return () => {
      db.close()
      rmSync(folder, { recursive: true })
    }
  })

  test('one prompt’s history is instant', () => {
    const times = Array.from({ length: 200 }, (_, i) => {
      const start = performance.now()
      const history = promptHistory(db, ids.prompt(i * 97))
      const elapsed = performance.now() - start
      expect(history.responses.flatMap(({ judges }) => judges)).toHaveLength(shape.responses * shape.judges.length)
      return elapsed
    }).toSorted((a, b) => a - b)
    if (process.env.BENCH) console.log(`promptHistory: median ${times[100]!.toFixed(3)} ms, p95 ${times[190]!.toFixed(3)} ms, max ${times[199]!.toFixed(2)} ms`)
    expect(times[100]).toBeLessThan(5) // measured: well under 1 ms
  })

  test('a whole iteration is ranked by any judge in one query', () => {
    const start = performance.now()
    expect(rankingsBy(db, { iterationId: ids.i1, judgeModelId: laterModels[1]!, kind: 'log-ratio' })).toHaveLength(shape.prompts)
    if (process.env.BENCH) console.log(`rankingsBy: ${(performance.now() - start).toFixed(0)} ms; ${(all<{ bytes: number }>(db, 'SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size')[0]!.bytes / 2 ** 20).toFixed(0)} MiB`)
  })
})
