import { AppError } from '../../preload/contract/errors.ts'
import type { AuditProgress, AuditSession } from '../../preload/contract/requests/audit.ts'
import { askAside, untilWritten, writeAside } from '../pipeline/aside.ts'
import { judgePair, judgeRanking, nextShown, noteShown, undoVerdict } from '../pipeline/judging.ts'
import { type Audit, ofPairs, ofRankings, progressOf, sessionOf } from '../pipeline/spot-check.ts'
import { closeAudit } from '../store/audits.ts'
import type { Database } from '../store/database.ts'
import { rankingSetOf } from '../store/rankings.ts'
import type { HandlersOf } from './handler.ts'
import type { Workbench } from './workbench.ts'

/** What is shown and judged is answered at once; whatever looks at all pairs of an iteration, aside. */
export const auditHandlers: HandlersOf<'audit'> = {
  'audit/plan': (workbench, { iterationId, ...size }) => askAside(workbench.project, 'previewSession', { iterationId: workbench.iteration(iterationId).id, ...size }),
  'audit/start': (workbench, { iterationId, ...session }) => {
    workbench.requireWriter()
    return telling(workbench, writeAside(workbench.project, 'startAudit', { iterationId: workbench.iteration(iterationId).id, session }))
  },
  'audit/extend': (workbench, { session, ...more }) => {
    workbench.requireWriter()
    return telling(workbench, writeAside(workbench.project, 'extendSession', { session: auditIn(workbench, session).id, more }))
  },
  'audit/sessions': (workbench, { iterationId }) => askAside(workbench.project, 'listSessions', { iterationId: workbench.iteration(iterationId).id }),
  'audit/next': (workbench, { session }) => {
    const { db } = workbench.project
    const audit = auditIn(workbench, session)
    return { ...nextShown(db, audit), progress: progressOf(db, audit) }
  },
  'audit/judge': (workbench, { session, ...judgement }) => judging(workbench, session, (db, audit) => {
    if ('ranking' in judgement) judgeRanking(db, ofRankings(audit), judgement)
    else judgePair(db, ofPairs(audit), judgement)
  }),
  'audit/note': async (workbench, { session, ...noted }) => {
    noteShown(await databaseAtRest(workbench), auditIn(workbench, session), noted)
    return {}
  },
  'audit/undo': (workbench, { session, key }) => judging(workbench, session, (db, audit) => undoVerdict(db, audit, key)),
  'audit/close': async (workbench, { session }) => {
    await judging(workbench, session, (db, { id }) => closeAudit(db, id))
    return {}
  },
  'audit/report': (workbench, { session }) => askAside(workbench.project, 'reportSession', { session: auditIn(workbench, session).id }),
  'audit/trust': (workbench, { session }) => askAside(workbench.project, 'trustSession', { session: auditIn(workbench, session).id }),
  'audit/disagreements': (workbench, { session, ...window }) => askAside(workbench.project, 'reviewSession', { session: auditIn(workbench, session).id, ...window }),
  'audit/effect': (workbench, { iterationId, ...choice }) => askAside(workbench.project, 'viewEffect', { iterationId: workbench.iteration(iterationId).id, ...choice }),
  'audit/gate': (workbench, { iterationId }) => askAside(workbench.project, 'viewGate', { iterationId: workbench.iteration(iterationId).id }),
  'audit/decide': (workbench, { iterationId, ...decision }) => workbench.once(decision.key, async () => {
    const view = await workbench.write('deciding what is trained on', 'decideGate', { iterationId: workbench.iteration(iterationId).id, decision })
    workbench.events.publish({ kind: 'gate-decided', iterationId })
    return view
  }),
}

/** @throws AppError 'bad-arguments' for one of another run */
function auditIn(workbench: Workbench, id: string): Audit {
  const { db } = workbench.project
  const audit = sessionOf(db, id)
  workbench.iteration(rankingSetOf(db, audit.setId)!.iterationId)
  return audit
}

async function telling(workbench: Workbench, started: Promise<AuditSession>): Promise<AuditSession> {
  const view = await started
  workbench.events.publish({ kind: 'audit-changed', session: view.session })
  return view
}

/** The open project's, once nothing is being written aside. @throws AppError 'no-project' (also where another was opened meanwhile), 'project-locked' */
async function databaseAtRest(workbench: Workbench): Promise<Database> {
  const { project } = workbench
  await untilWritten()
  workbench.requireWriter()
  if (workbench.project !== project) throw new AppError('no-project', 'Another project was opened meanwhile; open this one again, and go on where you were.')
  return project.db
}

/** Writes a row or two once nothing is being written aside. @returns how far the session is then */
async function judging(workbench: Workbench, session: string, judge: (db: Database, audit: Audit) => void): Promise<AuditProgress> {
  const db = await databaseAtRest(workbench)
  judge(db, auditIn(workbench, session))
  workbench.events.publish({ kind: 'audit-changed', session })
  return progressOf(db, auditIn(workbench, session))
}
