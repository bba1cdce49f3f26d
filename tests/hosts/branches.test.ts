/** Going back as a person does it, over the wire: the gate waits, a ranking is applied, a branch trained, another round started, a moved model found. */
import { copyFileSync, cpSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JobEnd } from '../../preload/contract/requests/run.ts'
import { Page, type TestHost, openTestHost } from './client.ts'

const iterationId = 'run1.i1'
let test: TestHost
let page: Page
let events: ReturnType<Page['listen']>
let handle: string
beforeAll(async () => {
  test = await openTestHost()
  page = await Page.open(test.host)
  events = page.listen()
  const { model, sft, prompts, tasks } = await page.ask('place/bundled', {})
  const settings = await page.ask('project/preset', { preset: 'ci' })
  const evaluation = { scorer: 'exact', samples: 0, maxNewTokens: 16 } as const
  const project = await page.ask('project/create', { name: 'Branches', from: {
    kind: 'settings', settings: { ...settings, iterations: 1, evaluation },
    sources: { model, sft, sftLimit: 40, prompts, promptsLimit: 24, evaluation: [{ name: 'bundled', file: tasks, limit: 8 }] },
  } })
  handle = project.handle
})
afterAll(() => test.close())

/** Runs on to where the job ends. */
async function carryOn(key: string, aim: { until?: 'pair'; gate?: 'configured' } = {}): Promise<JobEnd> {
  const { id } = await page.ask('run/start', { key, ...aim })
  const { event } = await events.until('job-ended', ({ event: one }) => one.kind === 'job-ended' && one.end.jobId === id)
  return (event as { end: JobEnd }).end
}

describe('a round', () => {
  it('waits at the gate for a person, and says so', async () => {
    expect(await carryOn('to-the-gate')).toMatchObject({ how: 'waiting', error: null })
    const { next, lastEnd, others } = await page.ask('run/status', {})
    expect({ next, lastEnd, others }).toMatchObject({ next: { iterationId, stage: 'audit', waits: true }, lastEnd: { how: 'waiting' }, others: [] })
    expect(await carryOn('still-waiting')).toMatchObject({ how: 'waiting' })
  }, 120_000)

  it('is ranked otherwise in place, as previewed, until it is trained', async () => {
    const choice = { statistic: 'spearman', method: 'cream-avg' } as const
    const preview = await page.ask('rank/preview', { iterationId, choice })
    const applied = await page.ask('rank/apply', { key: 'apply-once', iterationId, choice })
    expect(applied).toEqual({ iterationId, setId: 'run1.i1.set1', branched: false })
    expect(await page.ask('rank/apply', { key: 'apply-once', iterationId, choice })).toEqual(applied)
    expect((await page.ask('run/status', {})).next).toMatchObject({ stage: 'pair', waits: false })
    await carryOn('pairs-again', { until: 'pair' })
    const { setId, agreement, labels } = (await page.ask('rank/view', { iterationId }))!
    expect({ setId, agreement, labels }).toEqual({ setId: 'run1.i1.set1', agreement: preview.agreement, labels: preview.labels })
    expect(await page.ask('rank/apply', { key: 'apply-same', iterationId, choice })).toEqual(applied) // nothing left to change
  }, 120_000)

  it('is trained once the person has decided', async () => {
    await page.ask('audit/decide', { key: 'decide-once', iterationId, choice: { kind: 'skip' } })
    expect(await carryOn('train-it')).toMatchObject({ how: 'finished', error: null })
    expect((await page.ask('run/status', {})).next).toBeNull()
  }, 120_000)
})

describe('going back', () => {
  it('shows what becomes stale and what it costs, then branches; the old round can be looked at and made active again', async () => {
    const back = { iterationId, stage: 'train', settings: { dpo: { ...(await page.ask('run/settings', {})).settings.dpo, beta: 0.3 } } } as const
    const preview = await page.ask('run/preview', back)
    expect(preview).toMatchObject({ from: 'train', how: 'branch', produces: 'M2·b', stale: [{ stage: 'train' }, { stage: 'evaluate' }], price: { basis: 'as it took before' } })
    expect(preview.price!.seconds).toBeCloseTo(preview.stale.reduce((sum, { price }) => sum + price!.seconds, 0), 6)
    const status = await page.ask('run/back', { key: 'back-once', ...back })
    expect(status).toMatchObject({ iterations: [{}, { iterationId: 'run1.i1b1', changed: ['dpo'] }], others: [{ iterationId }], next: { iterationId: 'run1.i1b1', stage: 'train' } })
    expect(await page.ask('run/back', { key: 'back-once', ...back })).toEqual(status) // the same click again
    expect((await page.ask('run/settings', {})).settings.dpo.beta).toBe(0.3)
    expect((await page.ask('run/settings', { iterationId })).settings.dpo.beta).toBe(0.1) // the old branch keeps its own
    expect([status.iterations[1], status.others[0]].map((one) => [one!.makes, one!.produced])).toEqual([['M2·b', null], ['M2', 'M2']])
    const stageIds = status.iterations[1]!.stages.map(({ stageId }) => stageId)
    expect(stageIds.slice(0, 2)).toEqual(['run1.i1.sample', 'run1.i1.score'])
    expect((await page.ask('sample/summary', { iterationId: 'run1.i1b1' })).responses).toBe((await page.ask('sample/summary', { iterationId })).responses)
    expect((await page.ask('rank/prompts', { iterationId: 'run1.i1b1' })).total).toBe(24)
    expect((await page.ask('pair/list', { iterationId: 'run1.i1b1' })).total).toBeGreaterThan(0)

    expect(await page.ask('run/activate', { iterationId })).toMatchObject({ iterations: [{}, { iterationId }], next: null })
    expect(await page.ask('run/activate', { iterationId: 'run1.i1b1' })).toMatchObject({ next: { stage: 'train' } })
  })

  it('stops a training for good with everything saved, and carries it on from there', async () => {
    const { id } = await page.ask('run/start', { key: 'branch-train' })
    await events.until('progress', ({ event }) => event.kind === 'progress' && event.iteration === 1 && event.stage === 'train' && event.progress.done > 0 && event.steps.length > 0)
    await page.ask('run/stop', {})
    const { event } = await events.until('job-ended', ({ event: one }) => one.kind === 'job-ended' && one.end.jobId === id)
    expect(['stopped', 'finished']).toContain((event as { end: JobEnd }).end.how)
    expect(await carryOn('branch-on')).toMatchObject({ how: 'finished' })
    const models = await page.ask('run/models', {})
    expect(models.map(({ name, last }) => [name, last])).toEqual([['M1', false], ['M2', false], ['M2·b', true]])
    expect(models.filter(({ best }) => best)).toHaveLength(1)
  }, 120_000)

  it('starts a further round from any model, beyond the planned ones', async () => {
    const status = await page.ask('run/continue', { key: 'round-two', from: iterationId })
    expect(status).toMatchObject({ rounds: 2, next: { iterationId: 'run1.i2', stage: 'sample', title: 'sampling responses from M2' }, others: [{ iterationId: 'run1.i1b1' }] })
    expect((await page.ask('run/models', {})).find(({ name }) => name === 'M2')!.continuedBy).toEqual(['run1.i2'])
    const branch = await page.ask('run/continue', { key: 'round-two-b', from: 'run1.i1b1' })
    expect(branch.next).toMatchObject({ iterationId: 'run1.i2b1', title: 'sampling responses from M2·b' })
    expect(branch.others.map(({ iterationId: id }) => id)).toEqual([iterationId, 'run1.i2'])
    expect(await page.request('run/continue', { key: 'round-three', from: 'run1.i2b1' })).toMatchObject({ ok: false, error: { sentence: expect.stringContaining('M3·b is not trained yet') as string } })
  })
})

describe('files that were moved', () => {
  it('are missed by name, and found again where they can be read', async () => {
    const { tasks } = await page.ask('place/bundled', {})
    const path = join(test.folder, 'home', 'tasks.jsonl')
    copyFileSync(test.workbench.places.pathOf(tasks), path)
    const locate = (name: string, file: string) => page.request('project/locateFile', { what: 'evaluation', name, file })
    expect(await locate('bundled', test.workbench.places.give(path))).toMatchObject({ ok: true, value: { filesMissing: [] } })
    rmSync(path)
    expect((await page.ask('project/current', {}))!.filesMissing).toEqual([{ what: 'evaluation', name: 'bundled', path }])
    expect(await locate('others', tasks)).toMatchObject({ ok: false, error: { code: 'bad-arguments' } })
    expect(await locate('bundled', test.workbench.places.give(join(test.folder, 'outside', 'secret.txt')))).toMatchObject({ ok: false, error: { code: 'bad-data' } })
    expect(await locate('bundled', tasks)).toMatchObject({ ok: true, value: { filesMissing: [] } })
    const { iterations } = await page.ask('project/disk', { project: handle })
    expect(iterations.map(({ model, bytes }) => [model, bytes > 1000])).toEqual([['M1', true], ['M2', true], ['M2·b', true]])
  })
})

describe('a base model that was moved', () => {
  it('is missed, found by its weights, and no other is taken for it', async () => {
    const models = join(test.folder, 'home', 'models')
    const { model: bundled } = await page.ask('place/bundled', {})
    cpSync(test.workbench.places.pathOf(bundled), join(models, 'here'), { recursive: true })
    const open = async (): Promise<void> => void (await page.ask('project/open', { project: handle }))
    const at = (name: string): string => test.workbench.places.give(join(models, name))
    await open()
    expect(await page.ask('project/locate', { folder: at('here') })).toMatchObject({ model: 'here', modelMissing: null })
    renameSync(join(models, 'here'), join(models, 'there'))
    expect((await page.ask('project/current', {}))!.modelMissing).toContain('is not in')
    expect(await carryOn('without-model')).toMatchObject({ how: 'failed', error: { code: 'bad-model', sentence: expect.stringContaining('say where it is now') as string } })
    expect(await page.request('project/locate', { folder: test.workbench.places.give(join(test.folder, 'outside')) })).toMatchObject({ ok: false, error: { code: 'bad-model' } })
    expect(await page.ask('project/locate', { folder: at('there') })).toMatchObject({ model: 'there', modelMissing: null })
    await carryOn('with-model', { until: 'pair' })
    expect((await page.ask('run/status', {})).next).toMatchObject({ iterationId: 'run1.i2b1', stage: 'audit' })
  }, 120_000)
})
