/** Branches in the store: what a project of an older version becomes, what is shared, and what may not be. */
import { expect, test } from 'vitest'
import { iterationId, modelName, producedModelId } from '../../main/store/ids.ts'
import { insertIteration, iterationOf, iterationsOf, pathTo } from '../../main/store/iterations.ts'
import { promptOf } from '../../main/store/prompts.ts'
import { currentSetOf, insertRankingSet, nextRankingSetId, rankingSetsOf } from '../../main/store/rankings.ts'
import { countResponses, responseTokens, responsesOf } from '../../main/store/responses.ts'
import { runOf, setActiveIteration } from '../../main/store/runs.ts'
import { finishedRound, ids, insertOldRound, newRankingSet, upgraded } from './fixture.ts'

const branch = { id: iterationId(ids.run, 1, 1), runId: ids.run, parentId: ids.i0, originId: ids.i1, originStage: 'rank' as const, samplesId: ids.i1, t: 1, policyModelId: ids.m1, previousModelId: ids.m0, baseModelId: ids.m0 }

test('a project of the first version keeps its iterations, its set and its place', () => {
  const db = upgraded(1, insertOldRound)
  expect(iterationsOf(db, ids.run)).toMatchObject([
    { id: ids.i0, producedModelId: ids.m1, originId: null, samplesId: null, setId: null, settings: {} },
    { id: ids.i1, parentId: ids.i0, setId: ids.set, settings: {} },
  ])
  expect(runOf(db, ids.run)).toMatchObject({ seed: 42, basePath: '/models/base', activeIterationId: ids.i1 })
  expect(responsesOf(db, ids.i1)).toHaveLength(2)
  insertIteration(db, branch) // references and triggers hold in the new tables
  expect(() => insertIteration(db, { ...branch, id: 'run1.i1b2', previousModelId: ids.m1 })).toThrow(/FOREIGN KEY/)
})

test('a branch works on its origin\'s responses until it has its own, and every set stays', () => {
  const db = finishedRound()
  insertIteration(db, { ...branch, settings: { method: 'srlm' } })
  expect(responsesOf(db, branch.id)).toEqual(responsesOf(db, ids.i1))
  expect(responsesOf(db, branch.id)).toHaveLength(20)
  expect(responsesOf(db, branch.id, 3)).toEqual(responsesOf(db, branch.id).slice(0, 3))
  const tokens = responsesOf(db, ids.i1).map(({ id, promptId, tokenIds: completionIds }) => ({ id, promptIds: promptOf(db, promptId)!.tokenIds, completionIds }))
  for (const window of [1, 3, 20, 100]) expect([...responseTokens(db, branch.id, window)].flat()).toEqual(tokens)
  expect(countResponses(db, branch.id)).toEqual({ responses: 20, truncated: 0 })
  expect(currentSetOf(db, branch.id)).toBeUndefined()
  insertRankingSet(db, { ...newRankingSet, id: nextRankingSetId(db, branch.id), iterationId: branch.id })
  expect(currentSetOf(db, branch.id)?.id).toBe('run1.i1b1.set0')
  insertRankingSet(db, { ...newRankingSet, id: nextRankingSetId(db, ids.i1), statistic: 'spearman' })
  expect(currentSetOf(db, ids.i1)).toMatchObject({ id: 'run1.i1.set1', statistic: 'spearman' })
  expect(rankingSetsOf(db, ids.i1).map(({ id }) => id)).toEqual([ids.set, 'run1.i1.set1'])
  setActiveIteration(db, ids.run, branch.id)
  expect(runOf(db, ids.run)?.activeIterationId).toBe(branch.id)
  expect(pathTo(db, branch.id).map(({ id }) => id)).toEqual([ids.i0, branch.id])
  expect(iterationOf(db, branch.id)?.settings).toEqual({ method: 'srlm' })
})

test('a branch is its origin\'s sibling, says what it shares, and stays', () => {
  const db = finishedRound()
  expect(() => insertIteration(db, { ...branch, originId: ids.i0 })).toThrow(/t and parent/)
  expect(() => insertIteration(db, { ...branch, originStage: null })).toThrow(/CHECK/)
  insertIteration(db, branch)
  expect(() => db.exec('UPDATE iterations SET samples_id = NULL')).toThrow(/does not change/)
  expect(() => db.exec('DELETE FROM iterations')).toThrow(/kept/)
})

test('people tell branches apart by a letter', () => {
  const names = [0, 1, 2, 25, 26, 27].map((n) => producedModelId(iterationId('run1', 1, n)))
  expect(names).toEqual(['run1.M2', 'run1.M2b', 'run1.M2c', 'run1.M2z', 'run1.M2ba', 'run1.M2bb'])
  expect(names.map(modelName)).toEqual(['M2', 'M2·b', 'M2·c', 'M2·z', 'M2·ba', 'M2·bb'])
})
