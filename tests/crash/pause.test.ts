/** A run that is paused, whose engine keeps dying, or whose checkpoints are damaged, ends as if nothing had happened. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { EngineCalls } from '../../main/engine/protocol.ts'
import type { RunContext, RunEvent } from '../../main/pipeline/context.ts'
import { roundStages } from '../../main/pipeline/plan-run.ts'
import { statusOf } from '../../main/pipeline/report.ts'
import { openProject } from '../../main/store/project.ts'
import { checkpointsOf, trainingStepsOf } from '../../main/store/training.ts'
import type { Stage } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { type Holdings, type Watching, holdingsOf, resume, scratch, smallRun, start } from './fixture.ts'

/** A checkpoint after every step. */
const config = smallRun({ checkpointSeconds: 1e-6 })
let expected: Holdings
beforeAll(async () => {
  await start(join(scratch, 'whole'), config)
  expected = holdingsOf(join(scratch, 'whole'))
}, 240_000)

/** Does something as soon as the engine works on a call. */
const when = (name: keyof EngineCalls, act: (context: RunContext) => void) => (context: RunContext): void => {
  const call = context.engine.call.bind(context.engine)
  context.engine.call = (asked, params, options) => {
    if (asked === name) setImmediate(() => act(context))
    return call(asked, params, options)
  }
}

const places: readonly (readonly [iteration: number, stage: Stage])[] = [[0, 'tune'], [0, 'evaluate'], ...roundStages.map((stage) => [1, stage] as const)]
const callOf: Partial<Record<Stage, keyof EngineCalls>> = { tune: 'trainStep', train: 'trainStep', sample: 'sample', evaluate: 'sample', score: 'score', rank: 'score' }

/** Stages that are neither done nor pending. */
function unfinished(folder: string): { iteration: number; stage: string; status: string }[] {
  const project = openProject(folder, { readOnly: true })
  try {
    return statusOf(project.db, 'run1').flatMap(({ iteration, stage, status }) => (status === 'done' || status === 'pending' ? [] : [{ iteration, stage, status }]))
  } finally {
    project.close()
  }
}

function stepsOf(folder: string, stageId: string): { steps: number; checkpoints: number[] } {
  const project = openProject(folder, { readOnly: true })
  try {
    return { steps: trainingStepsOf(project.db, stageId).length, checkpoints: checkpointsOf(project.db, stageId).filter(({ kind }) => kind === 'training').map(({ step }) => step) }
  } finally {
    project.close()
  }
}

const failureOf = async (run: Promise<unknown>): Promise<unknown> => run.then(() => expect.fail('it should have stopped'), (error: unknown) => error)

test('paused before and within every stage, it stands there, and goes on to the same rows and bytes', { timeout: 180_000 }, async () => {
  const folder = join(scratch, 'paused')
  let carry = (watching: Watching): Promise<string> => start(folder, config, watching)
  const pauseIn = async (iteration: number, stage: Stage, watching: (pause: () => void) => Watching): Promise<void> => {
    const stop = new AbortController()
    expect(await failureOf(carry({ signal: stop.signal, ...watching(() => stop.abort()) }))).toMatchObject({ code: 'cancelled', message: 'Stopped on request.' })
    expect(unfinished(folder)).toEqual([{ iteration, stage, status: 'paused' }])
    carry = (more) => resume(folder, more)
  }
  const isStart = (event: RunEvent, iteration: number, stage: Stage): boolean => event.kind === 'stage-started' && event.iteration === iteration && event.stage === stage

  for (const [iteration, stage] of places) {
    await pauseIn(iteration, stage, (pause) => ({ onEvent: (event) => { if (isStart(event, iteration, stage)) pause() } }))
    const call = callOf[stage]
    if (call) await pauseIn(iteration, stage, (pause) => ({ prepare: when(call, pause) }))
    // A pause in training finishes the step and keeps it.
    if (call === 'trainStep') expect(stepsOf(folder, `run1.i${iteration}.${stage}`)).toEqual({ steps: 1, checkpoints: [1] })
  }
  expect(await carry({})).toBe('finished')
  expect(holdingsOf(folder)).toEqual(expected)
})

test('an engine that keeps dying ends the run with a sentence; a resume goes on', { timeout: 180_000 }, async () => {
  const folder = join(scratch, 'dying')
  const told: string[] = []
  const failure = await failureOf(start(folder, config, {
    prepare: when('trainStep', ({ engine }) => { if (engine.pid !== undefined) process.kill(engine.pid, 'SIGKILL') }),
    onEvent: (event) => { if (event.kind === 'engine-restarted') told.push(event.reason) },
  }))
  expect(failure).toMatchObject({ code: 'engine-died', message: expect.stringMatching(/^The engine has died 3 times in a short while and is not started again by itself\. Last time: .*SIGKILL.*"trainStep"/) })
  expect(told).toEqual(Array(2).fill(expect.stringMatching(/SIGKILL.*"trainStep"/)))
  expect(unfinished(folder)).toEqual([{ iteration: 0, stage: 'tune', status: 'failed' }])
  expect(await resume(folder)).toBe('finished')
  expect(holdingsOf(folder)).toEqual(expected)
})

test('an engine that dies in the last call of a training costs nothing that is committed', { timeout: 180_000 }, async () => {
  const folder = join(scratch, 'last-call')
  let deaths = 0
  const restarts: string[] = []
  await start(folder, config, {
    prepare: when('endTraining', ({ engine }) => { if (deaths++ < 2) process.kill(engine.pid!, 'SIGKILL') }),
    onEvent: (event) => { if (event.kind === 'engine-restarted') restarts.push(event.reason) },
  })
  expect(restarts).toHaveLength(2)
  expect(holdingsOf(folder)).toEqual(expected)
})

describe('a training whose checkpoints are damaged', () => {
  const spoil = (file: string): void => {
    const bytes = readFileSync(file)
    bytes[bytes.length - 1]! ^= 1
    writeFileSync(file, bytes)
  }

  test.each([['the newest', 1], ['both', 2]] as const)('(%s) goes on from what is whole, to the same rows and bytes', { timeout: 180_000 }, async (name, count) => {
    const folder = join(scratch, `damaged-${name}`)
    const stop = new AbortController()
    await failureOf(start(folder, config, { signal: stop.signal, onEvent: (event) => { if (event.kind === 'progress' && event.done === 3) stop.abort() } }))
    expect(stepsOf(folder, 'run1.i0.tune')).toEqual({ steps: 3, checkpoints: [3, 2] })
    const files = readdirSync(join(folder, 'checkpoints')).sort().reverse()
    expect(files).toHaveLength(2)
    for (const file of files.slice(0, count)) spoil(join(folder, 'checkpoints', file))

    const notices: string[] = []
    const steps: number[] = []
    await resume(folder, { onEvent(event) {
      if (event.kind === 'notice' && event.message.includes('checkpoint')) notices.push(event.message)
      if (event.kind === 'progress' && event.stage === 'tune') steps.push(event.done)
    } })
    expect(notices).toHaveLength(count)
    expect(steps).toEqual([1, 2, 3, 4, 5].slice(3 - count === 1 ? 0 : 2))
    expect(holdingsOf(folder)).toEqual(expected)
  })

  test('can be paused again before it has caught up', { timeout: 180_000 }, async () => {
    const folder = join(scratch, 'damaged-twice')
    const pauseAt = (done: number): Watching => {
      const stop = new AbortController()
      return { signal: stop.signal, onEvent: (event) => { if (event.kind === 'progress' && event.done === done) stop.abort() } }
    }
    await failureOf(start(folder, config, pauseAt(3)))
    for (const file of readdirSync(join(folder, 'checkpoints'))) spoil(join(folder, 'checkpoints', file))
    expect(await failureOf(resume(folder, pauseAt(2)))).toBeInstanceOf(AppError)
    expect(stepsOf(folder, 'run1.i0.tune').steps).toBe(3)
    expect(await resume(folder)).toBe('finished')
    expect(holdingsOf(folder)).toEqual(expected)
  })
})
