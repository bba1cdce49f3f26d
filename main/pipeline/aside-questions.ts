/** What takes too long for the loop that also answers everything else; each is answered from a connection that only reads. */
import type { Alarm } from '../../preload/contract/requests/alarm.ts'
import type { AuditMode, AuditPreview, AuditSession, ReviewedPair } from '../../preload/contract/requests/audit.ts'
import type { AuditReport, TrustReport } from '../../preload/contract/requests/audit-report.ts'
import type { BiasView } from '../../preload/contract/requests/bias.ts'
import type { ModelFigures } from '../../preload/contract/requests/figures.ts'
import type { EffectView, GateChoice, GateView } from '../../preload/contract/requests/gate.ts'
import type { ComparedRun } from '../../preload/contract/requests/history.ts'
import type { RankChoice, RankPreview } from '../../preload/contract/requests/rank.ts'
import type { SampleSummary } from '../../preload/contract/requests/sample.ts'
import type { Database } from '../store/database.ts'
import { iterationOf, iterationsOf } from '../store/iterations.ts'
import { rankingSetOf } from '../store/rankings.ts'
import { alarmsOf } from './alarms.ts'
import { biasOf } from './bias.ts'
import { type FlatSettings, figuresOfRun, reportModels } from './compare-runs.ts'
import { viewEffect, viewGate } from './gate.ts'
import { type RankedIteration, previewRanks, rankedBy, rankedIteration, rankedNow } from './rank-view.ts'
import { summariseSamples } from './sample-summary.ts'
import { runIn } from './settings.ts'
import { type Audit, ofPairs, ofRankings, previewSession, sessionOf, sessionsOf, viewSession } from './spot-check.ts'
import { closedReport, rateSoFar, reportOf, reviewPairs, trustOf } from './spot-check-report.ts'

interface Questions {
  previewSession: { params: { iterationId: string; mode: AuditMode; pairs: number; line: number }; result: AuditPreview }
  listSessions: { params: { iterationId: string }; result: AuditSession[] }
  reportSession: { params: { session: string }; result: AuditReport }
  trustSession: { params: { session: string }; result: TrustReport }
  reviewSession: { params: { session: string; outcomes: readonly ReviewedPair['outcome'][]; offset: number; limit: number }; result: { rows: ReviewedPair[]; total: number } }
  closedReport: { params: { iterationId: string }; result: AuditReport | null }
  viewGate: { params: { iterationId: string }; result: GateView }
  viewEffect: { params: { iterationId: string; choice: GateChoice; measureOnly: boolean }; result: EffectView }
  biasOf: { params: { iterationId: string }; result: BiasView | null }
  alarmsOf: { params: { runId: string; iterationId?: string | undefined }; result: Alarm[] }
  reportModels: { params: { runId: string }; result: ModelFigures[] }
  summariseSamples: { params: { iterationId: string }; result: SampleSummary }
  previewRanks: { params: { iterationId: string; choice: RankChoice }; result: RankPreview }
  figuresOfRun: { params: Record<never, never>; result: { figures: Omit<ComparedRun, 'project' | 'name'>; settings: FlatSettings } }
}
export type Question = keyof Questions
export type AsideParams<Name extends Question> = Questions[Name]['params']
export type AsideResult<Name extends Question> = Questions[Name]['result']

interface Answer<Name extends Question> {
  readonly answer: (db: Database, params: AsideParams<Name>) => AsideResult<Name> | Promise<AsideResult<Name>>
  /** The project stays open for the next question, with what was read of it. */
  readonly keepsOpen: boolean
}

export const questions: { readonly [Name in Question]: Answer<Name> } = {
  previewRanks: {
    keepsOpen: true,
    answer: (db, { iterationId, choice }) => {
      const { iteration, ranked } = rankedNow(db, iterationId)
      return previewRanks(db, runIn(db, iteration), iteration, ranked, choice)
    },
  },
  previewSession: {
    keepsOpen: true,
    answer: (db, { iterationId, ...size }) => {
      const { iteration, ranked } = rankedNow(db, iterationId)
      return previewSession(db, runIn(db, iteration), ranked, size, rateSoFar(db, iteration))
    },
  },
  listSessions: {
    keepsOpen: true,
    answer: (db, { iterationId }) => {
      const ranked = rankedIteration(db, iterationOf(db, iterationId)!)
      return ranked ? sessionsOf(db, ranked).reverse().map((audit) => viewSession(db, iterationId, audit)) : []
    },
  },
  reportSession: { keepsOpen: true, answer: (db, { session }) => onItsPairs(db, session, (audit, ranked) => reportOf(db, ofPairs(audit), ranked)) },
  trustSession: { keepsOpen: true, answer: (db, { session }) => onItsPairs(db, session, (audit, ranked) => trustOf(db, ofRankings(audit), ranked)) },
  reviewSession: { keepsOpen: true, answer: (db, { session, ...window }) => onItsPairs(db, session, (audit, ranked) => reviewPairs(db, ofPairs(audit), ranked, window)) },
  closedReport: { keepsOpen: true, answer: (db, { iterationId }) => closedReport(db, iterationOf(db, iterationId)!) },
  viewGate: { keepsOpen: true, answer: (db, { iterationId }) => viewGate(db, iterationOf(db, iterationId)!) },
  viewEffect: {
    keepsOpen: true,
    answer: (db, { iterationId, choice, measureOnly }) => {
      const { iteration, ranked } = rankedNow(db, iterationId)
      return viewEffect(db, runIn(db, iteration).config, ranked, choice, measureOnly)
    },
  },
  biasOf: { keepsOpen: true, answer: (db, { iterationId }) => biasOf(db, iterationOf(db, iterationId)!) },
  alarmsOf: { keepsOpen: true, answer: (db, { runId, iterationId }) => alarmsOf(db, iterationsOf(db, runId), iterationId) },
  reportModels: { keepsOpen: true, answer: (db, { runId }) => reportModels(db, runId) },
  summariseSamples: { keepsOpen: true, answer: (db, { iterationId }) => summariseSamples(db, iterationOf(db, iterationId)!) },
  figuresOfRun: { keepsOpen: false, answer: (db) => figuresOfRun(db) },
}

/** A session with the rankings it was planned on, whichever count now. */
function onItsPairs<T>(db: Database, id: string, answer: (audit: Audit, ranked: RankedIteration) => T): T {
  const audit = sessionOf(db, id)
  return answer(audit, rankedBy(db, rankingSetOf(db, audit.setId)!))
}
