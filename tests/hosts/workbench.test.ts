/** A run as a renderer sees it, over the wire: made, carried on, watched, left and found again. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EventMessage } from '../../preload/contract/events.ts'
import type { Params } from '../../preload/contract/requests.ts'
import type { OpenedProject } from '../../preload/contract/requests/project.ts'
import { Page, type TestHost, openTestHost } from './client.ts'

let test: TestHost
let page: Page
beforeAll(async () => {
  test = await openTestHost()
  page = await Page.open(test.host)
})
afterAll(() => test.close())

const small = { preset: 'ci', settings: { evaluation: { scorer: 'exact', samples: 0, maxNewTokens: 16 } } } as const

describe('before there is a project', () => {
  it('says so, as a value', async () => {
    expect(await page.ask('project/current', {})).toBeNull()
    expect(await page.request('run/status', {})).toEqual({ ok: false, error: { code: 'no-project', sentence: 'No project is open; open one or make a new one.' } })
    expect(await page.ask('project/list', {})).toEqual([])
  })

  it('shows what a model folder and a data file hold', async () => {
    const { model, prompts, sft } = await page.ask('place/bundled', {})
    expect(await page.ask('model/inspect', { folder: model })).toMatchObject({ name: 'model', architecture: 'LlamaForCausalLM', supported: true, problems: [] })
    expect(await page.ask('data/preview', { file: prompts, kind: 'prompts', rows: 2 })).toMatchObject({ name: 'prompts.jsonl', usable: 1200, rejected: 0, rows: [{ response: null }, {}] })
    expect(await page.ask('data/preview', { file: sft, kind: 'sft', rows: 1 })).toMatchObject({ usable: 2000, rows: [{ response: expect.any(String) as string }] })
    expect(await page.request('data/preview', { file: model, kind: 'sft' })).toMatchObject({ ok: false, error: { code: 'bad-data' } })
  })

  it('refuses names that are no folder everywhere', async () => {
    for (const name of ['a/b', '..', 'con', 'a?', 'a.']) expect(await page.request('project/create', { name, from: { kind: 'preset', preset: 'ci' } })).toMatchObject({ ok: false, error: { code: 'bad-arguments' } })
  })
})

describe('the demo, from a click to the ranking', () => {
  let project: OpenedProject
  let events: ReturnType<Page['listen']>

  beforeAll(async () => {
    events = page.listen()
    await events.firstMessage()
    project = await page.ask('project/create', { name: 'My demo', from: { kind: 'preset', ...small } })
  })

  it('is planned and open', async () => {
    expect(project).toMatchObject({ name: 'My demo', folder: join(test.folder, 'projects', 'My demo'), readOnly: null, model: 'bundled/model', prompts: 96, done: 0, missing: false })
    const { iterations, next, job, rounds, command } = await page.ask('run/status', {})
    expect(rounds).toBe(2)
    expect(iterations.map(({ t, policy, stages }) => [t, policy, stages.map(({ stage, status }) => `${stage} ${status}`)])).toEqual([[0, 'M0', ['tune pending', 'evaluate pending']]])
    expect({ next, job }).toEqual({ next: { iterationId: 'run1.i0', t: 0, stage: 'tune', title: 'tuning M0 into M1 (SFT)', waits: false }, job: null })
    expect(command).toBe(`creamery resume --project '${project.folder}'`)
    expect(await page.request('project/create', { name: 'My demo', from: { kind: 'preset', preset: 'ci' } })).toMatchObject({ ok: false, error: { code: 'bad-arguments' } })
  })

  it('changes settings that nothing used, one group and no other', async () => {
    const before = await page.ask('run/settings', {})
    const { settings, fixed } = await page.ask('run/change', { settings: { method: 'cream-avg' } })
    expect(settings).toEqual({ ...before.settings, method: 'cream-avg' })
    expect(fixed.map(({ setting }) => setting)).toEqual(['iterations', 'seed', 'maxLength', 'weights'])
    expect(await page.request('run/change', { settings: { seed: 7 } })).toMatchObject({ ok: false, error: { sentence: expect.stringContaining('"seed" was used by the plan of the run') as string } })
    await page.ask('run/change', { settings: { method: before.settings.method } })
  })

  it('pauses at a safe point, loses no training step, and resumes to where it was going', async () => {
    const job = await page.ask('run/start', { key: 'start-once', until: 'rank' })
    expect(job).toMatchObject({ state: 'starting', until: 'rank' })
    expect(await page.ask('run/start', { key: 'start-once', until: 'rank' })).toEqual(job) // the same click again
    expect(await page.request('run/start', { key: 'another-one' })).toMatchObject({ ok: false, error: { code: 'busy' } })
    expect(await page.request('project/close', {})).toMatchObject({ ok: false, error: { code: 'busy' } })
    expect(await page.request('run/change', { settings: { threads: 1 } })).toMatchObject({ ok: false, error: { code: 'busy' } })

    await events.until('progress')
    const stageId = 'run1.i0.tune'
    expect((await page.ask('training/curve', { stageId })).points[0]!.metrics).toHaveProperty('loss')
    expect(await page.ask('run/pause', {})).toMatchObject({ state: 'pausing' })
    const { event: ended } = await events.until('job-ended')
    expect(ended).toEqual({ kind: 'job-ended', end: { jobId: job.id, how: 'paused', error: null } })
    expect((await page.ask('run/status', {})).iterations[0]!.stages[0]).toMatchObject({ stage: 'tune', status: 'paused' })

    const again = await page.ask('run/resume', { key: 'resume-once' })
    expect(again).toMatchObject({ until: 'rank' })
    const { event } = await events.until('job-ended', ({ event: one }) => one.kind === 'job-ended' && one.end.jobId === again.id)
    expect(event).toMatchObject({ end: { how: 'stopped', error: null } })
    const { points, total } = await page.ask('training/curve', { stageId })
    expect(points.map(({ step }) => step)).toEqual(Array.from({ length: total! }, (_, i) => i + 1))
    expect(points.every(({ committed }) => committed)).toBe(true)
    const told = events.events.flatMap(({ event: one }) => (one.kind === 'progress' && one.stage === 'tune' ? one.steps.map(({ step }) => step) : []))
    expect(new Set(told)).toEqual(new Set(points.map(({ step }) => step)))
    expect((await page.ask('training/curve', { stageId, after: total! - 1 })).points).toHaveLength(1)
  }, 240_000)

  it('numbers every event without a gap, and gives whoever comes back what was missed', async () => {
    expect(events.messages[0]).toMatchObject({ kind: 'snapshot', snapshot: { project: null, job: null } })
    for (const message of events.messages) EventMessage.parse(message)
    const numbers = events.events.map(({ sequence }) => sequence)
    expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i))
    const kinds = events.events.map(({ event }) => event.kind)
    for (const kind of ['project-opened', 'settings-changed', 'job-changed', 'stage-started', 'progress', 'stage-done', 'job-ended']) expect(kinds).toContain(kind)

    const first = events.messages[0]!
    if (first.kind !== 'snapshot') throw new Error('no snapshot')
    const middle = { epoch: first.cursor.epoch, sequence: numbers[Math.floor(numbers.length / 2)]! }
    const back = page.listen(middle)
    await back.until('job-ended', ({ sequence }) => sequence === numbers.at(-1))
    expect(back.messages.every(({ kind }) => kind === 'events')).toBe(true)
    expect(back.events).toEqual(events.events.filter(({ sequence }) => sequence > middle.sequence))
    await back.close()
    // Another start of Creamery: its numbers mean nothing here.
    const stranger = page.listen({ epoch: 'another', sequence: 3 })
    expect(await stranger.firstMessage()).toMatchObject({ kind: 'snapshot', cursor: { sequence: numbers.at(-1) }, snapshot: { project: { name: 'My demo' }, job: null } })
    await stranger.close()
  })

  it('shows responses, rankings and history in windows', async () => {
    const iterationId = 'run1.i1'
    const { sampled, responses, meanDistinct, tasks } = await page.ask('sample/summary', { iterationId })
    expect({ sampled, responses, tasks }).toEqual({ sampled: 48, responses: 192, tasks: ['pick', 'reverse', 'sort', 'sum'] })
    expect(meanDistinct).toBeGreaterThan(1)
    const list = await page.ask('sample/list', { iterationId, task: 'sum', offset: 1, limit: 2 })
    expect(list.rows).toHaveLength(2)
    expect(list.rows[0]).toMatchObject({ task: 'sum', responses: Array.from({ length: 4 }, (_, position) => ({ position })) })

    const view = (await page.ask('rank/view', { iterationId }))!
    const { agreement } = view
    expect(agreement).toMatchObject({ statistic: 'tau-b', firstIterationRule: 'mean-logps', current: { model: 'M1', measure: 'mean-logps' }, previous: { model: 'M0' }, prompts: 48 })
    const nulls = agreement.nulls.reduce((sum, { prompts }) => sum + prompts, 0)
    expect(agreement.histogram.counts.reduce((sum, n) => sum + n, 0)).toBe(48 - nulls)
    expect(view.labels.pairs).toBeNull() // the run stopped after "rank"

    const all = await page.ask('rank/prompts', { iterationId, order: { by: 'consistency' }, limit: 200 })
    const known = all.rows.flatMap(({ consistency }) => (consistency === null ? [] : [consistency]))
    expect(all.total).toBe(48)
    expect(known).toEqual(known.toSorted((a, b) => a - b))
    expect(known.reduce((sum, c) => sum + c, 0) / known.length).toBeCloseTo(agreement.meanConsistency!, 12)
    const flipped = await page.ask('rank/prompts', { iterationId, filter: { flipped: true } })
    expect(flipped.total).toBe(agreement.flipped)
    const [row] = all.rows
    const ranking = await page.ask('rank/prompt', { iterationId, promptId: row!.promptId })
    expect(ranking.ranked.map(({ current }) => current.rank).toSorted((a, b) => a - b)[0]).toBeLessThan(2)
    expect((await page.ask('history/list', { filter: { minConsistency: 0.9 }, limit: 200 })).total).toBe(known.filter((c) => c >= 0.9).length)
    const history = await page.ask('history/prompt', { promptId: row!.promptId })
    expect(history.responses.map(({ judges }) => judges.map(({ model }) => model))).toEqual(Array.from({ length: 4 }, () => ['M0', 'M1']))
    expect((await page.ask('evaluation/report', {})).map(({ model, tasks: figures }) => [model, Object.keys(figures).length])).toEqual([['M0', 5], ['M1', 5]])
  })

  it('previews other ways of ranking from stored scores, and what is stored changes nothing', async () => {
    const iterationId = 'run1.i1'
    const before = await page.ask('rank/preview', { iterationId, choice: {} })
    expect(before.changes.prompts).toBe(0)
    const { id } = await page.ask('run/start', { key: 'to-the-pairs', until: 'pair' })
    await events.until('job-ended', ({ event }) => event.kind === 'job-ended' && event.end.jobId === id)

    const { labels, agreement } = (await page.ask('rank/view', { iterationId }))!
    expect(labels).toEqual(before.labels) // the preview was what the stage then did
    const { total, rows } = await page.ask('pair/list', { iterationId, limit: 200 })
    expect(total).toBe(labels.pairs)
    expect(rows.every(({ margin, chosen, rejected }) => margin > 0 && chosen.text !== rejected.text)).toBe(true)
    const preview = (choice: Params<'rank/preview'>['choice']) => page.ask('rank/preview', { iterationId, choice })
    expect(await preview({})).toEqual({ agreement, labels, changes: { prompts: 0, gained: 0, lost: 0, otherSides: 0, otherLabel: 0 }, stopped: null })

    const srlm = await preview({ method: 'srlm' })
    expect(srlm.labels).toMatchObject({ meanLabel: 1, reversed: 0 })
    expect(srlm.changes).toEqual({ prompts: rows.filter(({ consistency }) => consistency !== 1).length, gained: 0, lost: 0, otherSides: 0, otherLabel: rows.filter(({ consistency }) => consistency !== 1).length })
    const tied = await preview({ tieTolerance: 1000 })
    expect(tied.stopped).toContain('No prompt has a consistency')
    expect(tied.agreement).toMatchObject({ meanConsistency: null, chance: null })
    expect(tied.changes).toMatchObject({ prompts: labels.pairs, lost: labels.pairs })
    const reference = await preview({ firstIterationRule: 'reference-code', statistic: 'tau-a' })
    expect(reference.agreement).toMatchObject({ statistic: 'tau-a', firstIterationRule: 'reference-code', current: { measure: 'log-ratio' }, previous: { measure: 'mean-logps' } })
    expect(reference.agreement.meanConsistency).toBeLessThan(agreement.meanConsistency!)
    expect((await page.ask('rank/view', { iterationId }))!.agreement).toEqual(agreement)
  })

  it('is duplicated, moved, measured and deleted by name', async () => {
    const copy = await page.ask('project/duplicate', { project: project.handle, name: 'Copy' })
    expect((await page.ask('project/current', {}))!.name).toBe('My demo')
    const opened = await page.ask('project/open', { project: copy.handle })
    expect(opened).toMatchObject({ name: 'Copy', prompts: 96 })
    expect((await page.ask('run/status', {})).next).toMatchObject({ t: 1, stage: 'audit' })
    const moved = await page.ask('project/move', { project: copy.handle, name: 'Moved' })
    expect((await page.ask('project/list', {})).map(({ name }) => name)).toEqual(['Moved', 'My demo'])
    const { bytes, parts } = await page.ask('project/disk', { project: moved.handle })
    expect(parts.find(({ what }) => what === 'adapters')!.bytes).toBeGreaterThan(1000)
    expect(parts.reduce((sum, part) => sum + part.bytes, 0)).toBe(bytes)
    expect(await page.request('project/delete', { project: moved.handle, name: 'moved' })).toMatchObject({ ok: false })
    expect(existsSync(moved.folder)).toBe(true)
    await page.ask('project/delete', { project: moved.handle, name: 'Moved' })
    expect(existsSync(moved.folder)).toBe(false)
    expect(await page.ask('project/current', {})).toBeNull()
    await page.ask('project/open', { project: project.handle })
  })
})
