import { alarmsOf } from '../pipeline/alarms.ts'
import { iterationsOf } from '../store/iterations.ts'
import type { HandlersOf } from './handler.ts'

export const alarmHandlers: HandlersOf<'alarm'> = {
  'alarm/list': (workbench, { iterationId }) => {
    const { project: { db }, run } = workbench
    return alarmsOf(db, iterationsOf(db, run.id), iterationId === undefined ? undefined : workbench.iteration(iterationId).id)
  },
}
