/** Where a run is killed: the words between the tests and run-child.ts. */
import type { Stage } from '../../preload/contract/domain.ts'
import { assertNever } from '../../preload/contract/errors.ts'
import type { EngineCalls } from '../../main/engine/protocol.ts'
import type { RunEvent } from '../../main/pipeline/context.ts'

export interface Kill {
  readonly target: 'engine' | 'main'
  readonly iteration: number
  readonly stage: Stage
  readonly moment: Moment
}

/** Counted from the stage's start, or from the engine's return if that came later. A stage that is over by then: the next one's start. */
export type Moment =
  | { readonly kind: 'started' }
  | { readonly kind: 'time'; readonly milliseconds: number }
  | { readonly kind: 'progress'; readonly count: number }
  /** The engine is at work on the count-th such call. */
  | { readonly kind: 'asked'; readonly call: keyof EngineCalls; readonly count: number; readonly milliseconds: number }
  /** The engine has answered it (a file is written), main has not committed anything of it. */
  | { readonly kind: 'answered'; readonly call: keyof EngineCalls; readonly count: number }

/** What run-child.ts prints, a line each. */
export type Line =
  | RunEvent
  | { readonly kind: 'killing'; readonly target: Kill['target']; readonly iteration: number; readonly stage: Stage }
  | { readonly kind: 'checkpoint'; readonly iteration: number; readonly stage: Stage }
  | { readonly kind: 'ended'; readonly how: string }

export function describe({ target, iteration, stage, moment }: Kill): string {
  return `${target} in ${iteration}.${stage} ${when(moment)}`
}

function when(moment: Moment): string {
  switch (moment.kind) {
    case 'started': return 'at its start'
    case 'time': return `after ${moment.milliseconds.toFixed(0)} ms`
    case 'progress': return `at progress ${moment.count}`
    case 'asked': return `${moment.milliseconds.toFixed(0)} ms into ${moment.call} ${moment.count}`
    case 'answered': return `between ${moment.call} ${moment.count} and its commit`
    default: return assertNever(moment)
  }
}
