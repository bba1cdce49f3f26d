/** History and comparison over a small project of two rounds, as a page asks for them. */
import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashText, permutation } from '../../native-models/random.ts'
import { handlers } from '../../main/ipc/handlers.ts'
import { createRouter } from '../../main/ipc/router.ts'
import { Workbench } from '../../main/ipc/workbench.ts'
import { gateOn, labelsOf } from '../../main/store/gates.ts'
import { trainingStepsOf } from '../../main/store/training.ts'
import type { Params, Reply, RequestName, Result } from '../../preload/contract/requests.ts'
import { makeProject } from '../bench/make-project.ts'
import { temporaryFolder } from '../temporary.ts'

const PROMPTS = 60
const folder = temporaryFolder('history')
let workbench: Workbench
let project: string

async function request<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Reply<Result<Name>>> {
  const answer = createRouter({ workbench, handlers, distrust: () => null, log: () => {} })
  return (await answer(name, params, null)) as Reply<Result<Name>>
}
async function ask<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Result<Name>> {
  const reply = await request(name, params)
  if (!reply.ok) throw new Error(`${name}: ${reply.error.sentence}`)
  return reply.value
}

beforeAll(async () => {
  await makeProject(join(folder, 'projects/one'), { prompts: PROMPTS, rounds: 2 })
  await makeProject(join(folder, 'projects/two'), { prompts: PROMPTS, rounds: 1, seed: 5 })
  workbench = new Workbench({ version: '0.0.0', host: 'browser', projectsFolder: join(folder, 'projects'), stateFolder: join(folder, 'state'), roots: [], log: () => {} })
  project = workbench.places.give(join(folder, 'projects/one'))
  await ask('project/open', { project })
}, 180_000)
afterAll(() => workbench.close())

describe('the list', () => {
  it('holds every prompt once, by iteration and place in the file', async () => {
    const { rows, total } = await ask('history/list', { limit: 200 })
    expect(total).toBe(PROMPTS)
    expect(new Set(rows.map(({ promptId }) => promptId)).size).toBe(PROMPTS)
    expect(rows.map(({ t, position }) => [t, position])).toEqual(rows.map(({ t, position }) => [t, position]).toSorted(([a, p], [b, q]) => a! - b! || p! - q!))
    expect(rows.every(({ excerpt, responses }) => excerpt !== '' && responses > 0)).toBe(true)
    const second = await ask('history/list', { iterationId: 'run1.i2', limit: 200 })
    expect(second.rows).toEqual(rows.filter(({ iterationId }) => iterationId === 'run1.i2'))
  })

  it('searches within prompts and within the other filters', async () => {
    const { rows } = await ask('history/list', { limit: 200 })
    const found = await ask('history/list', { filter: { search: 'REVERSE' }, limit: 200 })
    expect(found.rows.map(({ promptId }) => promptId)).toEqual(rows.filter(({ excerpt }) => /reverse/i.test(excerpt)).map(({ promptId }) => promptId))
    expect(found.total).toBeGreaterThan(3)
    expect((await ask('history/list', { filter: { search: 'Reverse', task: 'sum' } })).total).toBe(0)
    const audited = await ask('history/list', { filter: { audited: true }, limit: 200 })
    expect(audited.rows.map(({ verdicts }) => verdicts)).toEqual(audited.rows.map(() => 1))
    expect(audited.total).toBeGreaterThan(10)
  })
})

describe('one prompt', () => {
  it('is ranked by every model, in order, and by the judges of its set as Rank shows them', async () => {
    const { rows } = await ask('history/list', { iterationId: 'run1.i1', filter: { outcome: 'pair' } })
    const { promptId } = rows[3]!
    const history = await ask('history/prompt', { promptId })
    const shown = await ask('rank/prompt', { iterationId: 'run1.i1', promptId })
    expect(history.rankings).toHaveLength(1)
    const [{ responseIds, judges, t }] = history.rankings as [(typeof history.rankings)[number]]
    expect(t).toBe(1)
    expect(judges.map(({ model, measure, role }) => [model, measure, role])).toEqual([['M0', 'mean-logps', 'previous'], ['M1', 'log-ratio', null], ['M1', 'mean-logps', 'current'], ['M2', 'log-ratio', null]])
    expect(responseIds.toSorted()).toEqual(shown.ranked.map(({ responseId }) => responseId).toSorted())
    for (const role of ['current', 'previous'] as const) {
      const judge = judges.find((one) => one.role === role)!
      for (const { responseId, [role]: { value, rank } } of shown.ranked) expect([judge.values[responseIds.indexOf(responseId)], judge.ranks[responseIds.indexOf(responseId)]]).toEqual([value, rank])
    }
    for (const { ranks } of judges) expect(ranks.reduce((sum, rank) => sum + rank, 0)).toBe((responseIds.length * (responseIds.length + 1)) / 2)
  })

  it('tells what became of every response', async () => {
    const { rows } = await ask('history/list', { limit: 200 })
    for (const { promptId, iterationId, label, skipReason } of rows.slice(0, 40)) {
      const { responses, pairs, skips, consistencies } = await ask('history/prompt', { promptId })
      const roles = responses.map(({ fates }) => fates[0]!.role)
      expect(responses.every(({ fates }) => fates.length === 1 && fates[0]!.iterationId === iterationId)).toBe(true)
      expect([roles.filter((role) => role === 'chosen').length, roles.filter((role) => role === 'rejected').length]).toEqual(label === null ? [0, 0] : [1, 1])
      expect(pairs.map(({ chosenId, rejectedId }) => [chosenId, rejectedId])).toEqual(label === null ? [] : [[responses[roles.indexOf('chosen')]!.responseId, responses[roles.indexOf('rejected')]!.responseId]])
      expect(skips.map(({ reason }) => reason)).toEqual(skipReason === null ? [] : [skipReason])
      expect(consistencies).toHaveLength(1)
      for (const { repeats, text, responseId } of responses) {
        const first = responses.filter((one) => one.text === text && one.repeats === null)
        expect(first).toHaveLength(1)
        expect(repeats ?? responseId).toBe(first[0]!.responseId)
      }
    }
  })

  it('names the optimiser steps that train on its pair', async () => {
    const { db } = workbench.project
    const set = 'run1.i1.set0'
    const labels = labelsOf(db, gateOn(db, 'run1.i1', set)!.id)
    const { batchSize } = workbench.run.config.dpo
    const order = permutation(labels.length, workbench.run.seed, hashText('run1.i1.train'), 0) // as the training loop draws it: one epoch
    const taken = trainingStepsOf(db, 'run1.i1.train').length
    expect(taken).toBe(Math.ceil(labels.length / batchSize))
    for (const [i, { promptId }] of labels.entries()) {
      const { pairs } = await ask('history/prompt', { promptId })
      expect(pairs).toMatchObject([{ setId: set, iterationId: 'run1.i1', label: { source: 'judge' }, training: { stageId: 'run1.i1.train', steps: [1 + Math.floor(order.indexOf(i) / batchSize)], taken } }])
    }
    const [waiting] = (await ask('history/list', { iterationId: 'run1.i2', filter: { outcome: 'pair' } })).rows
    expect((await ask('history/prompt', { promptId: waiting!.promptId })).pairs).toMatchObject([{ label: { source: 'judge' }, training: null }])
  })

  it('must be one of the run', async () => {
    expect(await request('history/prompt', { promptId: 'run1.p99999' })).toMatchObject({ ok: false, error: { code: 'bad-arguments' } })
  })
})

describe('runs side by side', () => {
  it('differ in what was set differently, with the figures of each, and say which cannot be read', async () => {
    const two = workbench.places.give(join(folder, 'projects/two'))
    const none = workbench.places.give(join(folder, 'state'))
    const { runs, settings, unreadable } = await ask('history/runs', { projects: [project, two, none] })
    expect(settings).toEqual([{ setting: 'iterations', values: [2, 1] }, { setting: 'seed', values: [1, 5] }])
    expect(runs.map(({ name, rounds, models }) => [name, rounds.map(({ policy, produced }) => [policy, produced]), models.map(({ model }) => model)])).toEqual([
      ['one', [['M1', 'M2'], ['M2', null]], ['M0', 'M1', 'M2']],
      ['two', [['M1', null]], ['M0', 'M1']],
    ])
    expect(runs[0]!.models).toEqual(await ask('evaluation/report', {}))
    const { agreement, labels } = (await ask('rank/view', { iterationId: 'run1.i1' }))!
    expect(runs[0]!.rounds[0]).toMatchObject({ pairs: labels.pairs, skips: labels.skips, judged: { consistency: agreement.meanConsistency } })
    expect(unreadable).toMatchObject([{ project: none, sentence: expect.stringContaining('no project database') as string }])
    expect((await ask('history/runs', { projects: [two] })).settings).toEqual([])
  })
})

describe('a branch', () => {
  it('that shares its ranking adds no rows, and shows beside its origin where a pair trains', async () => {
    const before = await ask('history/list', { limit: 200 })
    const { iterations } = await ask('run/back', { key: 'back-to-train', iterationId: 'run1.i1', stage: 'train', settings: { dpo: { ...workbench.run.config.dpo, batchSize: 7 } } })
    expect(iterations.map(({ iterationId }) => iterationId)).toEqual(['run1.i0', 'run1.i1b1'])
    expect(await ask('history/list', { limit: 200 })).toEqual(before)
    const { rows } = await ask('history/list', { iterationId: 'run1.i1b1', filter: { outcome: 'pair' } })
    expect(rows[0]).toMatchObject({ iterationId: 'run1.i1b1', t: 1 })
    const { pairs, responses } = await ask('history/prompt', { promptId: rows[0]!.promptId })
    expect(pairs.map(({ iterationId, label, training }) => [iterationId, label?.source, training === null])).toEqual([['run1.i1', 'judge', false], ['run1.i1b1', 'judge', true]])
    expect(responses.map(({ fates }) => fates.length)).toEqual(responses.map(() => 1))
    await ask('run/activate', { iterationId: 'run1.i2' })
  })
})

describe('what is worked out aside', () => {
  it.skipIf(process.platform !== 'linux')('refuses as here, and lets go of the project when it is closed', async () => {
    expect(await request('rank/preview', { iterationId: 'run1.i9', choice: {} })).toMatchObject({ ok: false, error: { code: 'bad-arguments' } })
    expect(await request('rank/preview', { iterationId: 'run1.i0', choice: {} })).toMatchObject({ ok: false, error: { code: 'bad-arguments', sentence: expect.stringContaining('not ranked yet') as string } })
    const { changes } = await ask('rank/preview', { iterationId: 'run1.i1', choice: { method: 'srlm' } })
    expect(changes.otherLabel).toBeGreaterThan(0)
    expect(openFiles()).not.toEqual([])
    await ask('project/close', {})
    expect(openFiles()).toEqual([])
    await ask('project/open', { project })
    expect((await ask('rank/preview', { iterationId: 'run1.i1', choice: { method: 'srlm' } })).changes).toEqual(changes)
  })
})

/** This process's open files within the projects, where the system tells (Linux). */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return path.startsWith(folder) ? [path] : []
    } catch {
      return [] // closed meanwhile
    }
  })
}
