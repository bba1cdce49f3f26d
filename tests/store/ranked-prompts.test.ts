import { expect, test } from 'vitest'
import type { PromptFilter, PromptOrder } from '../../preload/contract/requests/rank.ts'
import { agreement, consistencyOf } from '../../main/cream/consistency.ts'
import { isFlipped, ranking } from '../../main/cream/rankings.ts'
import { pairOf, pairPage, promptPage, responseHeads } from '../../main/store/browse.ts'
import { type Database, inTransaction } from '../../main/store/database.ts'
import { labelPlace, rankingsOfPrompt, stepsTaken } from '../../main/store/history.ts'
import { insertPair, insertSkip } from '../../main/store/pairs.ts'
import { insertPrompt } from '../../main/store/prompts.ts'
import { type RankedPromptRow, agreementCounts, rankedPage, rankedPromptOf, searchPrompts, setLabels, setSums, skipCounts } from '../../main/store/ranked-prompts.ts'
import { insertConsistency, insertRanking, insertRankingSet } from '../../main/store/rankings.ts'
import { insertResponse } from '../../main/store/responses.ts'
import { insertVerdict } from '../../main/store/verdicts.ts'
import { uniform } from '../../native-models/random.ts'
import { ids, insertPlan, newPrompt, newRankingSet, newResponse, temporaryDatabase, upgraded } from './fixture.ts'

const PROMPTS = 120
const RESPONSES = 4
const tasks = ['sum', 'sort', null]
const tolerance = 0.05

type Expected = Omit<RankedPromptRow, 'setId' | 'input'>

/** Facts of one ranking set, drawn by seed, and what a table should show of each prompt. */
function insertFacts(db: Database): Expected[] {
  return inTransaction(db, () => {
    const draw = (...key: number[]): number => Math.round(20 * uniform(7, ...key)) / 20 // coarse, so that there are ties
    const rows: Expected[] = []
    for (let p = 0; p < PROMPTS; p++) insertPrompt(db, { ...newPrompt(p), task: tasks[p % 3]!, skipReason: p % 40 === 39 ? 'prompt-too-long' : null })
    insertRankingSet(db, { ...newRankingSet, currentTolerance: tolerance, previousTolerance: tolerance })
    for (let p = 0; p < PROMPTS; p++) {
      const row: Expected = { promptId: ids.prompt(p), position: p, task: tasks[p % 3]!, agreement: null, consistency: null, nullReason: null, flipped: false, responses: 0, lengthRatio: null, margin: null, label: null, skipReason: null, verdicts: 0 }
      rows.push(row)
      if (p % 40 === 39) {
        row.skipReason = 'prompt-too-long'
        insertSkip(db, { setId: ids.set, promptId: row.promptId, reason: 'prompt-too-long' })
        continue
      }
      const lengths = Array.from({ length: RESPONSES }, (_, r) => 1 + Math.floor(9 * uniform(p, r, 5)))
      const responses = Array.from({ length: RESPONSES }, (_, r) => ids.response(p, r))
      responses.forEach((id, r) => insertResponse(db, { ...newResponse(p, r), id, tokenIds: new Int32Array(lengths[r]!) }))
      const distinct = responses.slice(0, p % 11 === 0 ? 1 : RESPONSES)
      const [current, previous] = [0, 1].map((judge) => new Map(distinct.map((id, r) => [id, draw(p, r, judge)])))
      for (const [judge, values] of [['current', current!], ['previous', previous!]] as const) {
        insertRanking(db, { setId: ids.set, promptId: row.promptId, judge, rewards: [...values].map(([responseId, reward]) => ({ responseId, reward, count: 1 })), ordering: ranking(values, tolerance).places.map(({ id }) => id) })
      }
      const result = agreement('tau-b', [...current!.values()], [...previous!.values()], { tolCurrent: tolerance, tolPrevious: tolerance })
      Object.assign(row, { agreement: result.value, consistency: result.value === null ? null : consistencyOf(result.value), nullReason: result.reason, responses: distinct.length, flipped: isFlipped(ranking(current!, tolerance), ranking(previous!, tolerance)) })
      insertConsistency(db, { setId: ids.set, promptId: row.promptId, agreement: row.agreement, consistency: row.consistency, nullReason: row.nullReason, currentTies: result.tiesCurrent, previousTies: result.tiesPrevious })
      if (distinct.length < 2 || row.nullReason !== null) {
        row.skipReason = distinct.length < 2 ? 'too-few-distinct' : 'rewards-tied'
        insertSkip(db, { setId: ids.set, promptId: row.promptId, reason: row.skipReason })
        continue
      }
      Object.assign(row, { margin: draw(p, 9) + 0.1, label: row.consistency, lengthRatio: lengths[1]! / lengths[2]! })
      insertPair(db, { setId: ids.set, promptId: row.promptId, chosenId: responses[1]!, rejectedId: responses[2]!, margin: row.margin!, consistency: row.label! })
      if (p % 7 === 0) judge(db, row, p % 14 === 0)
    }
    return rows
  })
}

function judge(db: Database, row: Expected, isTakenBack: boolean): void {
  const verdict = { promptId: row.promptId, responseAId: ids.response(row.position, 1), responseBId: ids.response(row.position, 2), annotator: 'ana', criterion: 'right', elapsedMs: 1 }
  const id = insertVerdict(db, { ...verdict, verdict: 'a', undoneOf: null, idempotencyKey: `v${row.position}` })
  if (isTakenBack) insertVerdict(db, { ...verdict, verdict: null, undoneOf: id, idempotencyKey: `u${row.position}` })
  else row.verdicts = 1
}

const none: Parameters<typeof rankedPage>[2] = { matches: null }
const everything = { order: { by: 'position', descending: false }, offset: 0, limit: 200 } as const

function shown(db: Database, filter = none, window: Parameters<typeof rankedPage>[3] = everything, setIds = [ids.set]): { rows: Expected[]; total: number } {
  const { rows, total } = rankedPage(db, setIds, filter, window)
  return { total, rows: rows.map(({ promptId, position, task, agreement: value, consistency, nullReason, flipped, responses, lengthRatio, margin, label, skipReason, verdicts }) => ({ promptId, position, task, agreement: value, consistency, nullReason, flipped, responses, lengthRatio, margin, label, skipReason, verdicts })) }
}

test('every row says what the stored facts say, and the sums are theirs', () => {
  const db = temporaryDatabase()
  insertPlan(db)
  const rows = insertFacts(db)
  expect(rows.filter(({ flipped }) => flipped).length).toBeGreaterThan(5)
  expect(new Set(rows.map(({ nullReason }) => nullReason)).size).toBeGreaterThan(1)
  expect(shown(db)).toEqual({ rows, total: PROMPTS })
  expect(rankedPromptOf(db, ids.set, ids.prompt(5))).toMatchObject(rows[5]!)

  const measured = rows.filter(({ responses }) => responses > 0)
  expect(setSums(db, ids.set)).toMatchObject({ prompts: measured.length, responsePairs: measured.reduce((sum, { responses: n }) => sum + (n * (n - 1)) / 2, 0), flipped: rows.filter(({ flipped }) => flipped).length })
  const counts = agreementCounts(db, ids.set)
  expect(counts.reduce((sum, { prompts }) => sum + prompts, 0)).toBe(measured.length)
  for (const { agreement: value, nullReason, prompts } of counts) expect(prompts).toBe(measured.filter((row) => row.agreement === value && row.nullReason === nullReason).length)
  expect(setLabels(db, ids.set)).toEqual({ labels: rows.flatMap(({ label }) => label ?? []), longerChosen: rows.filter(({ lengthRatio }) => (lengthRatio ?? 0) > 1).length })
  expect(skipCounts(db, ids.set)).toEqual(['prompt-too-long', 'rewards-tied', 'too-few-distinct'].map((reason) => ({ reason, prompts: rows.filter(({ skipReason }) => skipReason === reason).length })).filter(({ prompts }) => prompts > 0))
})

test('a prompt that does not fit is listed from the ranking on, before its skip is stored', () => {
  const db = temporaryDatabase()
  insertPlan(db)
  insertPrompt(db, { ...newPrompt(0), skipReason: 'prompt-too-long' })
  insertPrompt(db, newPrompt(1))
  insertRankingSet(db, newRankingSet)
  expect(shown(db).rows).toMatchObject([{ position: 0, skipReason: 'prompt-too-long', responses: 0 }])
})

test('a project from before the table gets it from its facts', () => {
  let rows: Expected[] = []
  const db = upgraded(4, (old) => {
    insertPlan(old)
    rows = insertFacts(old)
  })
  expect(shown(db)).toEqual({ rows, total: PROMPTS })
})

const filters: PromptFilter[] = [
  {}, { task: 'sum' }, { minConsistency: 0.4 }, { maxConsistency: 0.6 }, { minConsistency: 0.3, maxConsistency: 0.7, task: 'sort' }, { flipped: true }, { flipped: false },
  { audited: true }, { audited: false }, { outcome: 'pair' }, { outcome: 'skipped' }, { outcome: 'too-few-distinct' }, { flipped: true, outcome: 'pair', audited: false }, { task: 'nothing' },
]

function passes({ task, minConsistency, maxConsistency, flipped, outcome, audited }: PromptFilter, row: Expected): boolean {
  if (task !== undefined && row.task !== task) return false
  if (minConsistency !== undefined && !(row.consistency !== null && row.consistency >= minConsistency)) return false
  if (maxConsistency !== undefined && !(row.consistency !== null && row.consistency <= maxConsistency)) return false
  if (flipped !== undefined && row.flipped !== flipped) return false
  if (audited !== undefined && row.verdicts > 0 !== audited) return false
  return outcome === undefined || (outcome === 'pair' ? row.label !== null : outcome === 'skipped' ? row.skipReason !== null : row.skipReason === outcome)
}

const orders: PromptOrder[] = (['position', 'consistency', 'margin', 'lengthRatio'] as const).flatMap((by) => [{ by, descending: false }, { by, descending: true }])

function inOrder(rows: readonly Expected[], { by, descending }: PromptOrder): Expected[] {
  const sign = descending ? -1 : 1
  return rows.toSorted((a, b) => {
    const [x, y] = [a[by], b[by]]
    if (x === null || y === null) return Number(x === null) - Number(y === null) || sign * (a.position - b.position)
    return sign * (x - y || a.position - b.position)
  })
}

test('every filter in every order gives the rows a plain loop gives, window by window', () => {
  const db = temporaryDatabase()
  insertPlan(db)
  const rows = insertFacts(db)
  for (const filter of filters) {
    const wanted = rows.filter((row) => passes(filter, row))
    for (const order of orders) {
      const sorted = inOrder(wanted, order)
      expect(shown(db, { ...filter, matches: null }, { order, offset: 0, limit: 200 }), JSON.stringify({ filter, order })).toEqual({ rows: sorted, total: wanted.length })
      expect(shown(db, { ...filter, matches: null }, { order, offset: 7, limit: 5 }).rows).toEqual(sorted.slice(7, 12))
    }
  }
  expect(shown(db, { matches: [ids.prompt(3), ids.prompt(90), 'another'] }).rows).toEqual([rows[3], rows[90]])
})

test('several sets follow one another by position, and mix by a figure', () => {
  const db = temporaryDatabase()
  insertPlan(db)
  const rows = insertFacts(db)
  const other = `${ids.i1}.set1`
  insertRankingSet(db, { ...newRankingSet, id: other })
  for (const p of [2, 4]) insertConsistency(db, { setId: other, promptId: ids.prompt(p), agreement: 1, consistency: 1, nullReason: null, currentTies: 0, previousTies: 0 })
  const sets = [other, ids.set]
  const long = rows.filter(({ skipReason }) => skipReason === 'prompt-too-long').length // each set lists them
  const total = PROMPTS + 2 + long
  const page = (offset: number, limit: number, order: PromptOrder = { by: 'position', descending: false }) => rankedPage(db, sets, none, { order, offset, limit })
  expect(page(0, 3).rows.map(({ setId, position }) => [setId, position])).toEqual([[other, 2], [other, 4], [other, 39]])
  expect(page(1 + long, 3).rows.map(({ setId, position }) => [setId, position])).toEqual([[other, 119], [ids.set, 0], [ids.set, 1]])
  expect(page(total - 1, 9)).toMatchObject({ total, rows: [{ setId: ids.set, position: PROMPTS - 1 }] })
  const mixed = page(0, 200, { by: 'consistency', descending: true }).rows
  const figures = mixed.flatMap(({ consistency }) => consistency ?? [])
  expect(figures).toEqual(figures.toSorted((a, b) => b - a))
  expect(mixed).toHaveLength(total)
})

test('a search finds what stands in a prompt, whatever LIKE and JSON make of its characters', () => {
  const db = temporaryDatabase()
  insertPlan(db)
  const texts = ['100% sure', '100 sure', 'a_b', 'aXb', 'say "hi"\nplease', 'Ünder', 'back\\slash', 'UPPER']
  texts.forEach((input, p) => insertPrompt(db, { ...newPrompt(p), input: p === 1 ? [{ role: 'user', content: input }] : input }))
  const found = (text: string): string[] => [...searchPrompts(db, ids.run, text, 3)].flat().map((id) => texts[Number(id.slice(-5))]!)
  expect(found('100%')).toEqual(['100% sure'])
  expect(found('100')).toEqual(['100% sure', '100 sure'])
  expect(found('a_b')).toEqual(['a_b'])
  expect(found('"hi"\np')).toEqual(['say "hi"\nplease'])
  expect(found('Ünd')).toEqual(['Ünder'])
  expect(found('k\\s')).toEqual(['back\\slash'])
  expect(found('upper')).toEqual(['UPPER'])
})

test('every window, count and look-up walks an index; only a figure over several sets is sorted', () => {
  const db = temporaryDatabase()
  insertPlan(db)
  const rows = insertFacts(db)
  const asked = new Set<string>()
  const prepare = db.prepare.bind(db)
  db.prepare = ((sql: string) => (asked.add(sql), prepare(sql))) as typeof db.prepare
  const orderly = new Set<string>()
  for (const order of orders) rankedPage(db, [ids.set], none, { order, offset: 0, limit: 5 })
  for (const task of [null, 'sum']) promptPage(db, { runId: ids.run, share: 1, task, offset: 3, limit: 2 })
  pairPage(db, ids.set, { offset: 1, limit: 2 })
  pairOf(db, ids.set, rows[1]!.promptId)
  rankedPromptOf(db, ids.set, rows[1]!.promptId)
  rankingsOfPrompt(db, ids.set, rows[1]!.promptId)
  responseHeads(db, ids.i1)
  setSums(db, ids.set)
  setLabels(db, ids.set)
  skipCounts(db, ids.set)
  labelPlace(db, 'run1.i1.gate1', rows[1]!.promptId)
  stepsTaken(db, ids.train)
  Array.from(searchPrompts(db, ids.run, 'x'))
  for (const sql of asked) orderly.add(sql)
  agreementCounts(db, ids.set)
  for (const order of orders) rankedPage(db, [ids.set, 'none'], none, { order, offset: 0, limit: 5 })

  expect(orderly.size).toBeGreaterThan(20)
  for (const sql of asked) {
    const parameters = Object.fromEntries([...sql.matchAll(/@(\w+)/g)].map(([, name]) => [name, null]))
    const plan = (prepare(`EXPLAIN QUERY PLAN ${sql}`).all(parameters) as { detail: string }[]).map(({ detail }) => detail)
    // The page's own keys, the ids of a search, and the few verdicts there are may be gone through.
    const scans = plan.filter((detail) => /^SCAN\b|AUTOMATIC/.test(detail) && !/^SCAN (keys|json_each|v)\b/.test(detail))
    const sorts = orderly.has(sql) && !sql.includes('GROUP BY') ? plan.filter((detail) => detail.includes('TEMP B-TREE')) : []
    expect([...scans, ...sorts], `${sql}\n${plan.join('\n')}`).toEqual([])
  }
})
