/** What a noun's file provides. */
import type { CheckedParams, RequestName, Result } from '../../preload/contract/requests.ts'
import type { Workbench } from './workbench.ts'

export type Handler<Name extends RequestName> = (workbench: Workbench, params: CheckedParams<Name>) => Result<Name> | Promise<Result<Name>>
/** The handlers of some nouns. */
export type HandlersOf<Noun extends string> = { readonly [Name in Extract<RequestName, `${Noun}/${string}`>]: Handler<Name> }
export type Handlers = { readonly [Name in RequestName]: Handler<Name> }
