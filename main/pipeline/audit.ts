/** Stage `audit`: what a person decided at the gate, before anything is trained (METHOD §2f). Headless, it is skipped or demanded, never faked. */
import { AppError } from '../../preload/contract/errors.ts'
import type { Database } from '../store/database.ts'
import { type Gate, gateOn, insertGate, labelCounts } from '../store/gates.ts'
import type { Iteration } from '../store/iterations.ts'
import { currentSetOf } from '../store/rankings.ts'
import { writeAside } from './aside.ts'
import { type StageContext, configOf } from './context.ts'
import { runIn } from './settings.ts'
import { labelRows } from './verdict-effects.ts'

export async function audit(context: StageContext): Promise<string> {
  const { iteration, project } = context
  const { db } = project
  const decided = gateDecision(db, iteration)
  if (decided) return summary(db, requirePassage(decided))
  if (configOf(context).gate === 'require') {
    throw new AppError('method-stopped', 'This run wants its pairs audited by a person before training; audit them in the workbench, or go on with "resume --gate skip" (the model card then says "not audited").')
  }
  await writeAside(project, 'labelUnaudited', { iterationId: iteration.id })
  return summary(db, gateDecision(db, iteration)!)
}

/** Passes the gate without a person: every label is the judge's. @throws AppError 'method-stopped' when they would reverse */
export function labelUnaudited(db: Database, iteration: Iteration): void {
  const set = currentSetOf(db, iteration.id)!
  const none = { minConsistency: null, minMargin: null, reason: null, measureOnly: false, auditId: null }
  const labels = labelRows(db, runIn(db, iteration).config, set, { measureOnly: false, keep: {} })
  insertGate(db, { iterationId: iteration.id, setId: set.id, choice: 'not-audited', ...none, idempotencyKey: `${iteration.id} ${set.id} not-audited` }, labels)
}

/** What was decided for an iteration as it is ranked now. Null = nothing yet: training waits. */
export function gateDecision(db: Database, { id }: Pick<Iteration, 'id'>): Gate | null {
  const set = currentSetOf(db, id)
  return (set && gateOn(db, id, set.id)) ?? null
}

/** @throws AppError 'method-stopped' where the decision was not to train */
export function requirePassage(gate: Gate): Gate {
  if (gate.choice !== 'resample') return gate
  throw new AppError('method-stopped', 'New responses were asked for at the gate: go back to the stage "sample", or decide again in Spot-check.')
}

function summary(db: Database, { id, choice, minConsistency, minMargin }: Gate): string {
  const { judge, person, dropped } = labelCounts(db, id)
  const bounds = [minConsistency !== null && `C ≥ ${minConsistency}`, minMargin !== null && `margin ≥ ${minMargin}`].filter(Boolean).join(', ')
  const how = { passed: 'passed', 'keep-only': `only pairs with ${bounds}`, resample: 'new responses wanted', 'train-anyway': 'not passed, trained anyway', skip: 'not audited', 'not-audited': 'not audited' }[choice]
  return person + dropped === 0 ? how : `${how}: ${judge} labels by the judge, ${person} by people, ${dropped} pairs dropped`
}
