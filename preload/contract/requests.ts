/**
 * Every request a renderer may make, `noun/verb`. The schemas are the types and the checks on both sides: params as they
 * come in, results as they go out. A result arrives as a value: errors are values too, never exceptions across the border.
 */
import type { z } from 'zod'
import type { ErrorCode } from './errors.ts'
import type { Cursor, EventMessage } from './events.ts'
import { alarmRequests } from './requests/alarm.ts'
import { appRequests } from './requests/app.ts'
import { auditRequests } from './requests/audit.ts'
import { biasRequests } from './requests/bias.ts'
import { estimateRequests } from './requests/estimate.ts'
import { exportRequests } from './requests/export.ts'
import { figureRequests } from './requests/figures.ts'
import { historyRequests } from './requests/history.ts'
import { type PlaceEntry, placeRequests } from './requests/place.ts'
import { projectRequests } from './requests/project.ts'
import { rankRequests } from './requests/rank.ts'
import { runRequests } from './requests/run.ts'
import { sampleRequests } from './requests/sample.ts'

export const requests = {
  ...appRequests,
  ...placeRequests,
  ...projectRequests,
  ...runRequests,
  ...sampleRequests,
  ...rankRequests,
  ...biasRequests,
  ...auditRequests,
  ...figureRequests,
  ...alarmRequests,
  ...estimateRequests,
  ...historyRequests,
  ...exportRequests,
} satisfies Record<`${string}/${string}`, { params: z.ZodType; result: z.ZodType }>

export type RequestName = keyof typeof requests
/** As a renderer writes them: what has a default may be left out. */
export type Params<Name extends RequestName> = z.input<(typeof requests)[Name]['params']>
/** As main reads them, checked and with defaults. */
export type CheckedParams<Name extends RequestName> = z.output<(typeof requests)[Name]['params']>
export type Result<Name extends RequestName> = z.output<(typeof requests)[Name]['result']>

/** What happened and what to do, in one sentence for a person. */
export interface WireError {
  readonly code: ErrorCode
  readonly sentence: string
}
export type Reply<Value> = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: WireError }

/** All that a renderer knows of main, whichever host is between them. */
export interface Bridge {
  request<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Reply<Result<Name>>>
  /** Events from a cursor on (null = from now), over every reconnect, none twice and none left out. @returns the end of it */
  subscribe(from: Cursor | null, listener: (message: EventMessage) => void): () => void
  /** A file or folder that was dropped on the page, as a place to read from. Only Electron has it: a browser uploads. */
  locate?(file: File): Promise<Reply<PlaceEntry>>
}
