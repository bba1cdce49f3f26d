import { expect, test } from 'vitest'
import { all } from '../../main/store/database.ts'
import { finishStage, setPlannedSteps, stageOf, startStage } from '../../main/store/stages.ts'
import { checkpointsOf, commitCheckpoint, trainingStepsOf } from '../../main/store/training.ts'
import type { NewCheckpoint, TrainingStep } from '../../main/store/training.ts'
import { ids, insertPlan, sha, temporaryDatabase, upgraded } from './fixture.ts'

function planned() {
  const db = temporaryDatabase()
  insertPlan(db)
  return db
}

const steps = (from: number, to: number): TrainingStep[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ stageId: ids.train, step: from + i, metrics: { loss: 1 / (from + i), 'rewards/margins': 0.5 }, tokens: 128, elapsedMs: 3.5 }))

const at = (step: number, kind: NewCheckpoint['kind'] = 'training'): NewCheckpoint => ({ stageId: ids.train, kind, step, path: `checkpoints/${kind}-${step}.safetensors`, sha256: sha(step % 10) })

test('steps and their checkpoint are committed together; the newest two training checkpoints are kept', () => {
  const db = planned()
  expect(commitCheckpoint(db, { steps: steps(1, 3), checkpoint: at(3) })).toEqual([])
  expect(commitCheckpoint(db, { steps: steps(4, 5), checkpoint: at(5) })).toEqual([])
  expect(commitCheckpoint(db, { steps: steps(6, 6), checkpoint: at(6) })).toEqual([at(3).path])
  expect(checkpointsOf(db, ids.train)).toMatchObject([at(6), at(5)])
  expect(trainingStepsOf(db, ids.train)).toEqual(steps(1, 6))
})

test('the final checkpoint replaces the training ones, also at the same step', () => {
  const db = planned()
  commitCheckpoint(db, { steps: steps(1, 3), checkpoint: at(3) })
  commitCheckpoint(db, { steps: steps(4, 5), checkpoint: at(5) })
  expect(commitCheckpoint(db, { steps: [], checkpoint: at(5, 'final') })).toEqual([at(5).path, at(3).path])
  expect(checkpointsOf(db, ids.train)).toMatchObject([at(5, 'final')])
})

test('a file that a kept checkpoint still names is not reported for deletion', () => {
  const db = planned()
  commitCheckpoint(db, { steps: steps(1, 2), checkpoint: at(2) })
  expect(commitCheckpoint(db, { steps: [], checkpoint: { ...at(2, 'final'), path: at(2).path } })).toEqual([])
})

test('missing, repeated or foreign steps are refused, and then nothing is stored', () => {
  const db = planned()
  commitCheckpoint(db, { steps: steps(1, 3), checkpoint: at(3) })
  const refused = [
    { steps: steps(5, 6), checkpoint: at(6) }, // 4 is missing
    { steps: steps(3, 5), checkpoint: at(5) }, // 3 is stored
    { steps: steps(4, 5), checkpoint: at(6) }, // contains a step that is not stored
    { steps: steps(4, 6), checkpoint: at(5) }, // does not contain the last
    { steps: steps(4, 5).map((step) => ({ ...step, stageId: ids.sample })), checkpoint: at(5) },
    { steps: steps(4, 5), checkpoint: { ...at(5), path: '/tmp/x' } },
  ]
  for (const commit of refused) expect(() => commitCheckpoint(db, commit), JSON.stringify(commit)).toThrow()
  expect(trainingStepsOf(db, ids.train)).toEqual(steps(1, 3))
  expect(checkpointsOf(db, ids.train)).toMatchObject([at(3)])
})

test('a diverged step stops the method with its metric and step', () => {
  const db = planned()
  const [first, second] = steps(1, 2)
  expect(() => commitCheckpoint(db, { steps: [first!, { ...second!, metrics: { loss: NaN } }], checkpoint: at(2) })).toThrow(
    expect.objectContaining({ code: 'method-stopped', message: expect.stringContaining('loss is NaN at step 2') }),
  )
  expect(all(db, 'SELECT * FROM training_steps')).toEqual([])
})


test('how long a training is stands with its stage; of one that an older version ended it is counted', () => {
  const db = upgraded(5, (old) => {
    insertPlan(old)
    commitCheckpoint(old, { steps: steps(1, 2), checkpoint: at(2, 'final') })
    startStage(old, ids.train, sha(2))
    finishStage(old, ids.train)
  })
  expect(stageOf(db, ids.train)).toMatchObject({ status: 'done', plannedSteps: 2 })
  expect(stageOf(db, ids.sample)).toMatchObject({ status: 'pending', plannedSteps: null })
  setPlannedSteps(db, ids.train, 7)
  expect(stageOf(db, ids.train)).toMatchObject({ plannedSteps: 7 })
})
