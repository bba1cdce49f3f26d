/** What a closed spot-check says: the report, which judge people trust, and the judged pairs unblinded. */
import { AppError } from '../../preload/contract/errors.ts'
import type { AuditPreview, ReviewedPair } from '../../preload/contract/requests/audit.ts'
import type { AuditReport, TrustReport } from '../../preload/contract/requests/audit-report.ts'
import { type Decision, decisionsOf, observe, type ShowingVerdict } from '../cream/agreement.ts'
import { hastyMs, reportAudit } from '../cream/audit-report.ts'
import { gateOf } from '../cream/gate.ts'
import { humanTaus, reportTrust } from '../cream/human-ranking.ts'
import { promptHeadOf, responseTexts } from '../store/browse.ts'
import type { Database } from '../store/database.ts'
import { type Iteration, pathTo } from '../store/iterations.ts'
import { modelName } from './context.ts'
import { type RankedIteration, rankedIteration } from './rank-view.ts'
import { type Audit, auditPairs, type PairAudit, type RankingAudit, rankingsIn, sessionsOf, verdictsIn } from './spot-check.ts'
import { readEffects } from './verdict-effects.ts'

/** @throws AppError 'bad-arguments' while the session is open: a figure that moves after a key tells the judge's choice */
function requireClosed({ closedAt }: Audit): void {
  if (closedAt === null) throw new AppError('bad-arguments', 'The figures of a spot-check are shown once it is closed; judge the rest, or close it as it is.')
}

/** The newest session of pairs that was closed. */
export function newestClosed(db: Database, ranked: RankedIteration): PairAudit | undefined {
  return sessionsOf(db, ranked).findLast((audit): audit is PairAudit => audit.mode === 'pairs' && audit.closedAt !== null)
}

const showingVerdicts = (db: Database, audit: PairAudit): ShowingVerdict[] =>
  verdictsIn(db, audit).map(({ showing, verdict, elapsedMs }) => ({ showing: showing!, choice: verdict!, elapsedMs }))

/** First showings on which the person chose a side. */
export const decisionsIn = (db: Database, audit: PairAudit, ranked: RankedIteration): Decision[] =>
  decisionsOf(observe(audit.plan, auditPairs(ranked), showingVerdicts(db, audit)))

export function reportOf(db: Database, audit: PairAudit, ranked: RankedIteration): AuditReport {
  requireClosed(audit)
  const gold = ranked.prompts.flatMap(({ responses, rewards }) => {
    const known = responses.flatMap(({ isCorrect }, i) => (isCorrect === null ? [] : [{ reward: rewards[i]!, isCorrect }]))
    return known.length === 0 ? [] : [{ rewards: known.map(({ reward }) => reward), correct: known.map(({ isCorrect }) => isCorrect) }]
  })
  const report = reportAudit(audit.plan, auditPairs(ranked), showingVerdicts(db, audit), gold)
  const { reliability, ...figures } = report
  return { session: audit.id, ...figures, reliability: [...reliability], gate: gateOf(report, audit.line) }
}

export function trustOf(db: Database, audit: RankingAudit, { set, rule, prompts }: RankedIteration): TrustReport {
  requireClosed(audit)
  const byId = new Map(prompts.map((prompt) => [prompt.promptId, prompt]))
  const rankings = rankingsIn(db, audit)
  const taus = rankings.flatMap(({ promptId, ordering: order }) => {
    if (order === null) return []
    const { responses, current, previous } = byId.get(promptId)!
    const judge = (values: readonly number[], tolerance: number) => ({ values: new Map(responses.map(({ id }, i) => [id, values[i]!])), tolerance })
    return [humanTaus({ order, current: judge(current, rule.tolCurrent), previous: judge(previous, rule.tolPrevious) })]
  })
  const { current, previous, prompts: _, ...trust } = reportTrust(taus)
  return {
    session: audit.id, population: audit.plan.population, planned: audit.plan.showings.length,
    ordered: taus.length, skipped: rankings.length - taus.length, hasty: rankings.filter(({ elapsedMs }) => elapsedMs < hastyMs).length,
    current: { model: modelName(set.currentModelId), tau: current }, previous: { model: modelName(set.previousModelId), tau: previous },
    ...trust,
  }
}

/** The judged showings with one of these outcomes, in the order judged, with a window's texts. */
export function reviewPairs(db: Database, audit: PairAudit, ranked: RankedIteration, { outcomes, offset, limit }: { outcomes: readonly ReviewedPair['outcome'][]; offset: number; limit: number }): { rows: ReviewedPair[]; total: number } {
  requireClosed(audit)
  const effects = readEffects(db, ranked.set, { measureOnly: false, keep: {} })
  const verdictOf = new Map(verdictsIn(db, audit).map((verdict) => [verdict.showing, verdict]))
  const judged = observe(audit.plan, auditPairs(ranked), showingVerdicts(db, audit)).filter(({ outcome }) => outcomes.includes(outcome))
  const rows = judged.slice(offset, offset + limit).map(({ showing, pair, outcome, repeat, elapsedMs }): ReviewedPair => {
    const chosen = ranked.outcomes!.get(pair.id)!
    if (chosen.kind !== 'pair') throw new Error(`the audited pair of ${pair.id} is gone`)
    const texts = new Map(responseTexts(db, ranked.set.iterationId, pair.id).map((response) => [response.id, response]))
    const side = (id: string) => ({ responseId: id, text: texts.get(id)!.text, isCorrect: texts.get(id)!.isCorrect })
    const { input: prompt, task } = promptHeadOf(db, pair.id)!
    return {
      promptId: pair.id, prompt, task, chosen: side(chosen.chosenId), rejected: side(chosen.rejectedId), margin: pair.margin, consistency: chosen.label,
      outcome, repeat, note: verdictOf.get(showing)!.note, milliseconds: elapsedMs, flipped: pair.flipped, effect: effects.get(pair.id)!,
    }
  })
  return { rows, total: judged.length }
}

/** Of an iteration's pairs; null before a spot-check of them is closed. */
export function closedReport(db: Database, iteration: Iteration): AuditReport | null {
  const ranked = rankedIteration(db, iteration)
  const session = ranked && newestClosed(db, ranked)
  return session ? reportOf(db, session, ranked) : null
}

/** Of the newest closed spot-check of these pairs, or of those on the way to them. */
export function rateSoFar(db: Database, { id }: Iteration): AuditPreview['rate'] {
  for (const iteration of pathTo(db, id).reverse()) {
    const agreement = closedReport(db, iteration)?.agreement
    if (agreement) return { agreement: agreement.rate, from: iteration.id === id ? 'this iteration' : 'an earlier iteration' }
  }
  return null
}
