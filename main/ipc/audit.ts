import { AppError } from '../../preload/contract/errors.ts'
import type { AuditSession } from '../../preload/contract/requests/audit.ts'
import type { AuditPlan } from '../cream/audit-plan.ts'
import { type RankedIteration, rankedIteration } from '../pipeline/rank-view.ts'
import { type Audit, judgePair, nextBlindPair, progressOf, reportOf, startAudit, undoVerdict } from '../pipeline/spot-check.ts'
import { auditOf, auditsOf, closeAudit } from '../store/audits.ts'
import type { Iteration } from '../store/iterations.ts'
import { rankingSetOf } from '../store/rankings.ts'
import type { HandlersOf } from './handler.ts'
import { rankedOf } from './rank.ts'
import type { Workbench } from './workbench.ts'

export const auditHandlers: HandlersOf<'audit'> = {
  'audit/start': (workbench, { iterationId, ...session }) => {
    workbench.requireWriter()
    const { ranked } = rankedOf(workbench, iterationId)
    const audit = startAudit(workbench.project.db, workbench.run, ranked, session)
    changed(workbench, audit)
    return viewOf(workbench, iterationId, audit)
  },
  'audit/sessions': (workbench, { iterationId }) => {
    const ranked = rankedIteration(workbench.project.db, workbench.iteration(iterationId))
    return ranked ? auditsOf<AuditPlan>(workbench.project.db, ranked.set.id).reverse().map((audit) => viewOf(workbench, iterationId, audit)) : []
  },
  'audit/next': (workbench, { session }) => {
    const { db } = workbench.project
    const { audit, iteration, ranked } = sessionOf(workbench, session)
    return { pair: nextBlindPair(db, iteration, ranked, audit), progress: progressOf(db, audit) }
  },
  'audit/judge': (workbench, { session, note = null, ...judgement }) => {
    workbench.requireWriter()
    const { audit, ranked } = sessionOf(workbench, session)
    judgePair(workbench.project.db, audit, ranked, { ...judgement, note })
    changed(workbench, audit)
    return progressOf(workbench.project.db, audit)
  },
  'audit/undo': (workbench, { session, key }) => {
    workbench.requireWriter()
    const { audit } = sessionOf(workbench, session)
    undoVerdict(workbench.project.db, audit, key)
    changed(workbench, audit)
    return progressOf(workbench.project.db, audit)
  },
  'audit/close': (workbench, { session }) => {
    workbench.requireWriter()
    const { audit } = sessionOf(workbench, session)
    closeAudit(workbench.project.db, audit.id)
    changed(workbench, audit)
    return {}
  },
  'audit/report': (workbench, { session }) => {
    const { audit, ranked } = sessionOf(workbench, session)
    return reportOf(workbench.project.db, audit, ranked)
  },
}

function sessionOf(workbench: Workbench, id: string): { audit: Audit; iteration: Iteration; ranked: RankedIteration } {
  const { db } = workbench.project
  const audit = auditOf<AuditPlan>(db, id)
  if (!audit) throw new AppError('bad-arguments', `The project has no spot-check ${id}; reload the page.`)
  return { audit, ...rankedOf(workbench, rankingSetOf(db, audit.setId)!.iterationId) }
}

function viewOf({ project: { db } }: Workbench, iterationId: string, audit: Audit): AuditSession {
  const { id: session, criterion, annotator, line, closedAt } = audit
  return { session, iterationId, criterion, annotator, line, open: closedAt === null, progress: progressOf(db, audit) }
}

const changed = ({ events }: Workbench, { id: session }: Audit): void => events.publish({ kind: 'audit-changed', session })
