import { AppError } from '../../preload/contract/errors.ts'
import type { AuditSession } from '../../preload/contract/requests/audit.ts'
import { askAside } from '../pipeline/aside.ts'
import { decideGate, viewGate } from '../pipeline/gate.ts'
import { judgePair, judgeRanking, nextShown, noteShown, undoVerdict } from '../pipeline/judging.ts'
import { type RankedIteration, rankedBy, rankedIteration, readRanked } from '../pipeline/rank-view.ts'
import { runIn } from '../pipeline/settings.ts'
import { type Audit, asAudit, extendSession, type PairAudit, progressOf, type RankingAudit, sessionsOf, startAudit } from '../pipeline/spot-check.ts'
import { reportOf, reviewPairs, trustOf } from '../pipeline/spot-check-report.ts'
import { auditOf, closeAudit, criterionVersion } from '../store/audits.ts'
import { iterationOf } from '../store/iterations.ts'
import { currentSetOf, rankingSetOf } from '../store/rankings.ts'
import type { HandlersOf } from './handler.ts'
import { rankedOf } from './rank.ts'
import type { Workbench } from './workbench.ts'

const answers: HandlersOf<'audit'> = {
  'audit/plan': (workbench, { iterationId, ...size }) => askAside(workbench.project.folder, 'previewSession', { iterationId: workbench.iteration(iterationId).id, ...size }),
  'audit/start': (workbench, { iterationId, ...session }) => {
    workbench.requireWriter()
    const { ranked } = rankedOf(workbench, iterationId)
    return changed(workbench, iterationId, startAudit(workbench.project.db, workbench.run, ranked, session))
  },
  'audit/extend': (workbench, { session, ...more }) => {
    workbench.requireWriter()
    const { audit, iterationId, ranked } = sessionOf(workbench, session)
    return changed(workbench, iterationId, extendSession(workbench.project.db, workbench.run, ranked, audit, more))
  },
  'audit/sessions': (workbench, { iterationId }) => {
    const ranked = rankedIteration(workbench.project.db, workbench.iteration(iterationId))
    return ranked ? sessionsOf(workbench.project.db, ranked).reverse().map((audit) => viewOf(workbench, iterationId, audit)) : []
  },
  'audit/next': (workbench, { session }) => {
    const { db } = workbench.project
    const { audit, ranked } = sessionOf(workbench, session)
    return { ...nextShown(db, ranked, audit), progress: progressOf(db, audit) }
  },
  'audit/judge': (workbench, { session, ...judgement }) => {
    workbench.requireWriter()
    const { db } = workbench.project
    const { audit, iterationId, ranked } = sessionOf(workbench, session)
    if ('ranking' in judgement) judgeRanking(db, ofRankings(audit), judgement)
    else judgePair(db, ofPairs(audit), ranked, judgement)
    return changed(workbench, iterationId, audit).progress
  },
  'audit/note': (workbench, { session, ...noted }) => {
    workbench.requireWriter()
    noteShown(workbench.project.db, sessionOf(workbench, session).audit, noted)
    return {}
  },
  'audit/undo': (workbench, { session, key }) => {
    workbench.requireWriter()
    const { audit, iterationId } = sessionOf(workbench, session)
    undoVerdict(workbench.project.db, audit, key)
    return changed(workbench, iterationId, audit).progress
  },
  'audit/close': (workbench, { session }) => {
    workbench.requireWriter()
    const { audit, iterationId } = sessionOf(workbench, session)
    closeAudit(workbench.project.db, audit.id)
    changed(workbench, iterationId, audit)
    return {}
  },
  'audit/report': (workbench, { session }) => {
    const { audit, ranked } = sessionOf(workbench, session)
    return reportOf(workbench.project.db, ofPairs(audit), ranked)
  },
  'audit/trust': (workbench, { session }) => {
    const { audit, ranked } = sessionOf(workbench, session)
    return trustOf(workbench.project.db, ofRankings(audit), ranked)
  },
  'audit/disagreements': (workbench, { session, ...window }) => {
    const { audit, ranked } = sessionOf(workbench, session)
    return reviewPairs(workbench.project.db, ofPairs(audit), ranked, window)
  },
  'audit/effect': (workbench, { iterationId, ...choice }) => askAside(workbench.project.folder, 'viewEffect', { iterationId: workbench.iteration(iterationId).id, ...choice }),
  'audit/gate': (workbench, { iterationId }) => viewGate(workbench.project.db, workbench.iteration(iterationId)),
  'audit/decide': (workbench, { iterationId, ...decision }) => {
    workbench.requireIdleWriter()
    const { db } = workbench.project
    const { iteration, ranked } = rankedOf(workbench, iterationId)
    decideGate(db, configIn(workbench, iterationId), iteration, ranked, decision)
    workbench.events.publish({ kind: 'gate-decided', iterationId })
    return viewGate(db, iteration)
  },
}

/** Nearly every answer needs the rankings of its iteration or session; what was not read yet is read bit by bit first, and others are answered meanwhile. */
export const auditHandlers = Object.fromEntries(Object.entries(answers).map(([name, answer]) => [name, async (workbench: Workbench, params: { iterationId?: string; session?: string }) => {
  const { db } = workbench.project
  const set = params.session === undefined ? currentSetOf(db, params.iterationId!) : rankingSetOf(db, auditOf(db, params.session)?.setId ?? '')
  if (set) await readRanked(db, set)
  return (answer as (workbench: Workbench, params: unknown) => unknown)(workbench, params)
}])) as unknown as HandlersOf<'audit'>

/** A session with the rankings it was planned on, whichever count now. */
function sessionOf(workbench: Workbench, id: string): { audit: Audit; iterationId: string; ranked: RankedIteration } {
  const { db } = workbench.project
  const row = auditOf(db, id)
  const set = row && rankingSetOf(db, row.setId)
  if (!set) throw new AppError('bad-arguments', `The project has no spot-check ${id}; reload the page.`)
  return { audit: asAudit(row), iterationId: workbench.iteration(set.iterationId).id, ranked: rankedBy(db, set) }
}

function ofPairs(audit: Audit): PairAudit {
  if (audit.mode === 'pairs') return audit
  throw new AppError('bad-arguments', 'This spot-check puts responses in order; it judges no pairs.')
}

function ofRankings(audit: Audit): RankingAudit {
  if (audit.mode === 'rankings') return audit
  throw new AppError('bad-arguments', 'This spot-check judges pairs; it puts no responses in order.')
}

const configIn = ({ project: { db } }: Workbench, iterationId: string) => runIn(db, iterationOf(db, iterationId)!).config

function viewOf({ project: { db } }: Workbench, iterationId: string, audit: Audit): AuditSession {
  const { id: session, mode, continuesId: continues, criterion, annotator, line, closedAt } = audit
  return { session, iterationId, mode, continues, criterion, criterionVersion: criterionVersion(db, criterion), annotator, line, open: closedAt === null, progress: progressOf(db, audit) }
}

function changed(workbench: Workbench, iterationId: string, audit: Audit): AuditSession {
  workbench.events.publish({ kind: 'audit-changed', session: audit.id })
  return viewOf(workbench, iterationId, audit)
}
