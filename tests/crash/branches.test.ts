/** Going back after training: every old row stays, the branch shares what is still true, and is trained, resumed and continued like any other. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { gateDecision } from '../../main/pipeline/audit.ts'
import { activate, goBack, previewBack } from '../../main/pipeline/branch.ts'
import { railOf } from '../../main/pipeline/rail.ts'
import { settingsOfChoice } from '../../main/pipeline/rank-again.ts'
import { rankedIteration } from '../../main/pipeline/rank-view.ts'
import { continueFrom, modelChoices } from '../../main/pipeline/rounds.ts'
import { runIn, runNow, settingsOf } from '../../main/pipeline/settings.ts'
import type { Database } from '../../main/store/database.ts'
import { labelsOf } from '../../main/store/gates.ts'
import { type Iteration, iterationOf } from '../../main/store/iterations.ts'
import { modelsOf } from '../../main/store/models.ts'
import { pairsOf } from '../../main/store/pairs.ts'
import { openProject } from '../../main/store/project.ts'
import { currentSetOf, rankingSetsOf, rankingsOf } from '../../main/store/rankings.ts'
import { responsesOf } from '../../main/store/responses.ts'
import { runOf } from '../../main/store/runs.ts'
import { trainingStepsOf } from '../../main/store/training.ts'
import { insertVerdict, standingVerdictsOf } from '../../main/store/verdicts.ts'
import { type Holdings, filesOf, holdingsOf, leftProcesses, resume, runChild, scratch, smallRun, start, writeConfig } from './fixture.ts'

const config = smallRun({ checkpointSeconds: 1e-6 })
const whole = join(scratch, 'whole')
let before: Holdings
beforeAll(async () => {
  await start(whole, config)
  before = holdingsOf(whole)
}, 240_000)

/** A copy of the finished run, to go back in. */
function copied(name: string): string {
  const folder = join(scratch, name)
  cpSync(whole, folder, { recursive: true })
  return folder
}

function inProject<T>(folder: string, work: (db: Database) => T): T {
  const project = openProject(folder)
  try {
    return work(project.db)
  } finally {
    project.close()
  }
}

const roundOne = (db: Database): Iteration => iterationOf(db, 'run1.i1')!
const rail = (db: Database) => railOf(db, runOf(db, 'run1')!)

/** Old rows and files, unchanged; of a run only where it goes on. */
function expectKept(folder: string): void {
  const { rows, files } = holdingsOf(folder)
  for (const [table, old] of Object.entries(before.rows)) {
    if (table !== 'runs') expect(rows[table], table).toEqual(expect.arrayContaining(old))
  }
  expect(files).toMatchObject(before.files)
}

describe('back to a step after training', () => {
  test('"train" shares everything up to the decision, and trains the same pairs otherwise', { timeout: 120_000 }, async () => {
    const folder = copied('train')
    const change = { dpo: { ...config.dpo, learningRate: config.dpo.learningRate / 2 } }
    inProject(folder, (db) => {
      expect(previewBack(db, roundOne(db), 'train', change)).toMatchObject({
        from: 'train', how: 'branch', produces: 'M2·b', kept: ['sample', 'score', 'rank', 'pair', 'audit'],
        stale: [{ t: 1, stage: 'train', title: 'training M1 into M2 (DPO)', price: { basis: 'as it took before' } }, { stage: 'evaluate' }],
      })
      expect(goBack(db, roundOne(db), 'train', change)).toMatchObject({ id: 'run1.i1b1', originId: 'run1.i1', samplesId: 'run1.i1', setId: 'run1.i1.set0', settings: change })
      const { iterations, others, next } = rail(db)
      expect(iterations.map(({ iterationId, active }) => [iterationId, active])).toEqual([['run1.i0', true], ['run1.i1b1', true]])
      expect(iterations[1]).toMatchObject({ origin: { iterationId: 'run1.i1', stage: 'train' }, changed: ['dpo'] })
      expect(iterations[1]!.stages.map(({ stage, status, sharedWith }) => [stage, status, sharedWith])).toEqual([
        ...['sample', 'score', 'rank', 'pair', 'audit'].map((stage) => [stage, 'done', 'run1.i1']), ['train', 'stale', null], ['evaluate', 'stale', null],
      ])
      expect(iterations[1]!.stages.at(-2)!.price).toMatchObject({ seconds: expect.any(Number) as number, basis: 'as it took before' })
      expect(others.map(({ iterationId, active, produced }) => [iterationId, active, produced])).toEqual([['run1.i1', false, 'M2']])
      expect(next).toMatchObject({ iterationId: 'run1.i1b1', stage: 'train', title: 'training M1 into M2·b (DPO)', waits: false })
    })
    expect(await resume(folder)).toBe('finished')
    expectKept(folder)
    inProject(folder, (db) => {
      expect(modelsOf(db, 'run1').map(({ name, path }) => [name, path])).toEqual([['M0', null], ['M1', 'adapters/run1.M1'], ['M2', 'adapters/run1.M2'], ['M2·b', 'adapters/run1.M2b']])
      const [old, now] = ['run1.i1.train', 'run1.i1b1.train'].map((id) => trainingStepsOf(db, id))
      expect(now!.map(({ tokens }) => tokens)).toEqual(old!.map(({ tokens }) => tokens)) // the same pairs in the same order
      expect(now!.at(-1)!.metrics['loss']).not.toBe(old!.at(-1)!.metrics['loss'])
      expect(rail(db).next).toBeNull()
    })
  })

  test('"rank" ranks the stored responses anew with no forward pass; the old set, its pairs and their verdicts stay', { timeout: 120_000 }, async () => {
    const folder = copied('rank')
    const set = inProject(folder, (db) => {
      const [{ promptId, chosenId, rejectedId }] = pairsOf(db, 'run1.i1.set0') as [ReturnType<typeof pairsOf>[number]]
      insertVerdict(db, { promptId, responseAId: chosenId, responseBId: rejectedId, verdict: 'b', undoneOf: null, annotator: 'ana', criterion: 'correct', idempotencyKey: 'v1', elapsedMs: 900 })
      const branch = goBack(db, roundOne(db), 'pair', settingsOfChoice(runIn(db, roundOne(db)), { statistic: 'spearman', tieTolerance: 0.01, method: 'cream-avg' }))
      expect(branch).toMatchObject({ originStage: 'rank', setId: 'run1.i1b1.set0' })
      expect(rail(db).iterations[1]!.stages.map(({ stage, status }) => `${stage} ${status}`)).toEqual(['sample done', 'score done', 'rank done', 'pair stale', 'audit stale', 'train stale', 'evaluate stale'])
      expect(settingsOf(runNow(db, runOf(db, 'run1')!))).toMatchObject({ method: 'cream-avg', consistency: { statistic: 'spearman', tieTolerance: 0.01 } })
      expect(standingVerdictsOf(db, promptId)).toMatchObject([{ responseAId: chosenId, responseBId: rejectedId }])
      expect(responsesOf(db, branch.id).map(({ id }) => id)).toEqual(expect.arrayContaining([chosenId, rejectedId]))
      return currentSetOf(db, branch.id)!
    })
    expect(set).toMatchObject({ iterationId: 'run1.i1b1', statistic: 'spearman', currentTolerance: 0.01, previousTolerance: 0.01 })
    let scored = 0
    expect(await resume(folder, { until: 'pair', prepare: ({ engine }) => {
      const call = engine.call.bind(engine)
      engine.call = (name, params, options) => {
        if (name === 'score') scored++
        return call(name, params, options)
      }
    } })).toBe('stopped')
    expect(scored).toBe(0)
    expectKept(folder)
    inProject(folder, (db) => {
      expect(new Set(pairsOf(db, set.id).map(({ consistency }) => consistency)).size).toBe(1) // cream-avg: one C for all
      expect(rankedIteration(db, roundOne(db))!.set).toMatchObject({ id: 'run1.i1.set0', statistic: 'tau-b' })
      activate(db, roundOne(db))
      expect(rail(db)).toMatchObject({ next: null, others: [{ iterationId: 'run1.i1b1' }] })
    })
  })

  test('a verdict follows into the branch: what a person swapped is swapped there too', { timeout: 60_000 }, async () => {
    const folder = copied('verdict')
    const [pair] = inProject(folder, (db) => {
      const [{ promptId, chosenId, rejectedId }] = pairsOf(db, 'run1.i1.set0') as [ReturnType<typeof pairsOf>[number]]
      insertVerdict(db, { promptId, responseAId: chosenId, responseBId: rejectedId, verdict: 'b', undoneOf: null, annotator: 'ana', criterion: 'correct', idempotencyKey: 'v1', elapsedMs: 900 })
      goBack(db, roundOne(db), 'pair', { method: 'srlm' })
      return [{ promptId, chosenId, rejectedId }]
    })
    expect(await resume(folder, { until: 'audit' })).toBe('stopped')
    inProject(folder, (db) => {
      const labels = labelsOf(db, gateDecision(db, { id: 'run1.i1b1' })!.id)
      expect(labels.filter(({ source }) => source === 'person')).toMatchObject([{ promptId: pair!.promptId, effect: 'swapped', chosenId: pair!.rejectedId, rejectedId: pair!.chosenId }])
      expect(labels.filter(({ source }) => source === 'judge').every(({ consistency }) => consistency === 1)).toBe(true) // srlm
      expect(labelsOf(db, gateDecision(db, { id: 'run1.i1' })!.id).every(({ source }) => source === 'judge')).toBe(true)
    })
  })

  test('"sample" draws other responses; the next round goes on from there', { timeout: 180_000 }, async () => {
    const folder = copied('sample')
    inProject(folder, (db) => expect(goBack(db, roundOne(db), 'sample', {})).toMatchObject({ id: 'run1.i1b1', samplesId: null, setId: null }))
    expect(await resume(folder)).toBe('finished')
    expectKept(folder)
    inProject(folder, (db) => {
      const [old, now] = ['run1.i1', 'run1.i1b1'].map((id) => responsesOf(db, id).map(({ text }) => text))
      expect(now).toHaveLength(old!.length)
      expect(now).not.toEqual(old)
      const next = continueFrom(db, iterationOf(db, 'run1.i1b1')!, {})
      expect(next).toMatchObject({ id: 'run1.i2', parentId: 'run1.i1b1', policyModelId: 'run1.M2b', previousModelId: 'run1.M1' })
    })
    // A round beyond the planned one: it goes through the prompts again.
    expect(await resume(folder, { until: 'rank' })).toBe('stopped')
    inProject(folder, (db) => {
      expect(rankingsOf(db, 'run1.i2.set0').length).toBeGreaterThan(0)
      expect(rail(db)).toMatchObject({ rounds: 2, next: { iterationId: 'run1.i2', stage: 'pair' } })
      expect(rail(db).iterations.map(({ policy }) => policy)).toEqual(['M0', 'M1', 'M2·b'])
    })
  })

  test('a branch that is killed again and again ends with the bytes of one that is not', { timeout: 240_000 }, async () => {
    const [calm, killed] = [copied('calm'), copied('killed')]
    const change = { method: 'srlm' as const }
    for (const folder of [calm, killed]) inProject(folder, (db) => expect(goBack(db, roundOne(db), 'pair', change)).toMatchObject({ originStage: 'pair', setId: 'run1.i1b1.set0' }))
    await resume(calm)
    const file = writeConfig('branch', config)
    const kills = [{ target: 'engine' as const, moment: { kind: 'progress' as const, count: 1 } }, { target: 'main' as const, moment: { kind: 'progress' as const, count: 2 } }].map((kill) => ({ ...kill, iteration: 1, stage: 'train' as const }))
    const first = await runChild(killed, file, join(scratch, 'tmp1'), kills)
    expect(first.signal, first.errors).toBe('SIGKILL')
    expect(first.lines.filter(({ kind }) => kind === 'engine-restarted')).toHaveLength(1)
    await leftProcesses(join(scratch, 'tmp1'))
    const second = await runChild(killed, file, join(scratch, 'tmp2'))
    expect(second.lines.at(-1), second.errors).toEqual({ kind: 'ended', how: 'finished' })
    expect(holdingsOf(killed)).toEqual(holdingsOf(calm))
    expect(Object.keys(filesOf(calm)).filter((path) => path.includes('M2b'))).not.toEqual([])
    expectKept(killed)
  })
})

describe('before training', () => {
  test('another ranking is a new set of the same iteration; its pairs are made again', { timeout: 120_000 }, async () => {
    const folder = join(scratch, 'in-place')
    await start(folder, config, { until: 'pair' })
    const old = inProject(folder, (db) => {
      expect(previewBack(db, roundOne(db), 'pair', { method: 'cream-avg' })).toMatchObject({ from: 'pair', how: 'in-place', produces: 'M2', stale: [{ stage: 'pair' }] })
      expect(previewBack(db, roundOne(db), 'train', { dpo: { ...config.dpo, beta: 0.2 } }, )).toMatchObject({ how: 'settings', stale: [] })
      const pairs = pairsOf(db, 'run1.i1.set0')
      expect(goBack(db, roundOne(db), 'pair', { consistency: { ...config.consistency, statistic: 'toporder' } })).toMatchObject({ id: 'run1.i1', setId: 'run1.i1.set1' })
      return pairs
    })
    expect(await resume(folder, { until: 'pair' })).toBe('stopped')
    inProject(folder, (db) => {
      expect(rankingSetsOf(db, 'run1.i1').map(({ id, statistic }) => [id, statistic])).toEqual([['run1.i1.set0', 'tau-b'], ['run1.i1.set1', 'toporder']])
      expect(pairsOf(db, 'run1.i1.set0')).toEqual(old)
      expect(pairsOf(db, 'run1.i1.set1').length).toBeGreaterThan(0)
      expect(rail(db)).toMatchObject({ others: [], next: { iterationId: 'run1.i1', stage: 'audit', waits: true } })
    })
    expect(await resume(folder, { gate: 'ask' })).toBe('waiting')
  })

  test('what holds for the whole run, or was not come to, is no step to go back to', () => {
    const folder = copied('refused')
    inProject(folder, (db) => {
      expect(() => goBack(db, roundOne(db), 'train', { seed: 7 })).toThrow(/holds for the whole run/)
      expect(() => goBack(db, roundOne(db), 'train', { tuning: { kind: 'full' } })).toThrow(/tuning of M0/)
      expect(() => goBack(db, roundOne(db), 'tune', {})).toThrow(/no step "tune"/)
      const branch = goBack(db, iterationOf(db, 'run1.i0')!, 'tune', { sft: { ...config.sft, epochs: 2 } })
      expect(branch).toMatchObject({ id: 'run1.i0b1', parentId: null })
      expect(rail(db)).toMatchObject({ next: { iterationId: 'run1.i0b1', title: 'tuning M0 into M1·b (SFT)' }, others: [{ iterationId: 'run1.i0' }, { iterationId: 'run1.i1' }] })
      expect(() => continueFrom(db, branch, {})).toThrow(/M1·b is not trained yet/)
      expect(modelChoices(db, runOf(db, 'run1')!).map(({ name, last, continuedBy }) => [name, last, continuedBy])).toEqual([['M1', false, ['run1.i1']], ['M2', false, []]])
    })
    expectKept(folder)
  })
})

test('the best model is told by its held-out accuracy, whatever came last', () => {
  inProject(whole, (db) => {
    const choices = modelChoices(db, runOf(db, 'run1')!)
    expect(choices.map(({ name, last }) => [name, last])).toEqual([['M1', false], ['M2', true]])
    const best = Math.max(...choices.map(({ accuracy }) => accuracy!))
    expect(choices.filter((choice) => choice.best)).toEqual([choices.find(({ accuracy }) => accuracy === best)])
  })
})

test('a sandbox that dies is started anew, and the stage entered again', { timeout: 120_000 }, async () => {
  const folder = join(scratch, 'sandbox')
  const notices: string[] = []
  let deaths = 0
  const ended = await start(folder, config, {
    until: 'sample',
    onEvent: (event, { sandbox }) => {
      if (event.kind === 'notice') notices.push(event.message)
      if (event.kind === 'stage-started' && deaths++ < 2) setTimeout(() => { const pid = sandbox.pid(); if (pid !== undefined) process.kill(pid, 'SIGKILL') }, 0)
    },
  })
  expect(ended).toBe('stopped')
  expect(notices.filter((notice) => /sandbox ended \(killed\)/.test(notice)).length).toBeGreaterThan(0)
  const { rows } = holdingsOf(folder)
  expect(rows['responses']).toEqual(before.rows['responses'])
})
