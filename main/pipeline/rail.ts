/** Where a run stands, as the wizard's rail shows it: every stage with its status and, where known, its price. */
import type { Stage } from '../../preload/contract/domain.ts'
import type { IterationView, Price, RunStatus, StageView } from '../../preload/contract/requests/run.ts'
import { batchCounts } from '../store/batches.ts'
import type { Database } from '../store/database.ts'
import { modelName, producedModelId } from '../store/ids.ts'
import { type Iteration, activeIteration, iterationOf, iterationsOf, nextIterationId, pathTo } from '../store/iterations.ts'
import { type Run, runOf } from '../store/runs.ts'
import { type StageRow, secondsOf, stagesOf, stagesWithShared } from '../store/stages.ts'
import { estimatedPrice } from './estimate/prices.ts'
import { roundStages } from './plan-run.ts'
import { waitsForPerson } from './runner.ts'
import { changedSettings, runIn, settingsOf } from './settings.ts'
import { type Named, producedName, titleOf } from './titles.ts'

export type Rail = Pick<RunStatus, 'runId' | 'rounds' | 'iterations' | 'toCome' | 'others' | 'next'>

/** Reads only: a round that is not planned yet shows in `next` and `toCome` alone. */
export function railOf(db: Database, { id }: Pick<Run, 'id'>): Rail {
  const run = runOf(db, id)!
  const path = pathTo(db, activeIteration(db, run).id)
  const active = new Set(path.map((iteration) => iteration.id))
  const view = (iteration: Iteration): IterationView => iterationView(db, iteration, active.has(iteration.id))
  const iterations = path.map(view)
  const others = iterationsOf(db, id).filter((iteration) => !active.has(iteration.id)).map(view)
  const planned = path.at(-1)!.t
  const rounds = Math.max(run.config.iterations, planned)
  const toCome = Array.from({ length: rounds - planned }, (_, i) => planned + 1 + i).flatMap((t) => roundStages.map((stage) => ({ t, stage, price: estimatedPrice(db, t, stage) })))
  return { runId: id, rounds, iterations, toCome, others, next: nextOf(db, path, iterations, rounds) }
}

function nextOf(db: Database, path: readonly Iteration[], views: readonly IterationView[], rounds: number): RunStatus['next'] {
  for (const [i, { iterationId, t, stages }] of views.entries()) {
    const open = stages.find(({ status }) => status !== 'done')
    if (open) return { iterationId, t, stage: open.stage, title: open.title, waits: waitsForPerson(db, path[i]!, open.stage) }
  }
  const tip = path.at(-1)!
  return tip.t >= rounds ? null : { iterationId: null, t: tip.t + 1, stage: roundStages[0]!, title: titleOf(roundStages[0]!, roundAfter(db, tip)), waits: false }
}

/** How the round after this one will be called, planned or not. */
export function roundAfter(db: Database, { id, runId, t, policyModelId, baseModelId }: Iteration): Named {
  return { id: nextIterationId(db, runId, t + 1), t: t + 1, policyModelId: producedModelId(id), previousModelId: policyModelId, baseModelId }
}

function iterationView(db: Database, iteration: Iteration, active: boolean): IterationView {
  const { id, t, parentId, originId, originStage, policyModelId, previousModelId, producedModelId: made } = iteration
  const before = originId === null ? [] : stagesWithShared(db, iterationOf(db, originId)!)
  const from = iterationOf(db, originId ?? parentId ?? '')
  return {
    iterationId: id, t, parentId, active,
    origin: originId === null || originStage === null ? null : { iterationId: originId, stage: originStage },
    policy: modelName(policyModelId), previous: previousModelId && modelName(previousModelId), produced: made && modelName(made), makes: producedName(iteration),
    changed: changedSettings(from ? runIn(db, from) : runOf(db, iteration.runId)!, settingsOf(runIn(db, iteration))),
    stages: stagesWithShared(db, iteration).map((row) => stageView(db, iteration, row, before.find(({ stage }) => stage === row.stage))),
  }
}

/** @param before the same stage of the branch it came from, if it did */
function stageView(db: Database, iteration: Iteration, row: StageRow, before: StageRow | undefined): StageView {
  const { id: stageId, iterationId, stage, status, error } = row
  const batches = batchCounts(db, stageId)
  return {
    stageId, stage, error,
    status: status === 'pending' && before?.status === 'done' ? 'stale' : status,
    sharedWith: iterationId === iteration.id ? null : iterationId,
    title: titleOf(stage, iteration),
    batches: batches.total === 0 ? null : batches,
    seconds: secondsOf(row),
    price: status === 'done' ? null : priceOf(db, iteration, stage, before),
  }
}

/** What the stage took in the branch that this one came from, or in the last round that has it done: equal shares make rounds comparable. */
export function priceOf(db: Database, iteration: Iteration, stage: Stage, before: StageRow | undefined): Price | null {
  if (stage === 'audit') return null // a person's time
  const then = before && secondsOf(before)
  if (then !== undefined && then !== null) return { seconds: then, basis: 'as it took before' }
  for (let { parentId } = iteration; parentId !== null;) {
    const parent = iterationOf(db, parentId)!
    const row = parent.t === 0 ? undefined : stagesOf(db, parent.id).find((one) => one.stage === stage)
    const seconds = row && secondsOf(row)
    if (seconds !== undefined && seconds !== null) return { seconds, basis: 'as in the round before' }
    parentId = parent.parentId
  }
  return estimatedPrice(db, iteration.t, stage)
}
