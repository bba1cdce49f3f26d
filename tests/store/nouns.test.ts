/** Each noun goes in and comes out as it was; what must not be is refused by the database itself. */
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { FirstIterationRule, FinishReason, NullReason, SkipReason, stages, StageStatus, Statistic } from '../../preload/contract/domain.ts'
import { EvaluationScorer, type RunConfig } from '../../preload/contract/config.ts'
import { batchCounts, batchesOf, commitBatch, nextBatch, planBatches } from '../../main/store/batches.ts'
import { all, get, run } from '../../main/store/database.ts'
import { evaluationItemsOf, evaluationOf, finishEvaluation, insertEvaluation, insertEvaluationItem, pairedItemsOf } from '../../main/store/evaluations.ts'
import { exportsOf, insertExport } from '../../main/store/exports.ts'
import { evaluationId, iterationId, modelId, stageId } from '../../main/store/ids.ts'
import { childrenOf, insertIteration, iterationOf, iterationsOf, setProducedModel } from '../../main/store/iterations.ts'
import { insertModel, modelOf } from '../../main/store/models.ts'
import { insertPair, insertSkip, pairsOf, skipsOf } from '../../main/store/pairs.ts'
import { insertPrompt, promptOf, promptsOf } from '../../main/store/prompts.ts'
import { consistenciesOf, insertConsistency, insertRankingSet, rankingSetOf, rankingsOf } from '../../main/store/rankings.ts'
import { insertResponse, responseOf, responsesOf, responsesTo, setCorrectness } from '../../main/store/responses.ts'
import { insertRun, relocateBase, relocateData, runOf } from '../../main/store/runs.ts'
import { externalRewardsOf, insertExternalReward, insertScore, scoresOf } from '../../main/store/scores.ts'
import { failStage, finishStage, insertStage, markStage, stageOf, stagesOf, startStage } from '../../main/store/stages.ts'
import { insertVerdict, standingVerdictsOf, verdictsOf } from '../../main/store/verdicts.ts'
import type { NewVerdict } from '../../main/store/verdicts.ts'
import { config, ids, insertFinishedRound, insertPlan, newPrompt, newRankingSet, newResponse, sha, temporaryDatabase } from './fixture.ts'

function planned() {
  const db = temporaryDatabase()
  insertPlan(db)
  return db
}

function finished() {
  const db = planned()
  insertFinishedRound(db)
  return db
}

test('a run keeps its configuration; a moved base is linked again', () => {
  const db = planned()
  expect(runOf(db, ids.run)).toMatchObject({ config, seed: 42, basePath: '/models/base' })
  relocateBase(db, ids.run, '/elsewhere')
  expect(runOf(db, ids.run)?.basePath).toBe('/elsewhere')
  expect(runOf(db, 'run2')).toBeUndefined()
})

test('what comes with Creamery is named by itself, what is the project’s by its place there: neither is lost when its folder moves', () => {
  const db = temporaryDatabase()
  const [bundled, own] = [join(import.meta.dirname, '../../native-models/bundled'), dirname(db.name)]
  const files: RunConfig = {
    ...config, model: join(bundled, 'model'),
    data: { sft: join(own, 'sft.jsonl'), prompts: join(bundled, 'data/prompts.jsonl'), evaluation: [{ name: 'tasks', file: '/data/tasks.jsonl' }] },
  }
  insertRun(db, { id: ids.run, config: files, seed: 42, basePath: files.model, baseSha256: sha(0) })
  expect(runOf(db, ids.run)).toMatchObject({ config: files, basePath: files.model })
  const row = get<{ basePath: string; config: string }>(db, 'SELECT base_path, config FROM runs')!
  expect(row.basePath).toBe('bundled:model')
  expect(JSON.parse(row.config)).toMatchObject({
    model: 'bundled:model', data: { sft: 'sft.jsonl', prompts: 'bundled:data/prompts.jsonl', evaluation: [{ file: '/data/tasks.jsonl' }] },
  })
  relocateData(db, ids.run, { ...files.data, sft: '/data/sft.jsonl' })
  expect(runOf(db, ids.run)?.config).toEqual({ ...files, data: { ...files.data, sft: '/data/sft.jsonl' } })
})

test('models other than the base have a relative path that stays inside the project', () => {
  const db = planned()
  expect(modelOf(db, ids.m1)).toMatchObject({ parentId: ids.m0, kind: 'adapter', path: 'adapters/M1.safetensors' })
  for (const path of [null, '/tmp/x', 'C:/x', 'adapters\\x', '../x'])
    expect(() => insertModel(db, { id: ids.m2, runId: ids.run, name: 'M2', parentId: ids.m1, kind: 'full', path, sha256: sha(2) }), String(path)).toThrow(/CHECK/)
})

test('an iteration follows from its parent: policy = produced, previous = policy, t = t + 1', () => {
  const db = planned()
  insertModel(db, { id: ids.m2, runId: ids.run, name: 'M2', parentId: ids.m1, kind: 'adapter', path: 'adapters/M2', sha256: sha(2) })
  const next = { id: iterationId(ids.run, 2), runId: ids.run, parentId: ids.i1, t: 2, policyModelId: ids.m2, previousModelId: ids.m1, baseModelId: ids.m0 }
  expect(() => insertIteration(db, next), 'not yet produced').toThrow(/FOREIGN KEY/)
  setProducedModel(db, ids.i1, ids.m2)
  expect(() => setProducedModel(db, ids.i1, ids.m1)).toThrow(/already/)
  expect(() => insertIteration(db, { ...next, previousModelId: ids.m0 })).toThrow(/FOREIGN KEY/)
  expect(() => insertIteration(db, { ...next, policyModelId: ids.m1 })).toThrow(/FOREIGN KEY/)
  expect(() => insertIteration(db, { ...next, t: 3 })).toThrow(/parent's plus 1/)
  expect(() => insertIteration(db, { ...next, parentId: null, previousModelId: null })).toThrow(/CHECK/)
  insertIteration(db, next)
  insertIteration(db, { ...next, id: iterationId(ids.run, 2, 1) })
  expect(childrenOf(db, ids.i1).map(({ id }) => id)).toEqual(['run1.i2', 'run1.i2b1'])
  expect(iterationsOf(db, ids.run).map(({ id }) => id)).toEqual(['run1.i0', 'run1.i1', 'run1.i2', 'run1.i2b1'])
  expect(iterationOf(db, 'run1.i2')).toEqual({ ...next, producedModelId: null, originId: null, originStage: null, samplesId: null, setId: null, settings: {} })
})

test('a stage runs, fails with a sentence, runs again and is done', () => {
  const db = planned()
  expect(stageOf(db, ids.sample)).toMatchObject({ status: 'pending', inputHash: null })
  startStage(db, ids.sample, 'hash')
  failStage(db, ids.sample, 'The engine died.')
  expect(stageOf(db, ids.sample)).toMatchObject({ status: 'failed', error: 'The engine died.', inputHash: 'hash' })
  startStage(db, ids.sample, 'hash')
  expect(stageOf(db, ids.sample)).toMatchObject({ status: 'running', error: null, finishedAt: null })
  finishStage(db, ids.sample)
  expect(stageOf(db, ids.sample)).toMatchObject({ status: 'done', finishedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) })
  markStage(db, ids.sample, 'stale')
  expect(stageOf(db, ids.sample)?.status).toBe('stale')
  expect(() => finishStage(db, 'run1.i9.sample')).toThrow(/no stage/)
})

test('batches: planned once, committed with their rows or not at all, a stage is done after the last', () => {
  const db = planned()
  const plan = [{ content: [ids.prompt(0)], bucket: 64 }, { content: [ids.prompt(1)], bucket: null }]
  planBatches(db, ids.sample, [plan[1]!])
  planBatches(db, ids.sample, plan) // nothing is committed: replaced
  startStage(db, ids.sample, 'hash')

  const first = nextBatch<string[]>(db, ids.sample)!
  expect(first).toMatchObject({ position: 0, content: [ids.prompt(0)], bucket: 64, status: 'planned' })
  const crash = () => {
    insertPrompt(db, newPrompt(0))
    throw new Error('killed')
  }
  expect(() => commitBatch(db, first, crash)).toThrow('killed')
  expect(promptOf(db, ids.prompt(0))).toBeUndefined()
  expect(nextBatch(db, ids.sample)?.position).toBe(0)

  commitBatch(db, first, () => insertPrompt(db, newPrompt(0)))
  expect(promptOf(db, ids.prompt(0))).toBeDefined()
  expect(() => commitBatch(db, first, () => expect.unreachable())).toThrow(/not waiting/)
  expect(() => finishStage(db, ids.sample)).toThrow(/uncommitted batches/)
  planBatches(db, ids.sample, plan) // the same plan: kept
  expect(() => planBatches(db, ids.sample, plan.toReversed())).toThrow(/different plan/)
  expect(batchCounts(db, ids.sample)).toEqual({ committed: 1, total: 2 })

  commitBatch(db, nextBatch(db, ids.sample)!, () => insertPrompt(db, newPrompt(1)))
  expect(nextBatch(db, ids.sample)).toBeUndefined()
  expect(batchesOf(db, ids.sample).map(({ status }) => status)).toEqual(['committed', 'committed'])
  finishStage(db, ids.sample)
  expect(() => run(db, "UPDATE batches SET status = 'planned', committed_at = NULL")).toThrow(/does not change/)
  expect(() => run(db, 'DELETE FROM batches')).toThrow(/not deleted/)
})

test('prompts and responses come back as they went in', () => {
  const db = planned()
  const chat = { ...newPrompt(1), input: [{ role: 'user' as const, content: 'Hi\u0000 \u{1F600}' }], sourceId: 'x-7', answer: null, task: null, skipReason: 'prompt-too-long' as const }
  insertPrompt(db, newPrompt(0))
  insertPrompt(db, chat)
  expect(promptsOf(db, ids.run, 1)).toEqual([newPrompt(0), chat])
  expect(promptsOf(db, ids.run, 2), 'a round beyond the planned ones takes a share again').toEqual(promptsOf(db, ids.run, 1))
  insertResponse(db, newResponse(0, 1))
  insertResponse(db, { ...newResponse(0, 0), isCorrect: null, finishReason: 'length', tokenIds: new Int32Array(0), seed: 2 ** 32 - 1 })
  expect(responsesOf(db, ids.i1).map(({ position }) => position)).toEqual([0, 1])
  expect(responsesTo(db, ids.prompt(0))[1]).toEqual(newResponse(0, 1))
  expect(responseOf(db, ids.response(0, 0))).toMatchObject({ isCorrect: null, tokenIds: new Int32Array(0), seed: 2 ** 32 - 1 })
  setCorrectness(db, ids.response(0, 0), false)
  expect(responseOf(db, ids.response(0, 0))?.isCorrect).toBe(false)
})

test('scores under every judge are kept, once each, and are numbers', () => {
  const db = planned()
  insertPrompt(db, newPrompt(0))
  insertResponse(db, newResponse(0, 0))
  const score = { responseId: ids.response(0, 0), modelId: ids.m0, logps: -1.5, meanLogps: -0.5, tokens: 3 }
  insertScore(db, score)
  insertScore(db, { ...score, modelId: ids.m1 })
  expect(scoresOf(db, ids.response(0, 0))).toEqual([score, { ...score, modelId: ids.m1 }])
  expect(() => insertScore(db, score)).toThrow(/UNIQUE/)
  for (const bad of [{ logps: NaN }, { logps: -Infinity }, { tokens: 0 }])
    expect(() => insertScore(db, { ...score, modelId: ids.m2, ...bad }), JSON.stringify(bad)).toThrow(/CHECK|NOT NULL/)
  insertExternalReward(db, { responseId: ids.response(0, 0), source: 'answers', reward: 1 })
  expect(externalRewardsOf(db, ids.i1, 'answers')).toEqual([{ responseId: ids.response(0, 0), source: 'answers', reward: 1 }])
  expect(externalRewardsOf(db, ids.i1, 'file.jsonl')).toEqual([])
})

test('a ranking set owns rankings and consistencies; a null consistency has a reason', () => {
  const db = finished()
  expect(rankingSetOf(db, ids.set)).toEqual(newRankingSet)
  const [current, previous] = rankingsOf(db, ids.set)
  expect([current?.judge, previous?.judge]).toEqual(['current', 'previous'])
  expect(current?.rewards[2]).toEqual({ responseId: ids.response(0, 2), reward: expect.any(Number), count: 1 })
  expect(current?.ordering).toHaveLength(5)
  expect(() => insertRankingSet(db, { ...newRankingSet, id: 'other', chance: { sd: NaN } })).toThrow(/sd is NaN/)
  insertPrompt(db, newPrompt(9))
  const row = { setId: ids.set, promptId: ids.prompt(9), agreement: null, consistency: null, nullReason: null, currentTies: 10, previousTies: 0 }
  expect(() => insertConsistency(db, row)).toThrow(/CHECK/)
  expect(() => insertConsistency(db, { ...row, consistency: 0.5, agreement: 0, nullReason: 'current-constant' })).toThrow(/CHECK/)
  insertConsistency(db, { ...row, nullReason: 'current-constant' })
  expect(consistenciesOf(db, ids.set).at(-1)).toEqual({ ...row, nullReason: 'current-constant' })
})

test('a prompt has a pair of its own responses, or a skip, never both', () => {
  const db = finished()
  expect(pairsOf(db, ids.set)[0]).toEqual({ setId: ids.set, promptId: ids.prompt(0), chosenId: ids.response(0, 0), rejectedId: ids.response(0, 1), margin: 0.5, consistency: 0.6 })
  expect(() => insertSkip(db, { setId: ids.set, promptId: ids.prompt(0), reason: 'rewards-tied' })).toThrow(/already has a pair/)
  insertPrompt(db, newPrompt(8))
  const foreign = { setId: ids.set, promptId: ids.prompt(8), chosenId: ids.response(0, 0), rejectedId: ids.response(0, 1), margin: 0.5, consistency: 0.6 }
  expect(() => insertPair(db, foreign)).toThrow(/FOREIGN KEY/)
  expect(() => insertPair(db, { ...foreign, rejectedId: foreign.chosenId })).toThrow(/CHECK/)
  insertSkip(db, { setId: ids.set, promptId: ids.prompt(8), reason: 'rewards-tied' })
  expect(() => insertPair(db, foreign)).toThrow(/already skipped/)
  expect(skipsOf(db, ids.set)).toEqual([{ setId: ids.set, promptId: ids.prompt(8), reason: 'rewards-tied' }])
})

test('a verdict repeated by its key adds nothing; an undo is a new row', () => {
  const db = finished()
  const given: NewVerdict = { promptId: ids.prompt(0), responseAId: ids.response(0, 0), responseBId: ids.response(0, 1), verdict: 'b', undoneOf: null, annotator: 'ana', criterion: 'correct', idempotencyKey: 'k1', elapsedMs: 900 }
  const first = insertVerdict(db, given)
  expect(insertVerdict(db, given)).toBe(first)
  expect(verdictsOf(db, ids.prompt(0))).toHaveLength(1)
  const undo = { ...given, verdict: null, undoneOf: first, idempotencyKey: 'k2' }
  expect(() => insertVerdict(db, { ...undo, responseAId: ids.response(1, 0), responseBId: ids.response(1, 1), promptId: ids.prompt(1) })).toThrow(/same prompt/)
  const second = insertVerdict(db, undo)
  expect(standingVerdictsOf(db, ids.prompt(0))).toEqual([])
  expect(() => insertVerdict(db, { ...undo, idempotencyKey: 'k3' }), 'twice').toThrow(/UNIQUE/)
  expect(() => insertVerdict(db, { ...undo, undoneOf: second, idempotencyKey: 'k4' }), 'an undo').toThrow(/can be undone/)
  insertVerdict(db, { ...given, verdict: 'a', idempotencyKey: 'k5' })
  expect(standingVerdictsOf(db, ids.prompt(0)).map(({ verdict }) => verdict)).toEqual(['a'])
})

test('an evaluation counts its items; two of a kind pair by question', () => {
  const db = planned()
  const id = (model: string, scorer = 'strict' as const) => evaluationId(model, 'sums', 'sampled', scorer)
  for (const [model, right] of [[ids.m0, 1], [ids.m1, 3]] as const) {
    insertEvaluation(db, { id: id(model), modelId: model, task: 'sums', decoding: 'sampled', scorer: 'strict' })
    expect(() => finishEvaluation(db, id(model), {})).toThrow(/no items/)
    for (let n = 0; n < 4; n++)
      insertEvaluationItem(db, { evaluationId: id(model), itemId: `q${n >> 1}`, sample: n % 2, isCorrect: n < right, extracted: n === 3 ? null : '7', text: 'Answer: 7', finishReason: 'eos' })
    finishEvaluation(db, id(model), { meanTokens: 4 })
  }
  expect(evaluationOf(db, id(ids.m1))).toMatchObject({ correct: 3, total: 4, details: { meanTokens: 4 } })
  expect(evaluationItemsOf(db, id(ids.m0))[3]).toEqual({ evaluationId: id(ids.m0), itemId: 'q1', sample: 1, isCorrect: false, extracted: null, text: 'Answer: 7', finishReason: 'eos' })
  expect(pairedItemsOf(db, id(ids.m0), id(ids.m1))).toEqual([
    { itemId: 'q0', firstCorrect: 1, secondCorrect: 2, samples: 2 },
    { itemId: 'q1', firstCorrect: 0, secondCorrect: 1, samples: 2 },
  ])
  insertEvaluation(db, { id: 'other', modelId: ids.m1, task: 'sums', decoding: 'sampled', scorer: 'cream' })
  expect(() => pairedItemsOf(db, id(ids.m0), 'other')).toThrow(/differ/)
})

test('exports keep what was proven', () => {
  const db = planned()
  insertExport(db, { modelId: ids.m1, format: 'peft', path: 'exports/M1-peft', sha256: sha('a'), verification: { maxDeviation: 0 } })
  expect(exportsOf(db, ids.m1)).toMatchObject([{ format: 'peft', verification: { maxDeviation: 0 } }])
})

test('append-only tables refuse UPDATE, DELETE and REPLACE', () => {
  const db = finished()
  insertVerdict(db, { promptId: ids.prompt(0), responseAId: ids.response(0, 0), responseBId: ids.response(0, 1), verdict: 'a', undoneOf: null, annotator: 'ana', criterion: 'correct', idempotencyKey: 'k', elapsedMs: 1 })
  insertPrompt(db, newPrompt(7))
  insertSkip(db, { setId: ids.set, promptId: ids.prompt(7), reason: 'no-reward' })
  run(db, "INSERT INTO training_steps VALUES (@train, 1, '{}', 10, 1)", { train: ids.train })
  const columns = { responses: 'text', scores: 'logps', rankings: 'judge', consistencies: 'consistency', pairs: 'margin', skips: 'reason', verdicts: 'annotator', training_steps: 'tokens' }
  for (const [table, column] of Object.entries(columns)) {
    const before = all(db, `SELECT * FROM ${table}`)
    expect(before.length, table).toBeGreaterThan(0)
    expect(() => run(db, `UPDATE ${table} SET ${column} = ${column}`), table).toThrow(`${table} are append-only`)
    expect(() => run(db, `DELETE FROM ${table}`), table).toThrow(`${table} are append-only`)
    expect(() => run(db, `REPLACE INTO ${table} SELECT * FROM ${table} LIMIT 1`), table).toThrow(/append-only/)
    expect(all(db, `SELECT * FROM ${table}`)).toEqual(before)
  }
})

test('the database accepts every word of the contract and no other', () => {
  const db = planned()
  for (const stage of stages.filter((name) => name !== 'sample' && name !== 'train')) insertStage(db, { id: stageId(ids.i1, stage), iterationId: ids.i1, stage, inputHash: null })
  expect(stagesOf(db, ids.i1).map(({ stage }) => stage)).toEqual(stages)
  for (const status of StageStatus.options.filter((name) => name !== 'failed')) run(db, 'UPDATE stages SET status = @status, error = NULL WHERE id = @id', { status, id: ids.sample })
  for (const statistic of Statistic.options)
    for (const firstIterationRule of FirstIterationRule.options) insertRankingSet(db, { ...newRankingSet, id: `${statistic}.${firstIterationRule}`, statistic, firstIterationRule })
  for (const [p, reason] of SkipReason.options.entries()) {
    insertPrompt(db, newPrompt(p))
    insertSkip(db, { setId: 'tau-b.mean-logps', promptId: ids.prompt(p), reason })
  }
  for (const [p, nullReason] of NullReason.options.entries())
    insertConsistency(db, { setId: 'tau-b.mean-logps', promptId: ids.prompt(p), agreement: null, consistency: null, nullReason, currentTies: 0, previousTies: 0 })
  for (const [r, finishReason] of FinishReason.options.entries()) insertResponse(db, { ...newResponse(0, r), finishReason })
  for (const scorer of EvaluationScorer.options) insertEvaluation(db, { id: scorer, modelId: ids.m0, task: 'sums', decoding: 'greedy', scorer })
  expect(() => run(db, "UPDATE stages SET status = 'odd'")).toThrow(/CHECK/)
  expect(() => run(db, "INSERT INTO skips VALUES ('tau-a.mean-logps', 'run1.p00000', 'odd')")).toThrow(/CHECK/)
  expect(get(db, 'SELECT count(*) AS n FROM skips')).toEqual({ n: SkipReason.options.length })
})

test('ids sort as plans do', () => {
  expect([ids.prompt(9), ids.prompt(10), ids.prompt(10_000)].toSorted()).toEqual(['run1.p00009', 'run1.p00010', 'run1.p10000'])
  expect(ids.response(7, 3)).toBe('run1.i1.p00007.r3')
  expect(modelId('run2', 'M0')).toBe('run2.M0')
})
