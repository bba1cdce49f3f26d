/** The wizard's rail from the run's status: what is done, what is next, and what it costs. */
import type { Stage } from '../../preload/contract/domain.ts'
import { assertNever } from '../../preload/contract/errors.ts'
import type { IterationView, Job, RunStatus, StageView } from '../../preload/contract/requests/run.ts'
import { type RoundStep, type Route, roundSteps } from './routes.ts'
import { counted, duration } from './words.ts'

/** 'next' = what a start would do first; 'stale' = it was done before a person went back, and would be done again. */
export type ItemState = 'done' | 'running' | 'next' | 'later' | 'stale' | 'failed'

export interface RailItem {
  readonly key: string
  readonly label: string
  /** What was made, or what it will cost. */
  readonly detail: string
  /** The same as a sentence, for whoever points at it or hears it. */
  readonly hint: string
  readonly state: ItemState
  /** Null = its iteration is not planned yet. */
  readonly route: Route | null
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

/** Where the work of a stage shows. */
export function routeOfStage(stage: Stage, t: number | null, iterationId: string | undefined): Route {
  const step = stepOfStage(stage)
  return step === 'tune' || t === 0 || iterationId === undefined ? { page: 'tune' } : { page: 'round', step, iterationId }
}

/** Where a run is taken up: at what comes next; with nothing to do, at its last result. */
export function routeToTakeUp({ next, iterations }: RunStatus): Route {
  if (next?.iterationId) return routeOfStage(next.stage, next.t, next.iterationId)
  const last = iterations.at(-1)
  return routeOfStage('evaluate', last?.t ?? null, last?.iterationId)
}

/** The five steps of one iteration. */
export function roundItems(status: RunStatus, iteration: IterationView): RailItem[] {
  return roundSteps.map((step) => {
    const stages = iteration.stages.filter(({ stage }) => stagesOfStep[step].includes(stage))
    return { key: step, label: labels[step], ...standing(stages, isNext(status, iteration, stages)), route: { page: 'round', step, iterationId: iteration.iterationId } }
  })
}

/** The steps of a round that is not planned yet. */
export const plannedItems = (): RailItem[] => roundSteps.map((step) => ({ key: step, label: labels[step], detail: '', hint: 'Comes after the steps above.', state: 'later', route: null }))

/** The first round's work: M0 is tuned, then M0 and M1 are evaluated. */
export function tuneItem(status: RunStatus): RailItem {
  const first = status.iterations.find(({ t }) => t === 0)
  const stages = first?.stages ?? []
  return { key: 'tune', label: 'Tune', ...standing(stages, first !== undefined && isNext(status, first, stages)), route: { page: 'tune' } }
}

const isNext = ({ next }: RunStatus, { iterationId }: IterationView, stages: readonly StageView[]): boolean => next?.iterationId === iterationId && stages.some(({ stage }) => stage === next.stage)

function standing(stages: readonly StageView[], next: boolean): Pick<RailItem, 'state' | 'detail' | 'hint'> {
  const state = stateOf(stages, next)
  return { state, ...wordsOf(state, stages) }
}

function stateOf(stages: readonly StageView[], next: boolean): ItemState {
  const has = (status: StageView['status']): boolean => stages.some((stage) => stage.status === status)
  if (has('failed')) return 'failed'
  if (has('running')) return 'running'
  if (has('stale')) return 'stale'
  if (stages.length > 0 && stages.every(({ status }) => status === 'done')) return 'done'
  return next ? 'next' : 'later'
}

/** Of those that are known; null when none is. */
function sum(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => value != null)
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0)
}

function wordsOf(state: ItemState, stages: readonly StageView[]): Pick<RailItem, 'detail' | 'hint'> {
  const price = sum(stages.map((stage) => stage.price?.seconds))
  const basis = stages.find((stage) => stage.price)?.price?.basis
  const open = stages.filter(({ status }) => status !== 'done').map(({ title }) => title).join(', ')
  const costs = price === null ? 'what it costs is not known yet' : `costs about ${duration(price)} (${basis})`
  switch (state) {
    case 'done': {
      if (stages.every(({ sharedWith }) => sharedWith !== null)) return { detail: 'shared', hint: 'Done before this branch began, and shared with the round it came from.' }
      if (stages.every(({ stage }) => stage === 'audit')) return { detail: 'decided', hint: 'Decided at the gate.' }
      const seconds = duration(sum(stages.map(({ seconds: took }) => took)) ?? 0)
      return { detail: seconds, hint: `Done in ${seconds}.` }
    }
    case 'running': return { detail: 'at work', hint: `At work: ${open}.` }
    case 'failed': return { detail: 'stopped: see why', hint: stages.find(({ error }) => error)?.error ?? 'Stopped.' }
    case 'stale': return { detail: price === null ? 'to be redone' : `redo ~${duration(price)}`, hint: `Stale: would redo ${open}; ${costs}.` }
    case 'next':
    case 'later': return { detail: price === null ? '' : `~${duration(price)}`, hint: `To come: ${open}; ${costs}.` }
    default: return assertNever(state)
  }
}

/** A branch by what it makes, and how it came to be. */
export const pathName = ({ t, policy, makes }: IterationView): string => `${t}: ${policy} → ${makes}`

/** Groups of settings that a branch can change. */
const groupNames: Readonly<Record<string, string>> = { tuning: 'what is trained', sft: 'SFT', sampling: 'sampling', consistency: 'ranking', method: 'method', fixedConsistency: 'fixed C', pairs: 'pairs', gate: 'spot-check', dpo: 'DPO' }

export function branchSentence({ origin, changed }: IterationView): string | null {
  if (origin === null) return null
  const step = stepOfStage(origin.stage)
  return `A branch: does ${step === 'tune' ? 'Tune' : labels[step]} and what follows by itself${changed.length === 0 ? '' : `; other settings for ${changed.map((group) => groupNames[group] ?? group).join(', ')}`}.`
}

/** Every step in order on the way through the iteration that is shown: where a key leads to, one step on or back. */
export function stepsThrough(status: RunStatus, shown: IterationView | undefined): Route[] {
  const rounds = shown && !shown.active ? [shown] : status.iterations.filter(({ t }) => t > 0)
  return [
    { page: 'model' }, { page: 'data' }, { page: 'tune' },
    ...rounds.flatMap(({ iterationId }) => roundSteps.map((step): Route => ({ page: 'round', step, iterationId }))),
  ]
}

export interface Remaining {
  /** Of the stages whose price is known. */
  readonly seconds: number
  /** Stages of which nothing is known yet. */
  readonly unknown: number
}

/** Stages of a round that the machine works at; how long a person takes at the spot-check is theirs. */
const isWork = (stage: Stage): boolean => stage !== 'audit'

/** What is left of the run; rounds that are not planned yet cost what the last planned one does, else what was estimated. Null when nothing is. */
export function remainingOf({ iterations, toCome, next }: RunStatus, job: Job | null): Remaining | null {
  if (next === null) return null
  const now = job?.progress?.secondsLeft ?? null
  const left = iterations.flatMap(({ t, stages }) => stages.filter(({ stage, status }) => isWork(stage) && status !== 'done').map(({ stage, price }) =>
    now !== null && job?.stage === stage && job.iteration === t ? now : (price?.seconds ?? null)))
  const tip = iterations.findLast(({ t }) => t > 0)
  const later = toCome.filter(({ stage }) => isWork(stage)).map(({ stage, price }) => {
    const found = tip?.stages.find((one) => one.stage === stage)
    return found?.seconds ?? found?.price?.seconds ?? price?.seconds ?? null
  })
  const costs = [...left, ...later]
  return { seconds: sum(costs) ?? 0, unknown: costs.filter((one) => one === null).length }
}

/** "About 12 min of work left; 3 stages are not measured yet." */
export function remainingSentence(left: Remaining | null): string {
  if (left === null) return 'Nothing is left to do.'
  const { seconds, unknown } = left
  const open = unknown === 0 ? '' : `${counted(unknown, 'stage')} ${unknown === 1 ? 'is' : 'are'} not measured yet`
  return seconds === 0 && unknown > 0 ? `${open[0]!.toUpperCase()}${open.slice(1)}.` : `About ${duration(seconds)} of work left${open && `; ${open}`}.`
}
