import { expect, test } from 'vitest'
import { commitBatch, planBatches } from '../../main/store/batches.ts'
import { contentRows } from '../../main/store/content.ts'
import { run } from '../../main/store/database.ts'
import { failStage, finishStage, startStage } from '../../main/store/stages.ts'
import { setCorrectness } from '../../main/store/responses.ts'
import { commitCheckpoint } from '../../main/store/training.ts'
import { ids, insertFinishedRound, insertPlan, sha, temporaryDatabase } from './fixture.ts'

const step = (n: number, elapsedMs: number) => ({ stageId: ids.train, step: n, metrics: { loss: 0.5 }, tokens: 8, elapsedMs })

/** The same small plan, straight through or with a fault, a restart and an extra checkpoint on the way. */
function carryOut({ interrupted }: { interrupted: boolean }) {
  const db = temporaryDatabase()
  insertPlan(db)
  planBatches(db, ids.sample, [{ content: ['all'], bucket: null }])
  startStage(db, ids.sample, 'hash')
  if (interrupted) {
    expect(() =>
      commitBatch(db, { stageId: ids.sample, position: 0 }, () => {
        insertFinishedRound(db, { prompts: 2 })
        throw new Error('killed')
      }),
    ).toThrow('killed')
    failStage(db, ids.sample, 'The engine died.')
    startStage(db, ids.sample, 'hash')
  }
  commitBatch(db, { stageId: ids.sample, position: 0 }, () => insertFinishedRound(db, { prompts: 2 }))
  finishStage(db, ids.sample)
  const paths = { path: 'checkpoints/final', sha256: sha(9) }
  if (interrupted) commitCheckpoint(db, { steps: [step(1, 70)], checkpoint: { stageId: ids.train, kind: 'training', step: 1, path: 'checkpoints/1', sha256: sha(1) } })
  commitCheckpoint(db, { steps: interrupted ? [step(2, 90)] : [step(1, 10), step(2, 10)], checkpoint: { stageId: ids.train, kind: 'final', step: 2, ...paths } })
  return db
}

test('an interrupted run says what an uninterrupted one says', () => {
  const straight = carryOut({ interrupted: false })
  const interrupted = carryOut({ interrupted: true })
  run(interrupted, "UPDATE runs SET created_at = '1999-12-31T00:00:00.000Z'")
  expect(contentRows(interrupted)).toEqual(contentRows(straight))
})

test('content leaves out nothing but times, and shows every difference', () => {
  const db = carryOut({ interrupted: false })
  const content = contentRows(db)
  expect(Object.keys(content)).toEqual(expect.arrayContaining(['runs', 'responses', 'rankings', 'pairs', 'verdicts', 'labels', 'training_steps']))
  expect(content.responses).toHaveLength(10)
  expect(content.responses?.[0]).toMatchObject({ id: ids.response(0, 0), tokenIds: '070000000000000000000000', isCorrect: 0 })
  expect(Object.keys(content.training_steps![0]!)).toEqual(['stageId', 'step', 'metrics', 'tokens'])
  expect(Object.values(content).flat().flatMap(Object.keys).filter((name) => /(At|Ms)$/.test(name))).toEqual([])
  setCorrectness(db, ids.response(1, 4), true)
  expect(contentRows(db)).not.toEqual(content)
})
