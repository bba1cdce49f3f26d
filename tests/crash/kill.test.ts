/** kill −9, twenty times within one run of the `ci` preset: what stands in the end is what an uninterrupted run leaves. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { EngineCalls } from '../../main/engine/protocol.ts'
import { lockFileOf } from '../../main/store/lock.ts'
import { permutation, uniform } from '../../native-models/random.ts'
import { type Stage, stages } from '../../preload/contract/domain.ts'
import { type ChildEnd, ciRun, holdingsOf, leftProcesses, runChild, scratch, writeConfig } from './fixture.ts'
import { type Kill, type Line, type Moment, describe as describeKill } from './kills.ts'

const seed = Number(process.env['CREAMERY_KILL_SEED'] ?? 6)

/** Where the twenty strike, in the run's order; engine and main in turns. The moment within is drawn from what each stage offers. */
const places: readonly (readonly [iteration: number, stage: Stage, kills: number])[] = [
  [0, 'tune', 4], [0, 'evaluate', 2],
  [1, 'sample', 1], [1, 'score', 1], [1, 'rank', 1], [1, 'pair', 1], [1, 'audit', 1], [1, 'train', 3], [1, 'evaluate', 1],
  [2, 'sample', 1], [2, 'score', 1], [2, 'rank', 1], [2, 'train', 1], [2, 'evaluate', 1],
]

/** What can happen in a stage, in order: by the clock, or at a named point. The clock stops early: a busy computer may have measured long stages. */
function momentsOf(stage: Stage, draw: () => number, milliseconds: number): Moment[] {
  const byClock = (): Moment => ({ kind: 'time', milliseconds: draw() * Math.min(milliseconds, 500) })
  const upTo = (most: number): number => 1 + Math.floor(draw() * most)
  const during = (call: keyof EngineCalls, span: number, most = 1): Moment => ({ kind: 'asked', call, count: upTo(most), milliseconds: draw() * span })
  const before = (call: keyof EngineCalls, most = 1): Moment => ({ kind: 'answered', call, count: upTo(most) })
  switch (stage) {
    case 'tune':
    case 'train': return [
      during('startTraining', 50), byClock(), byClock(), { kind: 'progress', count: upTo(10) }, during('trainStep', 50, 10),
      during('saveCheckpoint', 10, 3), before('saveCheckpoint', 3), during('saveModel', 10), before('saveModel'), during('endTraining', 0),
    ]
    case 'sample':
    case 'evaluate': return [byClock(), byClock(), during('sample', 100, 2), before('sample', 2)]
    case 'score':
    case 'rank': return [during('score', 30, 2), before('score', 2)]
    default: return [{ kind: 'started' }]
  }
}

function drawKills(millisecondsOf: (iteration: number, stage: Stage) => number): Kill[] {
  let drawn = 0
  const draw = (): number => uniform(seed, drawn++)
  const kills = places.flatMap(([iteration, stage, count]) => {
    const moments = momentsOf(stage, draw, millisecondsOf(iteration, stage))
    const chosen = permutation(moments.length, seed, drawn++).slice(0, count).sort((a, b) => a - b)
    return chosen.map((i) => ({ iteration, stage, moment: moments[i]! }))
  })
  // The last one is sure to come: nothing happens after the run's end.
  kills.push({ ...kills.pop()!, moment: { kind: 'answered', call: 'sample', count: 1 } })
  return kills.map((kill, i) => ({ ...kill, target: i % 2 === 0 ? 'engine' : 'main' }))
}

type Killing = Extract<Line, { kind: 'killing' }>
const isKilling = (line: Line): line is Killing => line.kind === 'killing'

/** A training step; after a resume the first one tells where the checkpoint stood. */
const isStep = (line: Line): line is Extract<Line, { kind: 'progress' }> => line.kind === 'progress' && line.unit === 'steps'

/** Killed, resumed, killed …, until it ends by itself. */
async function runKilled(folder: string, config: string, temporary: string, kills: readonly Kill[]): Promise<ChildEnd[]> {
  const ends: ChildEnd[] = []
  let left = kills
  do {
    const end = await runChild(folder, config, temporary, left)
    ends.push(end)
    left = left.slice(end.lines.filter(isKilling).length)
    expect(await leftProcesses(temporary), 'processes that outlive main').toEqual([])
  } while (ends.at(-1)!.signal === 'SIGKILL' && ends.length <= kills.length)
  return ends
}

const temporaryIn = (name: string): string => join(scratch, `${name}-tmp`)
const engineFolders = (name: string): string[] => readdirSync(temporaryIn(name)).filter((entry) => entry.startsWith('creamery-engine-'))

describe.runIf(process.platform === 'linux')('the ci preset', () => {
  const folderOf = (name: string): string => join(scratch, name)
  let whole: ChildEnd
  let seconds: number
  let kills: readonly Kill[]
  let ends: readonly ChildEnd[]

  beforeAll(async () => {
    const config = writeConfig('ci', ciRun())
    const began = performance.now()
    whole = await runChild(folderOf('whole'), config, temporaryIn('whole'))
    seconds = (performance.now() - began) / 1000
    const millisecondsOf = (iteration: number, stage: Stage): number => {
      const done = whole.lines.find((line) => line.kind === 'stage-done' && line.iteration === iteration && line.stage === stage)
      return done?.kind === 'stage-done' ? 1000 * done.seconds : 0
    }
    kills = drawKills(millisecondsOf)
    ends = await runKilled(folderOf('killed'), config, temporaryIn('killed'), kills)
    const hits = Map.groupBy(ends.flatMap(({ lines }) => lines.filter(isKilling)), ({ stage }) => stage)
    const continued = ends.filter(({ lines }) => (lines.find(isStep)?.done ?? 1) > 1).length
    console.log(`seed ${seed}; the uninterrupted run took ${seconds.toFixed(1)} s; kills: ${[...hits].map(([stage, list]) => `${stage} ${list.length}`).join(', ')}; ${continued} of ${ends.length} processes began with a training's checkpoint\n  ${kills.map(describeKill).join('\n  ')}`)
  }, 400_000)

  test('runs to its end undisturbed, and takes training checkpoints on its way', () => {
    expect(whole).toMatchObject({ code: 0, errors: '' })
    expect(whole.lines.at(-1)).toEqual({ kind: 'ended', how: 'finished' })
    const checkpoints = whole.lines.flatMap((line) => (line.kind === 'checkpoint' ? [`${line.iteration}.${line.stage}`] : []))
    expect(new Set(checkpoints)).toEqual(new Set(['0.tune', '1.train', '2.train']))
  })

  test('is struck twenty times, in every stage, and comes to its end', () => {
    const struck = ends.flatMap(({ lines }) => lines.filter(isKilling))
    expect(struck.map(({ target }) => target)).toEqual(kills.map(({ target }) => target))
    expect(struck).toHaveLength(20)
    expect(new Set(struck.map(({ stage }) => stage))).toEqual(new Set(stages.filter((stage) => stage !== 'export')))
    expect(ends.at(-1)).toMatchObject({ code: 0, errors: '' })
    expect(ends.at(-1)!.lines.at(-1)).toEqual({ kind: 'ended', how: 'finished' })
  })

  test('goes on after its engine’s death without a restart of main, and says so', () => {
    const told = ends.flatMap(({ lines }) => lines.filter((line) => isKilling(line) || line.kind === 'engine-restarted').map((line) => (isKilling(line) ? line.target : line.kind)))
    expect(told).toEqual(Array.from({ length: 10 }, () => ['engine', 'engine-restarted', 'main']).flat())
  })

  test('leaves the same rows and the same bytes as undisturbed', () => {
    const [expected, found] = [holdingsOf(folderOf('whole')), holdingsOf(folderOf('killed'))]
    expect(Object.keys(expected.files)).toEqual(['M1', 'M2', 'M3'].flatMap((name) => ['adapter_config.json', 'adapter_model.safetensors'].map((file) => `adapters/run1.${name}/${file}`)))
    expect(found.files).toEqual(expected.files)
    for (const [table, rows] of Object.entries(expected.rows)) expect(found.rows[table], table).toEqual(rows)
    expect(Object.values(expected.rows).flat().length).toBeGreaterThan(1000)
  })

  test('leaves no lock and no temporary files behind', () => {
    for (const name of ['whole', 'killed']) {
      expect(existsSync(lockFileOf(folderOf(name)))).toBe(false)
      expect(engineFolders(name)).toEqual([])
    }
  })
})
