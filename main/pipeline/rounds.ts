/** Further rounds: which models can start one, and starting it. Any M_t continues, not only the last. */
import { AppError } from '../../preload/contract/errors.ts'
import type { ModelChoice, SettingsChange } from '../../preload/contract/requests/run.ts'
import { type Database, inTransaction } from '../store/database.ts'
import { evaluationsOf } from '../store/evaluations.ts'
import { type Iteration, activeIteration, childrenOf, iterationOf, iterationsOf, setSettings } from '../store/iterations.ts'
import { type Run, setActiveIteration } from '../store/runs.ts'
import { hasBegun, stagesOf } from '../store/stages.ts'
import { stepOf } from './branch.ts'
import { planRound } from './plan-run.ts'
import { changedSettings, runIn, withChange } from './settings.ts'
import { producedName } from './titles.ts'

/** In the order of the tree: M1, M2, M2·b, M3 … */
export function modelChoices(db: Database, run: Run): ModelChoice[] {
  const tip = activeIteration(db, run)
  const last = tip.producedModelId === null ? tip.parentId : tip.id
  const choices = iterationsOf(db, run.id).flatMap((iteration) => (iteration.producedModelId === null ? [] : [{
    iterationId: iteration.id, name: producedName(iteration), t: iteration.t + 1, accuracy: accuracyOf(db, run, iteration.producedModelId),
    last: iteration.id === last, continuedBy: childrenOf(db, iteration.id).map(({ id }) => id),
  }]))
  const best = choices.reduce<(typeof choices)[number] | null>((found, one) => (one.accuracy !== null && (found?.accuracy ?? -1) < one.accuracy ? one : found), null)
  return choices.map((choice) => ({ ...choice, best: choice === best }))
}

/** Held-out, greedy, all tasks together; null where not every one is evaluated yet. */
function accuracyOf(db: Database, { config: { evaluation: { scorer } } }: Run, modelId: string): number | null {
  const greedy = evaluationsOf(db, modelId).filter((one) => one.decoding === 'greedy' && one.scorer === scorer)
  const [correct, total] = greedy.reduce(([right, all], one) => [right + (one.correct ?? NaN), all + (one.total ?? NaN)], [0, 0])
  return total > 0 ? correct / total : null
}

/** A round from what this iteration made; one that was planned and not begun is taken. It becomes the active path. @throws AppError 'bad-arguments' */
export function continueFrom(db: Database, iteration: Iteration, change: SettingsChange): Iteration {
  const { id, t, producedModelId } = iteration
  if (producedModelId === null) throw new AppError('bad-arguments', `${producedName(iteration)} is not trained yet, so nothing can start from it; choose another model or carry the run on.`)
  const run = runIn(db, iteration)
  const changed = changedSettings(run, change)
  for (const setting of changed) stepOf(setting, t + 1)
  const settings = withChange(iteration, run, changed, change)
  return inTransaction(db, () => {
    const planned = childrenOf(db, id).find((child) => stagesOf(db, child.id).every((row) => !hasBegun(db, row)))
    if (!planned) return iterationOf(db, planRound(db, iteration, settings))!
    setSettings(db, planned.id, settings)
    setActiveIteration(db, run.id, planned.id)
    return iterationOf(db, planned.id)!
  })
}
