/** What a person is told before, beside and after a round, over the wire: costs, tokens, biases, alarms, answers. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { handlers } from '../../main/ipc/handlers.ts'
import { estimatedPrice } from '../../main/pipeline/estimate/prices.ts'
import type { RunEstimate } from '../../preload/contract/requests/estimate.ts'
import { Page, type TestHost, openTestHost } from './client.ts'

const iterationId = 'run1.i1'
let test: TestHost
let page: Page
let events: ReturnType<Page['listen']>
let places: { model: string; sft: string; prompts: string; tasks: string }
beforeAll(async () => {
  test = await openTestHost()
  page = await Page.open(test.host)
  events = page.listen()
  places = await page.ask('place/bundled', {})
})
afterAll(() => test.close())

describe('what the model will see', () => {
  it('is a row of SFT data, token by token, with the loss on the completion alone', async () => {
    const { model, sft } = places
    const seen = await page.ask('data/see', { file: sft, kind: 'sft', row: 3, model, maxLength: 128 })
    const { rows } = await page.ask('data/preview', { file: sft, kind: 'sft', rows: 4 })
    expect(seen.tokens.map(({ text }) => text).join('')).toContain(rows[3]!.response!)
    expect(seen.tokens).toHaveLength(seen.promptTokens + seen.completionTokens)
    expect(seen.tokens.map(({ inLoss }) => inLoss)).toEqual(seen.tokens.map((_, i) => i >= seen.promptTokens))
    expect(seen.tokens.at(-1)).toMatchObject({ special: 'eos', inLoss: true })
    expect(seen.tokens.filter(({ special }) => special === 'eos' ).length).toBe(1)
    expect(seen).toMatchObject({ dropped: 0, more: 0 })
    expect(seen.rendered).toContain(rows[3]!.response!)
  })

  it('shows what is cut: the end, EOS with it', async () => {
    const { model, sft } = places
    const whole = await page.ask('data/see', { file: sft, kind: 'sft', row: 0, model, maxLength: 128 })
    const cut = await page.ask('data/see', { file: sft, kind: 'sft', row: 0, model, maxLength: whole.tokens.length - 1 })
    expect(cut.dropped).toBe(1)
    expect(cut.tokens.map(({ id }) => id)).toEqual(whole.tokens.slice(0, -1).map(({ id }) => id))
    expect(cut.tokens.some(({ special }) => special === 'eos')).toBe(false)
    expect(cut.rendered).toBe(whole.rendered)
  })

  it('is a prompt without anything in the loss, and refuses a row that is not there', async () => {
    const { model, prompts } = places
    const seen = await page.ask('data/see', { file: prompts, kind: 'prompts', row: 0, model })
    expect(seen).toMatchObject({ completionTokens: 0, dropped: 0 })
    expect(seen.tokens.every(({ inLoss }) => !inLoss)).toBe(true)
    expect(await page.request('data/see', { file: prompts, kind: 'prompts', row: 1200, model })).toMatchObject({ ok: false, error: { code: 'bad-data', sentence: expect.stringContaining('no usable row 1201') as string } })
    expect(await page.request('data/see', { file: prompts, kind: 'prompts', row: 0, model: prompts })).toMatchObject({ ok: false })
  })

  it('tells how prompts are dealt to the iterations', async () => {
    const { model, prompts } = places
    const { shares, usable, tokens } = await page.ask('data/split', { prompts, model, iterations: 7, seed: 42, maxLength: 128 })
    expect(shares.map(({ t }) => t)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(shares.reduce((sum, one) => sum + one.prompts, 0)).toBe(1200)
    for (const share of shares) expect([171, 172]).toContain(share.prompts)
    expect(usable).toBe(1200)
    const short = await page.ask('data/split', { prompts, model, iterations: 1, seed: 42, maxLength: tokens.median, limit: 100 })
    expect(short.shares[0]!.tooLong).toBeGreaterThan(10)
    expect(short.usable).toBe(100 - short.shares[0]!.tooLong)
  })
})

describe('a run', () => {
  let estimate: RunEstimate

  it('is estimated from its settings, with parts that add up', async () => {
    const { model, sft, prompts, tasks } = places
    const settings = { ...(await page.ask('project/preset', { preset: 'ci' })), iterations: 1, evaluation: { scorer: 'exact', samples: 0, maxNewTokens: 16 } } as const
    const sources = { model, sft, sftLimit: 40, prompts, promptsLimit: 24, evaluation: [{ name: 'bundled', file: tasks, limit: 8 }] }
    estimate = await page.ask('estimate/run', { of: { kind: 'settings', settings, sources } })
    const { memory, disk, time, probe, verdict } = estimate
    expect(verdict.fit).toBe('fits')
    expect(probe).toMatchObject({ how: 'measured', sentence: expect.stringContaining('the engine scored') as string })
    for (const { bytes, parts } of memory.stages) expect(parts.reduce((sum, part) => sum + part.bytes, 0)).toBe(bytes)
    expect(memory.peakBytes).toBe(Math.max(...memory.stages.map(({ bytes }) => bytes)))
    expect(memory.stages.map(({ stage }) => stage)).toEqual(['tune', 'sample', 'score', 'train', 'evaluate'])
    expect(disk.parts.reduce((sum, part) => sum + part.bytes, 0)).toBe(disk.totalBytes)
    expect(time.stages.map(({ t, stage }) => `${t} ${stage}`)).toEqual(['0 tune', '0 evaluate', '1 sample', '1 score', '1 rank', '1 pair', '1 audit', '1 train', '1 evaluate'])
    for (const { stage, seconds, formula } of time.stages) expect([stage, seconds === null, formula.length > 10]).toEqual([stage, stage === 'audit', true])
    await page.ask('project/create', { name: 'Estimated', from: { kind: 'settings', settings, sources } })
  }, 120_000)

  it('is estimated to its end where its project is closed meanwhile, and prices nothing then', async () => {
    const { project: { db }, events: { cursor } } = test.workbench
    const answer = handlers['estimate/run'](test.workbench, { of: { kind: 'project' }, probe: true })
    test.workbench.closeProject()
    expect(await answer).toMatchObject({ probe: { how: 'remembered' } })
    expect(estimatedPrice(db, 0, 'tune')).toBeNull()
    await page.ask('project/open', { project: (await page.ask('project/list', {}))[0]!.handle })
    await events.until('project-opened', ({ sequence }) => sequence > cursor.sequence)
    expect(events.events.filter(({ event }) => event.kind === 'run-estimated')).toEqual([])
  }, 60_000)

  it('is not measured twice, and prices the rail before its first round', async () => {
    const before = (await page.ask('run/status', {})).iterations[0]!.stages.map(({ price }) => price)
    expect(before).toEqual([null, null])
    const again = await page.ask('estimate/run', { of: { kind: 'project' } })
    await events.until('run-estimated') // so that every page's rail asks for the prices
    expect(again.probe).toMatchObject({ how: 'remembered' })
    expect(again.memory.stages.map(({ stage }) => stage)).toEqual(estimate.memory.stages.map(({ stage }) => stage))
    const { iterations: [first], toCome } = await page.ask('run/status', {})
    expect(toCome.map(({ t, stage, price }) => `${t} ${stage} ${price?.seconds ?? null}`)).toEqual(again.time.stages.slice(2).map(({ t, stage, seconds }) => `${t} ${stage} ${seconds}`))
    expect(first!.stages.map(({ price }) => price)).toEqual(again.time.stages.slice(0, 2).map(({ seconds }) => ({ seconds, basis: 'as a probe of this machine tells' })))
  }, 60_000)

  it('is estimated without times where nothing may be measured, and never blocks what does not fit', async () => {
    const settings = { ...(await page.ask('project/preset', { preset: 'ci' })), seed: 7 }
    const { model, sft, prompts } = places
    const unmeasured = await page.ask('estimate/run', { of: { kind: 'settings', settings, sources: { model, sft, prompts, evaluation: [] } }, probe: false })
    expect(unmeasured).toMatchObject({ probe: { how: 'none' }, time: { totalSeconds: null, stages: [] }, memory: { verdict: { fit: 'fits' } } })
    const gpu = await page.ask('estimate/run', { of: { kind: 'settings', settings: { ...settings, device: 'webgpu' }, sources: { model, sft, prompts, evaluation: [] } }, probe: false })
    const short = await page.request('estimate/run', { of: { kind: 'settings', settings: { ...settings, maxLength: 8 }, sources: { model, sft, prompts, promptsLimit: 4, evaluation: [] } }, probe: false })
    expect(short).toMatchObject({ ok: false, error: { code: 'bad-data', sentence: expect.stringMatching(/^No prompt of iteration \d fits the context of 8 tokens/) as string } })
    expect(gpu).toMatchObject({ device: 'webgpu', memory: { available: null, verdict: { fit: 'unknown' } } })

    const weightsIn = ({ memory: { stages } }: RunEstimate): number => stages[0]!.parts.find(({ what }) => what === 'weights')!.bytes
    const sampled = ({ memory: { stages } }: RunEstimate): string[] => stages.find(({ stage }) => stage === 'sample')!.parts.map(({ what }) => what)
    const asHalves = (device: 'cpu' | 'webgpu') => page.ask('estimate/run', { of: { kind: 'settings', settings: { ...settings, device, weights: 'fp16' }, sources: { model, sft, prompts, evaluation: [] } }, probe: false })
    const halves = await asHalves('webgpu')
    expect(weightsIn(halves) / weightsIn(gpu)).toBeCloseTo(0.5, 2) // norms stay floats
    expect([sampled(gpu).includes('merged weights'), sampled(halves).includes('merged weights')]).toEqual([true, false])
    expect(halves.memory.verdict.sentence).not.toBe(gpu.memory.verdict.sentence)
    await expect(asHalves('cpu')).rejects.toThrow(/bad-config: Weights are fp32 on the CPU/)
  }, 60_000)

  it('shows what the engine holds while it works, and that it is off after', async () => {
    expect(await page.ask('app/engine', {})).toMatchObject({ state: 'off', pid: null, rssBytes: null, device: { device: 'cpu' } })
    const { id } = await page.ask('run/start', { key: 'to-the-end', gate: 'configured' })
    await events.until('progress')
    const working = await page.ask('app/engine', {})
    expect(working).toMatchObject({ state: 'working', pid: expect.any(Number) as number })
    expect(working.rssBytes).toBeGreaterThan(50e6)
    expect((await page.ask('estimate/run', { of: { kind: 'project' } })).probe.how).toBe('remembered') // no second engine computes
    const { event } = await events.until('job-ended', ({ event: one }) => one.kind === 'job-ended' && one.end.jobId === id)
    expect(event).toMatchObject({ end: { how: 'finished', error: null } })
    expect(await page.ask('app/engine', {})).toMatchObject({ state: 'off', pid: null })
  }, 240_000)

  it('takes the disk that was estimated', async () => {
    await page.ask('project/close', {})
    const { handle: project } = (await page.ask('project/list', {}))[0]!
    const { bytes } = await page.ask('project/disk', { project })
    await page.ask('project/open', { project })
    // So small a project is tables and pages more than rows: the bench holds larger ones to 10 %.
    expect(estimate.disk.totalBytes / bytes).toBeGreaterThan(0.75)
    expect(estimate.disk.totalBytes / bytes).toBeLessThan(1.25)
    expect(existsSync(join(test.folder, 'state', 'probes.json'))).toBe(true)
  })
})

describe('a round that is done', () => {
  it('says how its training began and who labelled its pairs', async () => {
    const { iterations } = await page.ask('run/status', {})
    const [tune, train] = [iterations[0]!.stages[0]!, iterations[1]!.stages.find(({ stage }) => stage === 'train')!]
    const { pairs } = (await page.ask('rank/view', { iterationId }))!.labels
    expect(await page.ask('training/summary', { stageId: train.stageId })).toMatchObject({
      kind: 'dpo', stepZero: { loss: Math.fround(Math.LN2), ok: true }, pairs: { judge: pairs, person: 0, dropped: 0 }, examples: pairs, peakMemoryBytes: null,
    })
    const { kind, stepZero, steps, tokens, tokensPerSecond } = await page.ask('training/summary', { stageId: tune.stageId })
    expect({ kind, stepZero, steps }).toEqual({ kind: 'sft', stepZero: null, steps: { done: 5, total: 5 } })
    expect(tokens).toBeGreaterThan(0)
    expect(tokensPerSecond).toBeGreaterThan(0)
    expect(await page.request('training/summary', { stageId: 'run1.i9.train' })).toMatchObject({ ok: false, error: { code: 'bad-arguments' } })
  })

  it('shows its biases in figures that agree with the pairs', async () => {
    const bias = (await page.ask('rank/bias', { iterationId }))!
    const { labels } = (await page.ask('rank/view', { iterationId }))!
    expect(bias.pairs).toBe(labels.pairs)
    const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)
    expect([sum(bias.position.chosen), sum(bias.position.rejected), sum(bias.length.histogram.chosen), sum(bias.length.histogram.rejected)]).toEqual(Array(4).fill(bias.pairs))
    expect(bias.length.histogram.edges).toHaveLength(bias.length.histogram.chosen.length + 1)
    // The view counts pairs of equal length as not longer, the panel leaves them out.
    expect(Math.round(bias.length.longerChosen!.rate * bias.length.longerChosen!.n)).toBe(Math.round(labels.longerChosen! * bias.pairs))
    expect(bias.repetition.distinctN.all.every((value) => value !== null && value > 0 && value <= 1)).toBe(true)
    expect(await page.ask('rank/bias', { iterationId: 'run1.i0' })).toBeNull()
  })

  it('raises alarms as sentences with figures behind them', async () => {
    const alarms = await page.ask('alarm/list', {})
    expect(await page.ask('alarm/list', { iterationId })).toEqual(alarms)
    for (const { iterationId: where, sentence, evidence } of alarms) {
      expect(where).toBe(iterationId)
      expect(sentence).toMatch(/^[A-Z0-9].*\.$/)
      expect(evidence.figures.length).toBeGreaterThan(0)
    }
    expect(alarms.map(({ code }) => code)).not.toContain('step0-loss')
  })

  it('lays two models’ answers side by side, by what changed', async () => {
    const asked = { first: 'M0', second: 'M2' } as const
    const all = await page.ask('evaluation/answers', asked)
    expect(all.total).toBe(8)
    const { bothRight, bothWrong, gained, lost } = all.counts
    expect(bothRight + bothWrong + gained + lost).toBe(8)
    for (const [outcome, count] of [['both-right', bothRight], ['both-wrong', bothWrong], ['gained', gained], ['lost', lost]] as const) {
      const { rows, total } = await page.ask('evaluation/answers', { ...asked, outcome })
      expect(total).toBe(count)
      expect(rows.map((row) => row.itemId)).toEqual(all.rows.filter((row) => row.outcome === outcome).map((row) => row.itemId))
    }
    for (const row of all.rows) {
      expect(row.prompt).not.toBeNull()
      expect(row.gold).not.toBeNull()
      expect(row.outcome).toBe(row.first.isCorrect ? (row.second.isCorrect ? 'both-right' : 'lost') : row.second.isCorrect ? 'gained' : 'both-wrong')
    }
    const back = await page.ask('evaluation/answers', { first: 'M2', second: 'M0' })
    expect(back.counts).toEqual({ bothRight, bothWrong, gained: lost, lost: gained })
    expect((await page.ask('evaluation/answers', { ...asked, task: all.tasks[0]!, offset: 1, limit: 1 })).rows).toHaveLength(all.rows.filter(({ task }) => task === all.tasks[0]).length > 1 ? 1 : 0)
    expect(await page.request('evaluation/answers', { first: 'M0', second: 'M7' })).toMatchObject({ ok: false, error: { code: 'bad-arguments' } })
  })
})
