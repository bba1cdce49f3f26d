/**
 * A main process to be killed: starts the run of a configuration, or carries on the one it finds, and prints every event
 * as a line of JSON. CREAMERY_KILLS (a list of `Kill`) says where it kills its engine or itself, in order.
 * Arguments: the project's folder, the configuration's file.
 */
import { existsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { EngineHost } from '../../main/engine/host.ts'
import { loadConfig } from '../../main/pipeline/config.ts'
import type { RunContext, RunEvent } from '../../main/pipeline/context.ts'
import { carryOn } from '../../main/pipeline/runner.ts'
import { withNewRun, withRun } from '../../main/pipeline/session.ts'
import { databaseName } from '../../main/store/project.ts'
import { type Stage, stages } from '../../preload/contract/domain.ts'
import type { Kill, Line } from './kills.ts'

const [folder, configFile] = process.argv.slice(2) as [string, string]
const kills = JSON.parse(process.env['CREAMERY_KILLS'] ?? '[]') as Kill[]

let engine: EngineHost | null = null
let at: { iteration: number; stage: Stage } = { iteration: -1, stage: 'tune' }
let progress = 0
const calls = new Map<string, number>()
let timer: NodeJS.Timeout | undefined
/** After the engine's death the next kill waits until main has started it again. */
let isBereft = false

const print = (line: Line): void => void writeSync(1, `${JSON.stringify(line)}\n`)
const placeOf = ({ iteration, stage }: typeof at): number => 100 * iteration + stages.indexOf(stage)

/** The kill that may strike now. */
function armed(): { moment: Kill['moment']; isLate: boolean } | null {
  const [next] = kills
  if (!next || isBereft || placeOf(at) < placeOf(next)) return null
  return { moment: next.moment, isLate: placeOf(at) > placeOf(next) }
}

function kill(): void {
  const { target } = kills.shift()!
  print({ kind: 'killing', target, ...at })
  if (target === 'main') process.kill(process.pid, 'SIGKILL')
  process.kill(engine!.pid!, 'SIGKILL')
  isBereft = true
  clearTimeout(timer)
}

/** Entering a stage, and after a restart of the engine: what strikes by itself. */
function arm(): void {
  clearTimeout(timer)
  progress = 0
  calls.clear()
  const next = armed()
  if (next?.moment.kind === 'time') timer = setTimeout(kill, next.moment.milliseconds)
}

function emit(event: RunEvent): void {
  print(event)
  switch (event.kind) {
    case 'stage-started': {
      at = { iteration: event.iteration, stage: event.stage }
      const next = armed()
      if (next && (next.moment.kind === 'started' || next.isLate)) kill()
      else arm()
      return
    }
    case 'progress': {
      if (event.stage === 'train' && event.unit !== 'steps') return // a training is in its middle once it takes steps
      progress++
      const next = armed()
      if (next?.moment.kind === 'progress' && progress >= next.moment.count) kill()
      return
    }
    case 'engine-restarted':
      isBereft = false
      arm()
      return
    default:
  }
}

/** Lets kills strike while the engine works, and between its answer and what main does with it. */
function watch(context: RunContext): void {
  engine = context.engine
  const call = engine.call.bind(engine)
  engine.call = async (name, params, options) => {
    const count = (calls.get(name) ?? 0) + 1
    calls.set(name, count)
    const strikes = (moment: Kill['moment'] | undefined, kind: 'asked' | 'answered'): boolean => moment?.kind === kind && moment.call === name && moment.count === count
    const now = armed()?.moment
    if (now?.kind === 'asked' && strikes(now, 'asked')) setTimeout(() => { if (armed()?.moment === now) kill() }, now.milliseconds)
    const result = await call(name, params, options)
    if (name === 'saveCheckpoint') print({ kind: 'checkpoint', ...at })
    if (strikes(armed()?.moment, 'answered')) kill()
    return result
  }
}

const work = async (context: RunContext): Promise<void> => {
  watch(context)
  print({ kind: 'ended', how: await carryOn(context) })
}
const options = { signal: new AbortController().signal, emit }
if (existsSync(join(folder, databaseName))) await withRun(folder, options, work)
else await withNewRun(folder, loadConfig({ file: configFile }), options, work)
