/** What commits rows for every prompt of an iteration, or looks at all of them first: each in one transaction. */
import type { AuditSession } from '../../preload/contract/requests/audit.ts'
import type { GateChoice, GateView } from '../../preload/contract/requests/gate.ts'
import type { BackStage, SettingsChange } from '../../preload/contract/requests/run.ts'
import type { Database } from '../store/database.ts'
import { type Iteration, iterationOf } from '../store/iterations.ts'
import { rankingSetOf } from '../store/rankings.ts'
import { labelUnaudited } from './audit.ts'
import { goBack } from './branch.ts'
import { decideGate, viewGate } from './gate.ts'
import { pairResponses } from './pair.ts'
import { type Tolerances, rankScores } from './rank-scores.ts'
import { rankedBy, rankedNow } from './rank-view.ts'
import { runIn } from './settings.ts'
import { type NewSession, type SessionExtension, extendSession, sessionOf, startAudit, viewSession } from './spot-check.ts'

interface Writes {
  rankScores: { params: { iterationId: string; tolerances: Tolerances }; result: void }
  pairResponses: { params: { iterationId: string }; result: { choosesTruncated: boolean } }
  labelUnaudited: { params: { iterationId: string }; result: void }
  goBack: { params: { iterationId: string; stage: BackStage; change: SettingsChange }; result: Pick<Iteration, 'id' | 'setId'> }
  startAudit: { params: { iterationId: string; session: NewSession }; result: AuditSession }
  extendSession: { params: { session: string; more: SessionExtension }; result: AuditSession }
  decideGate: { params: { iterationId: string; decision: { key: string; choice: GateChoice; measureOnly: boolean } }; result: GateView }
}
export type Write = keyof Writes
export type WriteParams<Name extends Write> = Writes[Name]['params']
export type WriteResult<Name extends Write> = Writes[Name]['result']

export const writes: { readonly [Name in Write]: (db: Database, params: WriteParams<Name>) => WriteResult<Name> | Promise<WriteResult<Name>> } = {
  rankScores: (db, { iterationId, tolerances }) => rankScores(db, iterationOf(db, iterationId)!, tolerances),
  pairResponses: (db, { iterationId }) => pairResponses(db, iterationOf(db, iterationId)!),
  labelUnaudited: (db, { iterationId }) => labelUnaudited(db, iterationOf(db, iterationId)!),
  goBack(db, { iterationId, stage, change }) {
    const { id, setId } = goBack(db, iterationOf(db, iterationId)!, stage, change)
    return { id, setId }
  },
  startAudit(db, { iterationId, session }) {
    const { iteration, ranked } = rankedNow(db, iterationId)
    return viewSession(db, iterationId, startAudit(db, runIn(db, iteration), ranked, session))
  },
  extendSession(db, { session, more }) {
    const audit = sessionOf(db, session)
    const set = rankingSetOf(db, audit.setId)!
    return viewSession(db, set.iterationId, extendSession(db, runIn(db, iterationOf(db, set.iterationId)!), rankedBy(db, set), audit, more))
  },
  decideGate(db, { iterationId, decision }) {
    const { iteration, ranked } = rankedNow(db, iterationId)
    decideGate(db, runIn(db, iteration).config, iteration, ranked, decision)
    return viewGate(db, iteration)
  },
}
