import { askAside } from '../pipeline/aside.ts'
import type { HandlersOf } from './handler.ts'

export const alarmHandlers: HandlersOf<'alarm'> = {
  'alarm/list': (workbench, { iterationId }) =>
    askAside(workbench.project, 'alarmsOf', { runId: workbench.run.id, iterationId: iterationId === undefined ? undefined : workbench.iteration(iterationId).id }),
}
