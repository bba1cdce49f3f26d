/** From verdict to label over the wire: what is said before a spot-check, notes, more pairs, disagreements, effects, the decision; and ranking mode. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BlindPair, BlindRanking } from '../../preload/contract/requests/audit.ts'
import { labelsOf } from '../../main/store/gates.ts'
import { pairsOf } from '../../main/store/pairs.ts'
import { openProject } from '../../main/store/project.ts'
import { commitCheckpoint } from '../../main/store/training.ts'
import { ids, insertFinishedRound, insertPlan, sha } from '../store/fixture.ts'
import { Page, type TestHost, openTestHost, send } from './client.ts'

let test: TestHost
let page: Page
/** The text of each prompt's chosen response, by the prompt's text. */
const chosenText = new Map<string, string>()

beforeAll(async () => {
  test = await openTestHost()
  const project = openProject(join(test.folder, 'projects', 'Gated'))
  insertPlan(project.db)
  insertFinishedRound(project.db, { prompts: 60 })
  for (const { promptId, chosenId } of pairsOf(project.db, ids.set)) chosenText.set(`What is ${Number(promptId.slice(-5))} + 1?`, `It is ${Number(promptId.slice(-5)) + Number(chosenId.slice(-1))}.`)
  project.close()
  page = await Page.open(test.host)
  const [summary] = await page.ask('project/list', {})
  await page.ask('project/open', { project: summary!.handle })
})
afterAll(() => test.close())

const iterationId = ids.i1
const signed = { annotator: 'Ana', criterion: 'correct' }
let keys = 0
const key = (): string => `a-fresh-key-${keys++}`
const refusal = async (...[name, params]: Parameters<typeof page.request>): Promise<string> => {
  const reply = await page.request(name, params)
  return reply.ok ? 'allowed' : reply.error.sentence
}

type Say = 'agree' | 'disagree' | 'tie' | 'skip' | 'flag'
/** Judges what is left of a session; `say` gives the verdict on each pair. */
async function judgeAll(session: string, say: (pair: BlindPair, i: number) => Say): Promise<BlindPair[]> {
  const seen: BlindPair[] = []
  for (let { pair } = await page.ask('audit/next', { session }); pair; { pair } = await page.ask('audit/next', { session })) {
    const said = say(pair, seen.length)
    const isLeft = chosenText.get(pair.prompt as string) === pair.left
    const verdict = said === 'agree' ? (isLeft ? 'left' : 'right') : said === 'disagree' ? (isLeft ? 'right' : 'left') : said
    await page.ask('audit/judge', { key: key(), session, pair: pair.pair, verdict, milliseconds: 2000 })
    seen.push(pair)
  }
  return seen
}

describe('a spot-check of pairs and its gate', () => {
  let first: string
  const outcomes = new Map<string, Say>()

  it('says before it starts what it looks at and what it can show', async () => {
    const preview = await page.ask('audit/plan', { iterationId, pairs: 10, line: 0.75 })
    expect(preview).toMatchObject({ mode: 'pairs', population: 60, planned: 10, repeats: 1, rate: null, needed: null })
    expect(preview.clearable).toBeCloseTo(1 / (1 + (1.959963984540054 ** 2 * (1 - 10 / 60)) / 10), 9)
    expect(preview.strata.reduce((sum, { planned }) => sum + planned, 0)).toBe(10)
    expect(await page.ask('audit/gate', { iterationId })).toEqual({ iterationId, waiting: true, decision: null, fixed: null, suggestedPairs: 20 })
  })

  it('keeps a note on an unjudged pair over a reload, and over an undo', async () => {
    first = (await page.ask('audit/start', { key: key(), iterationId, pairs: 10, ...signed })).session
    const { pair } = await page.ask('audit/next', { session: first })
    await page.ask('audit/note', { key: key(), session: first, item: pair!.pair, note: 'both wr' })
    await page.ask('audit/note', { key: key(), session: first, item: pair!.pair, note: 'both wrong' })
    expect(await page.ask('audit/next', { session: first })).toMatchObject({ pair, note: 'both wrong' })
    await page.ask('audit/judge', { key: key(), session: first, pair: pair!.pair, verdict: 'tie', milliseconds: 900 })
    expect(await refusal('audit/note', { key: key(), session: first, item: pair!.pair, note: 'too late' })).toMatch(/not the one to judge/)
    await page.ask('audit/undo', { key: key(), session: first })
    expect(await page.ask('audit/next', { session: first })).toMatchObject({ pair, note: 'both wrong' })
    await page.ask('audit/judge', { key: key(), session: first, pair: pair!.pair, verdict: 'tie', milliseconds: 900 })
    outcomes.set(pair!.prompt as string, 'tie')
  })

  it('tells no effect, no disagreement and takes no decision while it is open', async () => {
    expect(await refusal('audit/effect', { iterationId })).toMatch(/close it first/)
    expect(await refusal('audit/disagreements', { session: first })).toMatch(/once it is closed/)
    expect(await refusal('audit/decide', { key: key(), iterationId, choice: { kind: 'skip' } })).toMatch(/close it first/)
    expect((await page.ask('audit/gate', { iterationId })).fixed).toMatch(/close it first/)
  })

  it('shows, once closed, what people said against the judge and what that does', async () => {
    const says: Say[] = ['agree', 'disagree', 'skip', 'flag', 'agree', 'disagree']
    let drawn = 0
    await judgeAll(first, ({ prompt }) => {
      const said = outcomes.get(prompt as string) ?? says[drawn++] ?? 'agree' // a repeat is judged as before
      outcomes.set(prompt as string, said)
      return said
    })
    await page.ask('audit/close', { session: first })
    const disagreements = await page.ask('audit/disagreements', { session: first })
    const against = [...outcomes].filter(([, said]) => said === 'disagree').map(([prompt]) => prompt)
    expect(against).toHaveLength(2)
    expect(new Set(disagreements.rows.map(({ prompt }) => prompt))).toEqual(new Set(against))
    for (const { prompt, chosen, outcome, effect } of disagreements.rows) {
      expect(chosen.text).toBe(chosenText.get(prompt as string))
      expect({ outcome, effect }).toEqual({ outcome: 'disagree', effect: 'swapped' })
    }
    const ties = await page.ask('audit/disagreements', { session: first, outcomes: ['tie', 'flag', 'skip'], limit: 1 })
    expect(ties.total).toBeGreaterThanOrEqual(3)
    expect(ties.rows).toHaveLength(1)
    expect((await page.ask('audit/disagreements', { session: first, outcomes: ['tie'] })).rows[0]).toMatchObject({ note: 'both wrong', effect: 'dropped-tie' })
  })

  it('counts the effect by hand: 5 kept, 2 swapped, 2 dropped, 1 skipped of 60', async () => {
    // Of ten: 1 tie, 1 flag, 1 skip, 2 disagree, 5 agree. Every C is .6: judge rows 51 at .6, people's 7 at .95.
    const effect = await page.ask('audit/effect', { iterationId })
    expect(effect.counts).toEqual({ kept: 5, swapped: 2, 'dropped-tie': 1, 'dropped-flag': 1, filtered: 0, skipped: 1, 'not-audited': 50 })
    expect(effect.labels).toEqual({ judge: 51, person: 7, dropped: 2 })
    expect(effect.meanBefore).toBeCloseTo(0.6, 12)
    expect(effect.meanAfter).toBeCloseTo((51 * 0.6 + 7 * 0.95) / 58, 12)
    expect(effect.stopped).toBeNull()
    const measured = await page.ask('audit/effect', { iterationId, measureOnly: true })
    expect(measured).toMatchObject({ labels: { judge: 60, person: 0, dropped: 0 }, meanAfter: expect.closeTo(0.6, 12) as number })
    const bounded = await page.ask('audit/effect', { iterationId, choice: { kind: 'keep-only', minMargin: 9 } })
    expect(bounded).toMatchObject({ labels: { judge: 0, person: 7, dropped: 53 }, keptAgreement: null, stopped: null })
  })

  it('passes only what passed, and stores the label of every pair with a decision', async () => {
    expect((await page.ask('audit/report', { session: first })).gate.state).not.toBe('passed')
    expect(await refusal('audit/decide', { key: key(), iterationId, choice: { kind: 'passed' } })).toMatch(/No spot-check of these pairs has passed/)
    expect(await refusal('audit/decide', { key: key(), iterationId, choice: { kind: 'keep-only', minMargin: 9 }, measureOnly: true })).toMatch(/no pair to train on/)
    expect(await refusal('audit/decide', { key: key(), iterationId, choice: { kind: 'keep-only' } })).toMatch(/Give the least C/)
    const decision = { key: 'decide-once', iterationId, choice: { kind: 'train-anyway', reason: 'a try' } } as const
    const view = await page.ask('audit/decide', decision)
    expect(view).toMatchObject({ waiting: false, decision: { id: `${iterationId}.gate1`, choice: { kind: 'train-anyway', reason: 'a try' }, session: first, labels: { judge: 51, person: 7, dropped: 2 } } })
    expect(await page.ask('audit/decide', decision)).toEqual(view)
    // What training will show of its pairs is what was decided.
    const train = (await page.ask('run/status', {})).iterations.find((one) => one.iterationId === iterationId)!.stages.find(({ stage }) => stage === 'train')!
    expect((await page.ask('training/summary', { stageId: train.stageId })).pairs).toEqual(view.decision!.labels)
    const labels = labelsOf(test.workbench.project.db, `${iterationId}.gate1`)
    const swapped = labels.filter(({ effect }) => effect === 'swapped')
    expect(swapped).toHaveLength(2)
    for (const { promptId, chosenId, rejectedId, consistency, source } of swapped) {
      expect({ chosenId, rejectedId, consistency, source }).toEqual({ chosenId: promptId.replace('run1.', 'run1.i1.') + '.r1', rejectedId: promptId.replace('run1.', 'run1.i1.') + '.r0', consistency: 0.95, source: 'person' })
    }
  })

  it('goes on with more pairs in a new session: the old verdicts and showings stay, π is that of the whole', async () => {
    const extended = await page.ask('audit/extend', { key: 'extend-once', session: first, pairs: 20, annotator: 'Ben', criterion: 'correct, then clear' })
    expect(extended).toMatchObject({ continues: first, annotator: 'Ben', criterionVersion: 2, open: true, progress: { judged: 11, total: 33, canUndo: false } })
    expect(await page.ask('audit/extend', { key: 'extend-once', session: first, pairs: 20 })).toEqual(extended)
    expect(await refusal('audit/extend', { key: key(), session: first, pairs: 5 })).toMatch(/goes on with this one already/)
    expect(await refusal('audit/undo', { key: key(), session: extended.session })).toBe('There is no verdict to take back.')
    const more = await judgeAll(extended.session, () => 'agree')
    expect(more).toHaveLength(22)
    expect(more.filter(({ prompt }) => outcomes.has(prompt as string))).toEqual([])
    expect((await page.ask('audit/sessions', { iterationId })).map(({ session, open }) => [session, open])).toEqual([[extended.session, true], [first, false]])
    await page.ask('audit/close', { session: extended.session })
    const report = await page.ask('audit/report', { session: extended.session })
    expect(report).toMatchObject({ planned: 30, outcomes: { agree: 25, disagree: 2, tie: 1, skip: 1, flag: 1 }, gate: { state: 'passed' } })
    expect(report.agreement!.rate).toBeCloseTo(25 / 27, 1)
    // Reopened for what is left: nothing, so it is closed as it stands.
    const again = await page.ask('audit/extend', { key: key(), session: extended.session, pairs: 0 })
    expect(again.progress).toMatchObject({ judged: 33, total: 33 })
    expect(await page.ask('audit/next', { session: again.session })).toMatchObject({ pair: null, ranking: null })
    await page.ask('audit/close', { session: again.session })
    expect(await page.ask('audit/plan', { iterationId, pairs: 20 })).toMatchObject({ rate: { agreement: report.agreement!.rate, from: 'this iteration' }, needed: expect.any(Number) as number })
  })

  it('lets the newest decision count until training has begun', async () => {
    const passed = await page.ask('audit/decide', { key: key(), iterationId, choice: { kind: 'passed' }, measureOnly: true })
    expect(passed.decision).toMatchObject({ id: `${iterationId}.gate2`, measureOnly: true, labels: { judge: 60, person: 0, dropped: 0 } })
    expect((await page.ask('audit/decide', { key: key(), iterationId, choice: { kind: 'resample' } })).decision).toMatchObject({ labels: { judge: 0, person: 0, dropped: 0 } })
    expect((await page.ask('audit/decide', { key: key(), iterationId, choice: { kind: 'skip' } })).decision).toMatchObject({ id: `${iterationId}.gate4`, choice: { kind: 'skip' }, labels: { person: 27 } })
    commitCheckpoint(test.workbench.project.db, { steps: [], checkpoint: { stageId: ids.train, kind: 'training', step: 0, path: 'checkpoints/0', sha256: sha(1) } })
    expect(await refusal('audit/decide', { key: key(), iterationId, choice: { kind: 'skip' } })).toMatch(/Training has begun/)
  })
})

describe('ranking mode', () => {
  let session: string
  const answer = (ranking: BlindRanking, order: number[][] | null) => ({ key: key(), session, ranking: ranking.ranking, order, milliseconds: 3000 })

  it('sends a prompt and its distinct responses in random order, and nothing more', async () => {
    session = (await page.ask('audit/start', { key: key(), iterationId, mode: 'rankings', pairs: 12, ...signed })).session
    const raw = (await send(page.port, { method: 'POST', path: '/api/audit/next', headers: page.calling(), body: JSON.stringify({ session }) })).body
    const { value } = JSON.parse(raw) as { value: { pair: null; ranking: BlindRanking } }
    expect(Object.keys(value.ranking).sort()).toEqual(['prompt', 'ranking', 'responses'])
    expect(value.pair).toBeNull()
    expect(value.ranking.ranking).toMatch(/^ranking-[0-9a-f]{24}$/)
    for (const word of ['run1', 'reward', 'margin', 'consistency', 'chosen', 'M1', '.r0']) expect(raw).not.toContain(word)
    const start = Number(/\d+/.exec(value.ranking.prompt as string)![0])
    expect([...value.ranking.responses].sort()).toEqual(Array.from({ length: 5 }, (_, r) => `It is ${start + r}.`).sort())
  })

  it('takes an order with ties, each response once, or a skip; and takes it back', async () => {
    const { ranking } = await page.ask('audit/next', { session })
    expect(await refusal('audit/judge', answer(ranking!, [[0, 1], [2, 3]]))).toMatch(/each of the 5 responses once/)
    expect(await refusal('audit/judge', answer(ranking!, [[0, 1], [2, 3, 3]]))).toMatch(/each of the 5 responses once/)
    expect(await refusal('audit/judge', { key: key(), session, pair: 'pair-abc', verdict: 'left', milliseconds: 1 })).toMatch(/judges no pairs/)
    expect(await page.ask('audit/judge', answer(ranking!, [[3, 1], [0, 2], [4]]))).toMatchObject({ judged: 1, total: 12, canUndo: true })
    await page.ask('audit/undo', { key: key(), session })
    expect((await page.ask('audit/next', { session })).ranking).toEqual(ranking)
    expect(await page.ask('audit/judge', answer(ranking!, null))).toMatchObject({ judged: 1 })
    expect(await refusal('audit/trust', { session })).toMatch(/once it is closed/)
  })

  it('says at its close which judge the person is nearer to', async () => {
    // The person ranks as the fixture's judges do: both rank alike, so neither is nearer.
    const rank = (prompt: number, r: number): number => (r * 3 + prompt) % 5
    for (let { ranking } = await page.ask('audit/next', { session }); ranking; { ranking } = await page.ask('audit/next', { session })) {
      const start = Number(/\d+/.exec(ranking.prompt as string)![0])
      const places = ranking.responses.map((text, place) => ({ place, value: rank(start, Number(/\d+/.exec(text)![0]) - start) }))
      await page.ask('audit/judge', answer(ranking, places.sort((a, b) => a.value - b.value).map(({ place }) => [place])))
    }
    await page.ask('audit/close', { session })
    const trust = await page.ask('audit/trust', { session })
    expect(trust).toMatchObject({ population: 60, planned: 12, ordered: 11, skipped: 1, alike: 11, nearerToCurrent: null, trusted: 'undecided', current: { model: 'M1', tau: { n: 11, mean: expect.closeTo(1, 9) as number } }, previous: { model: 'M0' } })
    expect(await refusal('audit/report', { session })).toMatch(/judges no pairs/)
    expect(await page.ask('audit/sessions', { iterationId })).toMatchObject([{ session, mode: 'rankings', open: false }, {}, {}, {}])
  })

  it('goes on with none while another of its mode is open', async () => {
    await page.ask('audit/start', { key: key(), iterationId, mode: 'rankings', pairs: 3, ...signed })
    expect(await refusal('audit/extend', { key: key(), session, pairs: 2 })).toMatch(/open already/)
  })
})
