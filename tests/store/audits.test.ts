/** Spot-check sessions in the store: a plan that stays, one standing verdict a showing, none after the close; and how older verdicts came over. */
import { expect, test } from 'vitest'
import { auditByKey, auditOf, auditsOf, closeAudit, insertAudit, standingVerdictsIn } from '../../main/store/audits.ts'
import { type Database, all, run } from '../../main/store/database.ts'
import { auditId } from '../../main/store/ids.ts'
import { type NewVerdict, insertVerdict } from '../../main/store/verdicts.ts'
import { finishedRound, ids, insertOldRound, upgraded } from './fixture.ts'

const id = auditId(ids.set, 1)
const session = { id, setId: ids.set, mode: 'pairs' as const, continuesId: null, plan: { showings: [1, 2] }, annotator: 'ana', criterion: 'correct', line: 0.6, idempotencyKey: 'start' }
const given: NewVerdict = { promptId: ids.prompt(0), responseAId: ids.response(0, 0), responseBId: ids.response(0, 1), verdict: 'flag', undoneOf: null, auditId: id, showing: 0, note: 'odd', annotator: 'ana', criterion: 'correct', idempotencyKey: 'k1', elapsedMs: 900 }

function audited(): Database {
  const db = finishedRound()
  insertAudit(db, session)
  return db
}

test('a session is started once by its key and keeps its plan', () => {
  const db = audited()
  insertAudit(db, { ...session, id: auditId(ids.set, 2) })
  expect(auditsOf(db, ids.set)).toEqual([auditOf(db, id)])
  expect(auditByKey(db, 'start')).toMatchObject({ ...session, closedAt: null })
  expect(() => run(db, "UPDATE audits SET line = 0.1 WHERE id = @id", { id })).toThrow(/does not change/)
  expect(() => run(db, 'DELETE FROM audits')).toThrow(/are kept/)
})

test('a showing has one verdict that stands, and a closed session takes none', () => {
  const db = audited()
  const first = insertVerdict(db, given)
  expect(() => insertVerdict(db, { ...given, verdict: 'a', idempotencyKey: 'k2' })).toThrow(/verdict that stands/)
  insertVerdict(db, { ...given, verdict: null, undoneOf: first, idempotencyKey: 'k3' })
  expect(standingVerdictsIn(db, id)).toEqual([])
  insertVerdict(db, { ...given, verdict: 'a', idempotencyKey: 'k4' })
  expect(standingVerdictsIn(db, id)).toMatchObject([{ verdict: 'a', showing: 0, note: 'odd' }])
  closeAudit(db, id)
  const closed = auditOf(db, id)!.closedAt
  expect(closed).not.toBeNull()
  closeAudit(db, id)
  expect(auditOf(db, id)!.closedAt).toBe(closed)
  expect(() => insertVerdict(db, { ...given, showing: 1, idempotencyKey: 'k5' })).toThrow(/closed/)
})

test('verdicts of an older project come over, undone ones too, and stay append-only', () => {
  const db = upgraded(1, (old) => {
    insertOldRound(old)
    const insert = (verdict: string | null, undoneOf: number | null, key: string): number => run(old,
      `INSERT INTO verdicts (prompt_id, response_a_id, response_b_id, verdict, undone_of, annotator, criterion, idempotency_key, elapsed_ms)
       VALUES (@promptId, @a, @b, @verdict, @undoneOf, 'ana', 'correct', @key, 5)`, { promptId: ids.prompt(0), a: ids.response(0, 0), b: ids.response(0, 1), verdict, undoneOf, key })
    insert('b', null, 'k1')
    insert(null, 1, 'k2')
    insert('unsure', null, 'k3')
  })
  expect(all(db, 'SELECT id, verdict, undone_of, audit_id, idempotency_key FROM verdicts ORDER BY id')).toEqual([
    { id: 1, verdict: 'b', undoneOf: null, auditId: null, idempotencyKey: 'k1' },
    { id: 2, verdict: null, undoneOf: 1, auditId: null, idempotencyKey: 'k2' },
    { id: 3, verdict: 'skip', undoneOf: null, auditId: null, idempotencyKey: 'k3' },
  ])
  expect(() => run(db, "UPDATE verdicts SET verdict = 'a'")).toThrow(/append-only/)
  expect(() => run(db, 'DELETE FROM verdicts')).toThrow(/append-only/)
})
