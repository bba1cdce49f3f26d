/** Decisions at the gate and the labels they leave; verdicts found by the texts they were given on; what older projects bring. */
import { expect, test } from 'vitest'
import { chainOf, closeAudit, criterionVersion, insertAudit, insertNote, noteOn, standingVerdictsIn } from '../../main/store/audits.ts'
import { run } from '../../main/store/database.ts'
import { type Gate, gateByKey, gateOn, gatesOf, insertGate, type Label, labelCounts, labelsOf, labelsOfPrompt } from '../../main/store/gates.ts'
import { humanRankingByKey, insertHumanRanking, standingRankingsIn } from '../../main/store/human-rankings.ts'
import { rankingSetId } from '../../main/store/ids.ts'
import { insertPair } from '../../main/store/pairs.ts'
import { insertRankingSet } from '../../main/store/rankings.ts'
import { insertResponse } from '../../main/store/responses.ts'
import { type NewVerdict, insertVerdict, verdictsOnPairs } from '../../main/store/verdicts.ts'
import { finishedRound, ids, newRankingSet, newResponse, sha, upgraded } from './fixture.ts'

const decision: Omit<Gate, 'id' | 'decidedAt'> = { iterationId: ids.i1, setId: ids.set, choice: 'skip', minConsistency: null, minMargin: null, reason: null, measureOnly: false, auditId: null, idempotencyKey: 'g1' }
const label = (p: number, traits: Partial<Label> = {}): Omit<Label, 'gateId'> => ({ promptId: ids.prompt(p), source: 'judge', effect: 'not-audited', chosenId: ids.response(p, 0), rejectedId: ids.response(p, 1), consistency: 0.6, ...traits })

test('the newest decision of an iteration counts; all of them and their labels stay', () => {
  const db = finishedRound()
  const first = insertGate(db, decision, [label(0), label(1)])
  expect(first).toMatchObject({ ...decision, id: 'run1.i1.gate1' })
  const dropped = { source: 'dropped', effect: 'dropped-tie', consistency: null } as const
  const swapped = { source: 'person', effect: 'swapped', chosenId: ids.response(0, 1), rejectedId: ids.response(0, 0), consistency: 0.95 } as const
  const second = insertGate(db, { ...decision, choice: 'train-anyway', reason: 'to see', measureOnly: true, idempotencyKey: 'g2' }, [label(0, swapped), label(1, dropped)])
  expect(gateOn(db, ids.i1, ids.set)).toEqual(second)
  expect(gatesOf(db, ids.i1)).toEqual([first, second])
  expect(gateByKey(db, 'g1')).toEqual(first)
  expect(labelsOf(db, second.id)).toEqual([{ ...label(0, swapped), gateId: second.id }, { ...label(1, dropped), gateId: second.id }])
  expect(labelCounts(db, second.id)).toEqual({ judge: 0, person: 1, dropped: 1 })
  expect(labelsOfPrompt(db, ids.prompt(0)).map(({ gateId, source, iterationId }) => [gateId, source, iterationId])).toEqual([[first.id, 'judge', ids.i1], [second.id, 'person', ids.i1]])
  for (const sql of ["UPDATE gates SET choice = 'skip'", 'DELETE FROM gates', "UPDATE labels SET source = 'judge'", 'DELETE FROM labels']) expect(() => run(db, sql), sql).toThrow(/append-only/)
})

test('a decision goes with all its labels or not at all, and says what belongs to its choice', () => {
  const db = finishedRound()
  expect(() => insertGate(db, decision, [label(0), label(1, { consistency: null })])).toThrow(/CHECK/)
  expect(() => insertGate(db, { ...decision, reason: 'why' }, [])).toThrow(/CHECK/)
  expect(() => insertGate(db, { ...decision, minMargin: 1 }, [])).toThrow(/CHECK/)
  expect(gatesOf(db, ids.i1)).toEqual([])
})

const session = (n: number, continuesId: string | null = null) => ({ id: `${ids.set}.audit${n}`, setId: ids.set, mode: 'pairs' as const, continuesId, plan: {}, annotator: 'ana', criterion: n === 2 ? 'clear' : 'correct', line: 0.6, idempotencyKey: `start ${n}` })
const verdict = (key: string, traits: Partial<NewVerdict> = {}): NewVerdict => ({ promptId: ids.prompt(0), responseAId: ids.response(0, 0), responseBId: ids.response(0, 1), verdict: 'a', undoneOf: null, annotator: 'ana', criterion: 'correct', idempotencyKey: key, elapsedMs: 900, ...traits })

test('verdicts follow their texts into a branch, whichever response has them there; not those of an open session, nor undone ones', () => {
  const db = finishedRound()
  // Another set of the iteration pairs the same texts, sampled again under other ids, the other way round; prompt 1 has a text of its own.
  const other = rankingSetId(ids.i1, 1)
  insertRankingSet(db, { ...newRankingSet, id: other })
  for (const [p, text] of [[0, 'It is 0.'], [1, 'Something else.']] as const) {
    insertResponse(db, { ...newResponse(p, 7), text })
    insertPair(db, { setId: other, promptId: ids.prompt(p), chosenId: ids.response(p, 1), rejectedId: ids.response(p, 7), margin: 1, consistency: 0.6 })
  }
  insertVerdict(db, verdict('k1', { verdict: 'b' }))
  insertVerdict(db, verdict('k2', { promptId: ids.prompt(1), responseAId: ids.response(1, 0), responseBId: ids.response(1, 1) }))
  insertVerdict(db, verdict('k3', { verdict: null, undoneOf: insertVerdict(db, verdict('k4', { verdict: 'flag' })) }))
  insertAudit(db, session(1))
  insertVerdict(db, verdict('k5', { verdict: 'tie', auditId: session(1).id, showing: 0 }))
  expect(verdictsOnPairs(db, ids.set)).toEqual([{ promptId: ids.prompt(0), verdict: 'b', chosenIsA: 1 }, { promptId: ids.prompt(1), verdict: 'a', chosenIsA: 1 }])
  expect(verdictsOnPairs(db, other)).toEqual([{ promptId: ids.prompt(0), verdict: 'b', chosenIsA: 0 }])
  closeAudit(db, session(1).id)
  expect(verdictsOnPairs(db, other).map((row) => row.verdict)).toEqual(['b', 'tie'])
})

test('a session goes on with one other, criteria are counted as they come, and the newest note counts', () => {
  const db = finishedRound()
  insertAudit(db, session(1))
  insertAudit(db, session(2, session(1).id))
  insertAudit(db, session(3, session(2).id))
  expect(chainOf(db, session(3).id)).toEqual([1, 2, 3].map((n) => session(n).id))
  expect(() => insertAudit(db, session(4, session(1).id))).toThrow(/UNIQUE/)
  expect(['correct', 'clear', 'short'].map((text) => criterionVersion(db, text))).toEqual([1, 2, 3])
  const note = (text: string, idempotencyKey: string): void => insertNote(db, { auditId: session(1).id, showing: 4, note: text, idempotencyKey })
  expect(noteOn(db, session(1).id, 4)).toBeNull()
  note('hm', 'n1')
  note('odd', 'n2')
  note('hm', 'n1') // the same request again
  expect(noteOn(db, session(1).id, 4)).toBe('odd')
  note('', 'n3')
  expect(noteOn(db, session(1).id, 4)).toBeNull()
})

test('one ranking stands for a showing; taking it back is a row, and a closed session takes none', () => {
  const db = finishedRound()
  insertAudit(db, { ...session(1), mode: 'rankings' })
  const ranking = { auditId: session(1).id, showing: 0, promptId: ids.prompt(0), ordering: [[ids.response(0, 1)], [ids.response(0, 0), ids.response(0, 2)]], undoneOf: null, note: null, annotator: 'ana', criterion: 'correct', idempotencyKey: 'r1', elapsedMs: 4000 }
  insertHumanRanking(db, ranking)
  insertHumanRanking(db, ranking)
  const [stands] = standingRankingsIn(db, session(1).id)
  expect(stands).toMatchObject(ranking)
  expect(() => insertHumanRanking(db, { ...ranking, idempotencyKey: 'r2' })).toThrow(/ranking that stands/)
  insertHumanRanking(db, { ...ranking, ordering: null, undoneOf: stands!.id, idempotencyKey: 'r3' })
  expect(standingRankingsIn(db, session(1).id)).toEqual([])
  expect(humanRankingByKey(db, 'r3')).toMatchObject({ undoneOf: stands!.id })
  insertHumanRanking(db, { ...ranking, ordering: null, idempotencyKey: 'r4' }) // skipped
  expect(standingRankingsIn(db, session(1).id)).toMatchObject([{ ordering: null }])
  closeAudit(db, session(1).id)
  expect(() => insertHumanRanking(db, { ...ranking, showing: 1, idempotencyKey: 'r5' })).toThrow(/closed/)
  expect(() => run(db, 'DELETE FROM human_rankings')).toThrow(/append-only/)
})

test('an iteration of an older project that went through has the judge’s labels; one that waits has none; sessions come over', () => {
  const db = upgraded(2, (old) => {
    const insert = (table: string, row: Record<string, string | number | null | Uint8Array>): number => run(old, `INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (${Object.keys(row).map((name) => `@${name}`).join(', ')})`, row)
    insert('runs', { id: 'run1', config: '{}', seed: 1, base_path: '/base', base_sha256: sha(0) })
    insert('models', { id: 'run1.M0', run_id: 'run1', name: 'M0', parent_id: null, kind: 'base', path: null, sha256: sha(0) })
    for (const [t, parent] of [[0, null], [1, 'run1.i0'], [2, 'run1.i1']] as const) {
      const id = `run1.i${t}`
      insert('models', { id: `run1.M${t + 1}`, run_id: 'run1', name: `M${t + 1}`, parent_id: `run1.M${t}`, kind: 'adapter', path: `adapters/M${t + 1}`, sha256: sha(t) })
      insert('iterations', { id, run_id: 'run1', parent_id: parent, t, policy_model_id: `run1.M${t}`, previous_model_id: t === 0 ? null : `run1.M${t - 1}`, base_model_id: 'run1.M0', produced_model_id: `run1.M${t + 1}` })
      if (t === 0) continue
      insert('stages', { id: `${id}.audit`, iteration_id: id, stage: 'audit', status: t === 1 ? 'done' : 'pending' })
      insert('prompts', { id: `run1.p0000${t}`, run_id: 'run1', position: t, share: t, input: '"x"', token_ids: new Uint8Array(0) })
      for (const r of [0, 1]) insert('responses', { id: `${id}.r${r}`, prompt_id: `run1.p0000${t}`, iteration_id: id, position: r, text: `${r}`, token_ids: new Uint8Array(0), finish_reason: 'eos', seed: 1, sampling: '{}' })
      insert('ranking_sets', { id: `${id}.set0`, iteration_id: id, statistic: 'tau-b', current_model_id: `run1.M${t}`, current_measure: 'log-ratio', current_tolerance: 0, previous_model_id: `run1.M${t - 1}`, previous_measure: 'log-ratio', previous_tolerance: 0, reward_tolerance: 0, chance: '{}' })
      insert('pairs', { set_id: `${id}.set0`, prompt_id: `run1.p0000${t}`, chosen_id: `${id}.r0`, rejected_id: `${id}.r1`, margin: 1, consistency: 0.7 })
      insert('audits', { id: `${id}.set0.audit1`, set_id: `${id}.set0`, plan: '{"showings":[]}', annotator: 'ana', criterion: 'correct', line: 0.6, idempotency_key: `start ${t}`, closed_at: '2026-01-01T00:00:00.000Z' })
    }
    insert('verdicts', { id: 1, prompt_id: 'run1.p00001', response_a_id: 'run1.i1.r0', response_b_id: 'run1.i1.r1', verdict: 'b', audit_id: null, showing: null, annotator: 'ana', criterion: 'correct', idempotency_key: 'v1', elapsed_ms: 5 })
    insert('audits', { id: 'run1.i1.set0.audit2', set_id: 'run1.i1.set0', plan: '{"showings":[]}', annotator: 'ana', criterion: 'correct', line: 0.6, idempotency_key: 'start 3' })
    insert('verdicts', { id: 2, prompt_id: 'run1.p00001', response_a_id: 'run1.i1.r1', response_b_id: 'run1.i1.r0', verdict: 'a', audit_id: 'run1.i1.set0.audit2', showing: 0, annotator: 'ana', criterion: 'correct', idempotency_key: 'v2', elapsed_ms: 5 })
  })
  const gate = gateOn(db, 'run1.i1', 'run1.i1.set0')!
  expect(gate).toMatchObject({ id: 'run1.i1.gate1', choice: 'not-audited', measureOnly: false })
  expect(labelsOf(db, gate.id)).toEqual([{ gateId: gate.id, promptId: 'run1.p00001', source: 'judge', effect: 'not-audited', chosenId: 'run1.i1.r0', rejectedId: 'run1.i1.r1', consistency: 0.7 }])
  expect(gateOn(db, 'run1.i2', 'run1.i2.set0')).toBeUndefined()
  expect(chainOf(db, 'run1.i2.set0.audit1')).toEqual(['run1.i2.set0.audit1'])
  expect(standingVerdictsIn(db, 'run1.i1.set0.audit2')).toMatchObject([{ id: 2, verdict: 'a' }])
  const more = { promptId: 'run1.p00001', responseAId: 'run1.i1.r0', responseBId: 'run1.i1.r1', verdict: 'tie', undoneOf: null, annotator: 'ana', criterion: 'correct', elapsedMs: 5 } as const
  expect(() => insertVerdict(db, { ...more, auditId: 'run1.i1.set0.audit9', showing: 1, idempotencyKey: 'v3' })).toThrow(/FOREIGN KEY/)
  closeAudit(db, 'run1.i1.set0.audit2')
  expect(() => insertVerdict(db, { ...more, auditId: 'run1.i1.set0.audit2', showing: 1, idempotencyKey: 'v4' })).toThrow(/closed/)
  expect(() => run(db, "UPDATE audits SET mode = 'rankings'")).toThrow(/does not change/)
  expect(() => run(db, 'DELETE FROM audits')).toThrow(/are kept/)
})
