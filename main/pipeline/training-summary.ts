/** A training at a glance: did it start right, on whose labels, how fast. */
import type { CurvePoint, TrainingSummary } from '../../preload/contract/requests/figures.ts'
import type { Database } from '../store/database.ts'
import { gateOn, labelCounts } from '../store/gates.ts'
import { pairsOf } from '../store/pairs.ts'
import { currentSetOf } from '../store/rankings.ts'
import type { StageRow } from '../store/stages.ts'
import { trainingStepsOf } from '../store/training.ts'

/** Of a training under way, that may not be committed yet. */
type LiveStep = Pick<CurvePoint, 'step' | 'metrics'>

/** A GPU adds in another order; on the CPU the engine itself insists on equality, bit for bit. */
const LN2_TOLERANCE = 1e-4

export function summariseTraining(db: Database, { id: stageId, iterationId, stage, plannedSteps }: StageRow, live: readonly LiveStep[]): Omit<TrainingSummary, 'peakMemoryBytes'> {
  const steps = trainingStepsOf(db, stageId)
  const seconds = steps.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0) / 1000
  const tokens = steps.reduce((sum, one) => sum + one.tokens, 0)
  const isDpo = stage === 'train'
  const pairs = isDpo ? labelSources(db, iterationId) : null
  const first = (steps[0] ?? live.find(({ step }) => step === 1))?.metrics['loss']
  return {
    stageId,
    kind: isDpo ? 'dpo' : 'sft',
    stepZero: isDpo && first !== undefined ? { loss: first, expected: Math.LN2, ok: Math.abs(first - Math.LN2) <= LN2_TOLERANCE } : null,
    pairs,
    examples: pairs && pairs.judge + pairs.person,
    steps: { done: Math.max(steps.length, live.at(-1)?.step ?? 0), total: plannedSteps },
    tokens,
    tokensPerSecond: seconds > 0 ? tokens / seconds : null,
  }
}

/** As the decision at the gate left them; before it, all are the judge's. */
function labelSources(db: Database, iterationId: string): { judge: number; person: number; dropped: number } {
  const set = currentSetOf(db, iterationId)
  const gate = set && gateOn(db, iterationId, set.id)
  if (gate) return labelCounts(db, gate.id)
  return { judge: set ? pairsOf(db, set.id).length : 0, person: 0, dropped: 0 }
}
