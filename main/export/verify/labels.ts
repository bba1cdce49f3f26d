/** What was decided at the gate, and the label it left of every pair: from pairs and the verdicts that stood then. */
import { applyVerdicts, type Bounds, type PersonVerdict } from '../../cream/verdict-labels.ts'
import { type Evidence, expectRow, expectSame, refuseRow } from './evidence.ts'
import type { RowOf } from './rows.ts'
import { type Paired, standing } from './sessions.ts'
import { inTurns } from './turns.ts'

type Gate = RowOf<'gates'>
type Label = RowOf<'labels'>

/** @returns the labels that each iteration is trained on, by iteration id; none for one without a decision @throws Differs */
export async function checkLabels(evidence: Evidence, paired: readonly Paired[]): Promise<Map<string, readonly Label[]>> {
  const { rows } = evidence
  const byIteration = new Map(paired.map((one) => [one.iteration.id, one]))
  const stored = Map.groupBy(rows.labels.values(), ({ gateId }) => gateId)
  const counts = new Map<string, number>()
  const trained = new Map<string, readonly Label[]>()
  for (const gate of rows.gates.values()) {
    const one = byIteration.get(gate.iterationId)
    if (!one) refuseRow('gates', gate.id, 'iterationId', gate.iterationId, 'a ranked iteration of the bundle')
    checkGate(evidence, gate, one, counts)
    const labels = gate.choice === 'resample' ? [] : labelsOf(evidence, gate, one)
    const known = new Map(labels.map((label) => [`${gate.id} ${label.promptId}`, label]))
    for await (const [key, row] of inTurns(known)) expectRow(evidence, 'labels', key, row)
    for (const { promptId } of stored.get(gate.id) ?? []) if (!known.has(`${gate.id} ${promptId}`)) expectRow(evidence, 'labels', `${gate.id} ${promptId}`, undefined)
    trained.set(gate.iterationId, labels.filter(({ source }) => source !== 'dropped'))
  }
  for (const [key, { gateId }] of rows.labels) if (!rows.gates.has(gateId)) expectRow(evidence, 'labels', key, undefined)
  for (const { iteration } of paired) if (iteration.producedModelId !== null && !trained.get(iteration.id)?.length) refuseRow('gates', iteration.id, '', undefined, 'the decision that let it be trained')
  return trained
}

function checkGate({ rows }: Evidence, gate: Gate, { set, iteration }: Paired, counts: Map<string, number>): void {
  const { id, choice, minConsistency, minMargin, reason, sessionId, asOf, decidedAt } = gate
  const number = Number(/\.gate([1-9]\d*)$/.exec(id)?.[1])
  expectSame('gates', id, { id, setId: gate.setId }, { id: `${iteration.id}.gate${number}`, setId: set.id })
  if (!(number > (counts.get(iteration.id) ?? 0))) refuseRow('gates', id, 'id', id, 'one after the decision before it')
  counts.set(iteration.id, number)
  if ((minConsistency !== null || minMargin !== null) !== (choice === 'keep-only')) refuseRow('gates', id, 'choice', choice, 'bounds with keep-only, and nowhere else')
  if ((reason !== null) !== (choice === 'train-anyway')) refuseRow('gates', id, 'reason', reason, 'a reason with train-anyway, and nowhere else')
  if (asOf > decidedAt) refuseRow('gates', id, 'asOf', asOf, `not after ${decidedAt}`)
  const newest = [...rows.sessions.values()].findLast((session) => session.heldFor === set.id && session.plan.kind === 'pairs' && session.closedAt !== null && session.closedAt <= asOf)
  expectSame('gates', id, sessionId, choice === 'not-audited' ? null : (newest?.id ?? null), 'sessionId')
  if (choice === 'passed') {
    const figures = rows.reports.get(sessionId ?? '')?.figures as { readonly gate: { readonly state: string } } | undefined
    expectSame('gates', id, choice, figures?.gate.state, 'choice')
  }
}

function labelsOf(evidence: Evidence, gate: Gate, { iteration: { config }, judged, pairs }: Paired): Label[] {
  const { rows } = evidence
  const hashOf = (id: string): string => rows.responses.get(id)!.textSha256
  const judgedPairs = [...(pairs ?? new Map<string, RowOf<'pairs'>>()).values()].map(({ promptId: id, chosenId, rejectedId, margin }) => ({ id, chosenId, rejectedId, margin }))
  const byPrompt = new Map(judgedPairs.map((pair) => [pair.id, pair]))
  // A verdict holds for its two texts, whichever responses have them here; those of a session count from its close.
  const verdicts = standing(rows.verdicts.values(), gate.asOf).flatMap(({ promptId, verdict, textASha256: a, textBSha256: b, sessionId }): PersonVerdict[] => {
    const pair = byPrompt.get(promptId)
    const closedAt = sessionId === null ? '' : rows.sessions.get(sessionId)!.closedAt
    if (!pair || closedAt === null || closedAt > gate.asOf) return []
    const { chosenId, rejectedId } = pair
    const [chosen, rejected] = [hashOf(chosenId), hashOf(rejectedId)]
    if (a === chosen && b === rejected) return [{ pairId: promptId, responseAId: chosenId, responseBId: rejectedId, choice: verdict! }]
    if (a === rejected && b === chosen) return [{ pairId: promptId, responseAId: rejectedId, responseBId: chosenId, choice: verdict! }]
    return []
  })
  const keep: Bounds = { ...(gate.minConsistency !== null && { minConsistency: gate.minConsistency }), ...(gate.minMargin !== null && { minMargin: gate.minMargin }) }
  const measured = new Map([...judged.values()].map(({ promptId, consistency }) => [promptId, consistency]))
  const { labels, effects } = applyVerdicts(judgedPairs, verdicts, { method: config.method, measured, options: { ...config.consistency, fixedConsistency: config.fixedConsistency } }, { measureOnly: gate.measureOnly, keep })
  const labelled = new Map(labels.map(({ id, ...label }) => [id, label]))
  return judgedPairs.map(({ id: promptId, chosenId, rejectedId }) => ({
    gateId: gate.id, promptId, effect: effects.get(promptId)!, ...(labelled.get(promptId) ?? { source: 'dropped', chosenId, rejectedId, consistency: null }),
  }))
}
