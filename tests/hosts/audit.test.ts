/** The spot-check over the wire: blind until it is closed, every key kept once, taken back, and reported. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BlindPair } from '../../preload/contract/requests/audit.ts'
import { pairsOf } from '../../main/store/pairs.ts'
import { openProject } from '../../main/store/project.ts'
import { ids, insertFinishedRound, insertPlan } from '../store/fixture.ts'
import { type Listener, Page, type TestHost, openTestHost, send } from './client.ts'

let test: TestHost
let page: Page
let events: Listener
/** What the judge holds of each prompt: its chosen response's text. */
const chosenText = new Map<string, string>()

beforeAll(async () => {
  test = await openTestHost()
  const folder = join(test.folder, 'projects', 'Audited')
  const project = openProject(folder)
  insertPlan(project.db)
  insertFinishedRound(project.db, { prompts: 40 })
  for (const { promptId, chosenId } of pairsOf(project.db, ids.set)) chosenText.set(`What is ${Number(promptId.slice(-5))} + 1?`, `It is ${Number(promptId.slice(-5)) + Number(chosenId.slice(-1))}.`)
  project.close()
  page = await Page.open(test.host)
  events = page.listen()
  await events.firstMessage()
  const [summary] = await page.ask('project/list', {})
  await page.ask('project/open', { project: summary!.handle })
})
afterAll(() => test.close())

const asked = { iterationId: ids.i1, pairs: 20, annotator: 'Ana', criterion: 'correct, then clear', line: 0.6 }
const chosenIsLeft = ({ prompt, left }: BlindPair): boolean => chosenText.get(prompt as string) === left

/** The reply as it comes over the wire. */
async function rawNext(session: string): Promise<string> {
  return (await send(page.port, { method: 'POST', path: '/api/audit/next', headers: page.calling(), body: JSON.stringify({ session }) })).body
}

describe('a spot-check', () => {
  let session: string
  const seen: BlindPair[] = []

  it('starts once for one click', async () => {
    const started = await page.ask('audit/start', { key: 'start-audit', ...asked })
    expect(started).toMatchObject({ iterationId: ids.i1, open: true, progress: { judged: 0, total: 22, secondsPerPair: null, canUndo: false } }) // 20 pairs and 2 repeats
    expect(await page.ask('audit/start', { key: 'start-audit', ...asked })).toEqual(started)
    expect(await page.ask('audit/sessions', { iterationId: ids.i1 })).toEqual([started])
    session = started.session
  })

  it('is the only one of its mode while it is open', async () => {
    expect(await page.request('audit/start', { key: 'start-second', ...asked, pairs: 5 })).toMatchObject({ ok: false, error: { code: 'bad-arguments', sentence: expect.stringContaining('open already, begun by Ana') as string } })
    expect(await page.ask('audit/sessions', { iterationId: ids.i1 })).toMatchObject([{ session }])
  })

  it('sends of an unjudged pair its prompt, left and right, and nothing more', async () => {
    const raw = await rawNext(session)
    const { value } = JSON.parse(raw) as { value: { pair: BlindPair; progress: object } }
    expect(Object.keys(value).sort()).toEqual(['note', 'pair', 'progress', 'ranking'])
    expect(value).toMatchObject({ note: null, ranking: null })
    expect(Object.keys(value.pair).sort()).toEqual(['left', 'pair', 'prompt', 'right'])
    expect(Object.keys(value.progress).sort()).toEqual(['canUndo', 'judged', 'secondsPerPair', 'total'])
    expect(value.pair.pair).toMatch(/^pair-[0-9a-f]{24}$/)
    for (const word of ['run1', 'reward', 'margin', 'consistency', 'chosen', 'stratum', 'M1', 'repeat']) expect(raw).not.toContain(word)
    expect(await rawNext(session)).toBe(raw) // asking again shows the same pair
  })

  it('tells after a verdict only progress and pace, whatever the verdict says, and the stream only that there was one', async () => {
    const { pair } = await page.ask('audit/next', { session })
    const judge = (verdict: 'left' | 'right' | 'flag', key: string) => page.ask('audit/judge', { key, session, pair: pair!.pair, verdict, milliseconds: 4000 })
    const left = await judge('left', 'verdict-l')
    await page.ask('audit/undo', { key: 'undo-left', session })
    const right = await judge('right', 'verdict-r')
    await page.ask('audit/undo', { key: 'undo-right', session })
    expect(left).toEqual({ judged: 1, total: 22, secondsPerPair: 4, canUndo: true })
    expect(right).toEqual(left)
    expect((await events.until('audit-changed')).event).toEqual({ kind: 'audit-changed', session })
    expect(await page.request('audit/report', { session })).toMatchObject({ ok: false, error: { sentence: expect.stringContaining('once it is closed') as string } })
  })

  it('takes each key once, for the pair on the screen only', async () => {
    const { pair } = await page.ask('audit/next', { session })
    const verdict = { key: 'same-key-1', session, pair: pair!.pair, verdict: 'tie', milliseconds: 300 } as const
    expect(await page.ask('audit/judge', verdict)).toMatchObject({ judged: 1 })
    expect(await page.ask('audit/judge', verdict)).toMatchObject({ judged: 1 }) // the same press, sent again
    expect(await page.request('audit/judge', { ...verdict, key: 'another-key' })).toMatchObject({ ok: false, error: { code: 'bad-arguments' } })
    expect(await page.ask('audit/undo', { key: 'undo-once', session })).toMatchObject({ judged: 0, canUndo: false })
    expect(await page.ask('audit/undo', { key: 'undo-once', session })).toMatchObject({ judged: 0 })
    expect((await page.ask('audit/next', { session })).pair).toEqual(pair)
    expect(await page.request('audit/undo', { key: 'undo-more', session })).toMatchObject({ ok: false, error: { sentence: 'There is no verdict to take back.' } })
  })

  it('goes through every showing, sides even, repeats unrecognisable', async () => {
    for (let pair = (await page.ask('audit/next', { session })).pair; pair; pair = (await page.ask('audit/next', { session })).pair) {
      seen.push(pair)
      // Agrees with the judge three times in four.
      const agrees = seen.length % 4 !== 0
      const verdict = chosenIsLeft(pair) === agrees ? 'left' : 'right'
      await page.ask('audit/judge', { key: `verdict-${seen.length}`, session, pair: pair.pair, verdict, milliseconds: seen.length === 1 ? 200 : 3000, ...(seen.length === 2 && { note: 'hm' }) })
    }
    expect(seen).toHaveLength(22)
    expect(new Set(seen.map(({ pair }) => pair)).size).toBe(22)
    const prompts = seen.map(({ prompt }) => prompt as string)
    const firsts = seen.filter(({ prompt }, i) => prompts.indexOf(prompt as string) === i)
    expect(firsts).toHaveLength(20)
    expect(firsts.filter(chosenIsLeft)).toHaveLength(10)
    for (const again of seen.filter((one) => !firsts.includes(one))) {
      const first = firsts.find(({ prompt }) => prompt === again.prompt)!
      expect([again.left, again.right]).toEqual([first.right, first.left])
    }
  })

  it('shows its figures once it is closed, and then takes no more keys', async () => {
    await page.ask('audit/close', { session })
    const report = await page.ask('audit/report', { session })
    const { agree, disagree } = report.outcomes
    expect(agree + disagree).toBe(20)
    expect(disagree).toBeGreaterThanOrEqual(3)
    expect(report).toMatchObject({ session, population: 40, planned: 20, hasty: 1, outcomes: { tie: 0, skip: 0, flag: 0 } })
    expect(report.agreement!.n).toBe(20)
    expect(report.agreement!.rate).toBeCloseTo(agree / 20, 1)
    expect(['passed', 'undecided']).toContain(report.gate.state)
    expect(await page.request('audit/undo', { key: 'undo-late', session })).toMatchObject({ ok: false })
    expect((await page.ask('audit/next', { session })).pair).toBeNull()
    expect(await page.ask('audit/sessions', { iterationId: ids.i1 })).toMatchObject([{ open: false, progress: { judged: 22 } }])
  })

  it('leaves its verdicts in history', async () => {
    const { total, rows } = await page.ask('history/list', { filter: { audited: true }, limit: 200 })
    expect(total).toBe(20)
    const histories = await Promise.all(rows.map(({ promptId }) => page.ask('history/prompt', { promptId })))
    const verdicts = histories.flatMap((history) => history.verdicts)
    expect(verdicts).toHaveLength(22)
    expect(verdicts.filter(({ note }) => note === 'hm')).toHaveLength(1)
    expect(verdicts.every(({ verdict, annotator }) => (verdict === 'a' || verdict === 'b') && annotator === 'Ana')).toBe(true)
  })
})
