/** The wizard's rail from the run's status: what is done, what is next, and what it costs. */
import type { Stage } from '../../preload/contract/domain.ts'
import { assertNever } from '../../preload/contract/errors.ts'
import type { IterationView, RunStatus, StageView } from '../../preload/contract/requests/run.ts'
import { type RoundStep, type Route, roundSteps } from './route.svelte.ts'
import { duration } from './words.ts'

/** 'now' = at work or next in line; 'held' = paused or waiting for a person. */
export type ItemState = 'done' | 'running' | 'next' | 'later' | 'stale' | 'failed'

export interface RailItem {
  readonly key: string
  readonly label: string
  /** What was made, or what it will cost. */
  readonly detail: string
  readonly state: ItemState
  readonly route: Route
}

/** The stages that a step of the wizard stands for; the last one makes it done. */
export const stagesOfStep: Readonly<Record<RoundStep, readonly Stage[]>> = {
  sample: ['sample', 'score'],
  rank: ['rank', 'pair'],
  'spot-check': ['audit'],
  train: ['train'],
  evaluate: ['evaluate'],
}

const labels: Readonly<Record<RoundStep, string>> = { sample: 'Sample', rank: 'Rank', 'spot-check': 'Spot-check', train: 'Train', evaluate: 'Evaluate' }

export const stepOfStage = (stage: Stage): RoundStep | 'tune' => roundSteps.find((step) => stagesOfStep[step].includes(stage)) ?? 'tune'

/** @param running the stage at work now, if it is of this iteration */
export function roundItems(status: RunStatus, iteration: IterationView): RailItem[] {
  return roundSteps.map((step) => {
    const stages = iteration.stages.filter(({ stage }) => stagesOfStep[step].includes(stage))
    return { key: step, label: labels[step], ...standing(stages, isNext(status, iteration, stages)), route: { page: 'round', step, iterationId: iteration.iterationId } }
  })
}

/** The first round's work: M0 is tuned, then M0 and M1 are evaluated. */
export function tuneItem(status: RunStatus): RailItem {
  const first = status.iterations.find(({ t }) => t === 0)
  const stages = first?.stages ?? []
  return { key: 'tune', label: 'Tune', ...standing(stages, first !== undefined && isNext(status, first, stages)), route: { page: 'tune' } }
}

const isNext = ({ next }: RunStatus, { t }: IterationView, stages: readonly StageView[]): boolean => next !== null && next.t === t && stages.some(({ stage }) => stage === next.stage)

function standing(stages: readonly StageView[], next: boolean): Pick<RailItem, 'state' | 'detail'> {
  const state = stateOf(stages, next)
  return { state, detail: detailOf(state, stages) }
}

function stateOf(stages: readonly StageView[], next: boolean): ItemState {
  const has = (status: StageView['status']): boolean => stages.some((stage) => stage.status === status)
  if (has('failed')) return 'failed'
  if (has('running')) return 'running'
  if (has('stale')) return 'stale'
  if (stages.length > 0 && stages.every(({ status }) => status === 'done')) return 'done'
  return next ? 'next' : 'later'
}

function detailOf(state: ItemState, stages: readonly StageView[]): string {
  const sum = (values: readonly (number | null | undefined)[]): number | null => (values.some((value) => value != null) ? values.reduce<number>((total, value) => total + (value ?? 0), 0) : null)
  const price = sum(stages.map((stage) => stage.price?.seconds))
  switch (state) {
    case 'done': return duration(sum(stages.map(({ seconds }) => seconds)) ?? 0)
    case 'running': return 'at work'
    case 'failed': return 'stopped: see why'
    case 'stale': return price === null ? 'would be redone' : `redo: ${duration(price)}`
    case 'next':
    case 'later': return price === null ? '' : `~${duration(price)}`
    default: return assertNever(state)
  }
}
