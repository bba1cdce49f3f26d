import { describe, expect, it } from 'vitest'
import type { Stage } from '../../preload/contract/domain.ts'
import type { IterationView, Job, RunStatus, StageView } from '../../preload/contract/requests/run.ts'
import { branchSentence, pathName, plannedItems, remainingOf, remainingSentence, roundItems, routeToTakeUp, stepsThrough, tuneItem } from '../../renderer/state/rail.ts'

const rest = ['sample', 'score', 'rank', 'pair', 'audit', 'train', 'evaluate'] as const satisfies readonly Stage[]
const stage = (iterationId: string, name: Stage, changes: Partial<StageView> = {}): StageView => ({
  stageId: `${iterationId}.${name}`, stage: name, status: 'pending', sharedWith: null, title: `the ${name}`, error: null, batches: null, seconds: null, price: null, ...changes,
})
const done = (seconds: number): Partial<StageView> => ({ status: 'done', seconds })
const priced = (seconds: number, changes: Partial<StageView> = {}): Partial<StageView> => ({ price: { seconds, basis: 'as it took before' }, ...changes })
function round(iterationId: string, t: number, changes: Partial<Record<Stage, Partial<StageView>>> = {}, more: Partial<IterationView> = {}): IterationView {
  const stages = t === 0 ? (['tune', 'evaluate'] as const) : rest
  return { iterationId, t, parentId: null, origin: null, active: true, policy: `M${t}`, previous: null, produced: null, makes: `M${t + 1}`, changed: [], stages: stages.map((name) => stage(iterationId, name, changes[name])), ...more }
}
const tuned = round('run1.i0', 0, { tune: done(20), evaluate: done(10) })
const status = (iterations: IterationView[], next: RunStatus['next'], rounds = 2, others: IterationView[] = []): RunStatus => ({ runId: 'run1', rounds, iterations, toCome: toCome(iterations.at(-1)?.t ?? 0, rounds), others, next, job: null, lastEnd: null, command: '' })
const toCome = (planned: number, rounds: number, seconds?: number): RunStatus['toCome'] => Array.from({ length: rounds - planned }, (_, i) => rest.map((name) => ({ t: planned + 1 + i, stage: name, price: seconds === undefined ? null : { seconds, basis: 'as a probe of this machine tells' } }))).flat()
const next = (iterationId: string | null, t: number, name: Stage): RunStatus['next'] => ({ iterationId, t, stage: name, title: `the ${name}`, waits: false })

describe('an item of the rail', () => {
  const first = round('run1.i1', 1, { sample: done(30), score: done(6), rank: { status: 'failed', error: 'The rewards are all 0.' }, train: priced(40, { status: 'stale' }), evaluate: priced(5) })
  const items = roundItems(status([tuned, first], next('run1.i1', 1, 'rank')), first)
  it('is as far as its stages are, with what they took or will cost', () => {
    expect(items.map(({ key, state, detail }) => [key, state, detail])).toEqual([
      ['sample', 'done', '36 s'], ['rank', 'failed', 'stopped: see why'], ['spot-check', 'later', ''], ['train', 'stale', 'redo ~40 s'], ['evaluate', 'later', '~5 s'],
    ])
    expect(items.map(({ hint }) => hint)).toEqual([
      'Done in 36 s.', 'The rewards are all 0.', 'To come: the audit; what it costs is not known yet.', 'Stale: would redo the train; costs about 40 s (as it took before).', 'To come: the evaluate; costs about 5 s (as it took before).',
    ])
  })
  it('is next only in the iteration that goes on, not in a branch of the same round', () => {
    const branch = round('run1.i1b1', 1, { sample: { ...done(30), sharedWith: 'run1.i1' }, score: { ...done(6), sharedWith: 'run1.i1' } }, { active: false })
    const both = status([tuned, first], next('run1.i1', 1, 'rank'), 2, [branch])
    expect(roundItems(both, branch).map(({ state, detail }) => [state, detail])).toEqual([['done', 'shared'], ['later', ''], ['later', ''], ['later', ''], ['later', '']])
    expect(roundItems(status([tuned, branch], next('run1.i1b1', 1, 'rank')), branch)[1]).toMatchObject({ state: 'next' })
  })
  it('has no address before its round is planned', () => {
    expect(plannedItems().every(({ route, state }) => route === null && state === 'later')).toBe(true)
    expect(tuneItem(status([tuned], next(null, 1, 'sample')))).toMatchObject({ state: 'done', detail: '30 s', route: { page: 'tune' } })
  })
})

describe('a run that is opened', () => {
  const first = round('run1.i1', 1)
  it('shows what comes next', () => {
    expect(routeToTakeUp(status([tuned], next('run1.i0', 0, 'evaluate')))).toEqual({ page: 'tune' })
    expect(routeToTakeUp(status([tuned, first], next('run1.i1', 1, 'score')))).toEqual({ page: 'round', step: 'sample', iterationId: 'run1.i1' })
    expect(routeToTakeUp(status([tuned, first], next('run1.i1', 1, 'audit')))).toEqual({ page: 'round', step: 'spot-check', iterationId: 'run1.i1' })
  })
  it('shows the last result where nothing is planned to come', () => {
    expect(routeToTakeUp(status([tuned, first], next(null, 2, 'sample')))).toEqual({ page: 'round', step: 'evaluate', iterationId: 'run1.i1' })
    expect(routeToTakeUp(status([tuned, first], null))).toEqual({ page: 'round', step: 'evaluate', iterationId: 'run1.i1' })
    expect(routeToTakeUp(status([], null))).toEqual({ page: 'tune' })
  })
})

describe('what is left', () => {
  it('sums the prices on the active path, and takes rounds to come for as dear as the last', () => {
    const first = round('run1.i1', 1, { sample: done(30), score: done(6), rank: done(1), pair: done(1), audit: done(99), train: priced(40), evaluate: priced(5) })
    const left = remainingOf(status([tuned, first], next('run1.i1', 1, 'train'), 3), null)
    expect(left).toEqual({ seconds: 45 + 2 * (30 + 6 + 1 + 1 + 40 + 5), unknown: 0 })
    expect(remainingSentence(left)).toBe('About 4 min of work left.')
  })
  it('takes rounds to come for as dear as was estimated, as long as there is no round', () => {
    expect(remainingOf({ ...status([tuned], next(null, 1, 'sample')), toCome: toCome(0, 2, 7) }, null)).toEqual({ seconds: 2 * 6 * 7, unknown: 0 })
    const first = round('run1.i1', 1, { sample: priced(30) })
    expect(remainingOf({ ...status([tuned, first], next('run1.i1', 1, 'sample')), toCome: toCome(1, 2, 7) }, null)).toEqual({ seconds: 30 + 30 + 5 * 7, unknown: 5 })
  })
  it('counts what nobody has measured, and takes the running stage at its word', () => {
    expect(remainingOf(status([round('run1.i0', 0)], next('run1.i0', 0, 'tune'), 2), null)).toEqual({ seconds: 0, unknown: 2 + 2 * 6 })
    const job = { stage: 'train', iteration: 1, progress: { done: 1, total: 4, unit: 'steps', rate: 1, secondsLeft: 7 } } as Job
    const first = round('run1.i1', 1, { sample: done(30), score: done(6), rank: done(1), pair: done(1), audit: done(0), train: priced(40, { status: 'running' }) })
    const left = remainingOf(status([tuned, first], next('run1.i1', 1, 'train'), 1), job)
    expect(left).toEqual({ seconds: 7, unknown: 1 })
    expect(remainingSentence(left)).toBe('About 7 s of work left; 1 stage is not measured yet.')
    expect(remainingSentence({ seconds: 0, unknown: 14 })).toBe('14 stages are not measured yet.')
  })
  it('is nothing once nothing comes next', () => {
    expect(remainingOf(status([tuned], null), null)).toBeNull()
    expect(remainingSentence(null)).toBe('Nothing is left to do.')
  })
})

describe('the way through', () => {
  const one = round('run1.i1', 1)
  const two = round('run1.i2', 2)
  const kept = round('run1.i1b1', 1, {}, { active: false, makes: 'M2·b', origin: { iterationId: 'run1.i1', stage: 'train' }, changed: ['dpo', 'method'] })
  const all = status([tuned, one, two], null, 2, [kept])
  it('goes through the active path, or through the branch that is looked at', () => {
    expect(stepsThrough(all, two)).toHaveLength(3 + 2 * 5)
    expect(stepsThrough(all, two)[7]).toEqual({ page: 'round', step: 'evaluate', iterationId: 'run1.i1' })
    expect(stepsThrough(all, kept).slice(3).map((route) => route.page === 'round' && route.iterationId)).toEqual(Array.from({ length: 5 }, () => 'run1.i1b1'))
  })
  it('names a branch and says how it came to be', () => {
    expect(pathName(kept)).toBe('1: M1 → M2·b')
    expect(branchSentence(kept)).toBe('A branch: does Train and what follows by itself; other settings for DPO, method.')
    expect(branchSentence(one)).toBeNull()
  })
})
