/** All nouns together. A request without a handler does not compile. */
import { alarmHandlers } from './alarm.ts'
import { appHandlers } from './app.ts'
import { auditHandlers } from './audit.ts'
import { estimateHandlers } from './estimate.ts'
import { exportHandlers } from './export.ts'
import { figureHandlers } from './figures.ts'
import type { Handlers } from './handler.ts'
import { historyHandlers } from './history.ts'
import { placeHandlers } from './place.ts'
import { projectHandlers } from './project.ts'
import { rankHandlers } from './rank.ts'
import { runHandlers } from './run.ts'
import { sampleHandlers } from './sample.ts'

export const handlers: Handlers = {
  ...appHandlers,
  ...placeHandlers,
  ...projectHandlers,
  ...runHandlers,
  ...sampleHandlers,
  ...rankHandlers,
  ...auditHandlers,
  ...figureHandlers,
  ...alarmHandlers,
  ...estimateHandlers,
  ...historyHandlers,
  ...exportHandlers,
}
