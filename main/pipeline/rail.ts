/** Where a run stands, as the wizard's rail shows it: every stage with its status and, where known, its price. */
import { type Stage, stages as stageOrder } from '../../preload/contract/domain.ts'
import type { IterationView, RunStatus, StageView } from '../../preload/contract/requests/run.ts'
import { batchCounts } from '../store/batches.ts'
import type { Database } from '../store/database.ts'
import { type Iteration, iterationsOf } from '../store/iterations.ts'
import type { Run } from '../store/runs.ts'
import { type StageRow, stagesOf } from '../store/stages.ts'
import { modelName } from './context.ts'
import { roundStages } from './plan-run.ts'
import { titleOf } from './titles.ts'

export type Rail = Pick<RunStatus, 'runId' | 'rounds' | 'iterations' | 'next'>

/** Reads only: a round that is not planned yet shows in `next` alone. */
export function railOf(db: Database, run: Run): Rail {
  const planned = iterationsOf(db, run.id).map((iteration) => ({ iteration, rows: stagesOf(db, iteration.id) }))
  const iterations = planned.map(({ iteration, rows }, i) => iterationView(db, iteration, rows, planned.slice(0, i).flatMap((one) => one.rows)))
  return { runId: run.id, rounds: run.config.iterations, iterations, next: nextOf(run, iterations) }
}

function nextOf({ config }: Run, iterations: readonly IterationView[]): RunStatus['next'] {
  for (const { t, stages } of iterations) {
    const open = stages.find(({ status }) => status !== 'done')
    if (open) return { t, stage: open.stage, title: open.title }
  }
  const t = iterations.at(-1)!.t + 1
  return t > config.iterations ? null : { t, stage: roundStages[0]!, title: titleOf(roundStages[0]!, t) }
}

function iterationView(db: Database, { id, t, parentId, policyModelId, previousModelId, producedModelId }: Iteration, rows: readonly StageRow[], before: readonly StageRow[]): IterationView {
  const ordered = rows.toSorted((a, b) => stageOrder.indexOf(a.stage) - stageOrder.indexOf(b.stage))
  return {
    iterationId: id, t, parentId,
    policy: modelName(policyModelId), previous: previousModelId && modelName(previousModelId), produced: producedModelId && modelName(producedModelId),
    stages: ordered.map((row) => stageView(db, t, row, before)),
  }
}

function stageView(db: Database, t: number, row: StageRow, before: readonly StageRow[]): StageView {
  const { id: stageId, stage, status, error } = row
  const batches = batchCounts(db, stageId)
  return {
    stageId, stage, status, error, title: titleOf(stage, t),
    batches: batches.total === 0 ? null : batches,
    seconds: secondsOf(row),
    price: status === 'done' ? null : priceOf(stage, before),
  }
}

/** What the same stage took in the last round that has it done; equal shares make rounds comparable. */
function priceOf(stage: Stage, before: readonly StageRow[]): StageView['price'] {
  const last = before.findLast((row) => row.stage === stage && row.status === 'done' && !row.iterationId.endsWith('.i0'))
  const seconds = last && secondsOf(last)
  return seconds === undefined || seconds === null ? null : { seconds, basis: 'as in the round before' }
}

function secondsOf({ status, startedAt, finishedAt }: StageRow): number | null {
  return status !== 'done' || startedAt === null || finishedAt === null ? null : Math.max(0, (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000)
}
