/** What a noun's file provides, and all of them together. A request without a handler does not compile. */
import type { CheckedParams, RequestName, Result } from '../../preload/contract/requests.ts'
import { appHandlers } from './app.ts'
import { auditHandlers } from './audit.ts'
import { figureHandlers } from './figures.ts'
import { historyHandlers } from './history.ts'
import { placeHandlers } from './place.ts'
import { projectHandlers } from './project.ts'
import { rankHandlers } from './rank.ts'
import { runHandlers } from './run.ts'
import { sampleHandlers } from './sample.ts'
import type { Workbench } from './workbench.ts'

export type Handler<Name extends RequestName> = (workbench: Workbench, params: CheckedParams<Name>) => Result<Name> | Promise<Result<Name>>
/** The handlers of some nouns. */
export type HandlersOf<Noun extends string> = { readonly [Name in Extract<RequestName, `${Noun}/${string}`>]: Handler<Name> }
export type Handlers = { readonly [Name in RequestName]: Handler<Name> }

export const handlers: Handlers = {
  ...appHandlers,
  ...placeHandlers,
  ...projectHandlers,
  ...runHandlers,
  ...sampleHandlers,
  ...rankHandlers,
  ...auditHandlers,
  ...figureHandlers,
  ...historyHandlers,
}
