/** A full disk pauses a run. The disk is a small tmpfs, which takes root: elsewhere these tests are skipped. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunContext } from '../../main/pipeline/context.ts'
import { statusOf } from '../../main/pipeline/report.ts'
import { openProject } from '../../main/store/project.ts'
import { type Holdings, holdingsOf, resume, scratch, smallRun, start } from './fixture.ts'

const disks: string[] = []
const mount = (folder: string, options: string): boolean => spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'creamery-test', folder]).status === 0
afterAll(() => disks.forEach((folder) => spawnSync('umount', [folder])))

/** A disk of so many megabytes; null where this user may not mount. */
function makeDisk(name: string, megabytes: number): string | null {
  const folder = join(scratch, name)
  mkdirSync(folder)
  if (!mount(folder, `size=${megabytes}m`)) return null
  disks.push(folder)
  return folder
}
const canMount = process.platform === 'linux' && makeDisk('trial', 1) !== null
if (!canMount) console.warn('These tests need a disk of their own (mount -t tmpfs, as root on Linux); they are skipped.')

const growTo = (folder: string, megabytes: number): void => expect(mount(folder, `remount,size=${megabytes}m`)).toBe(true)

/** Takes all room on a disk but `spare` bytes. */
function fill(folder: string, spare: number): void {
  const { bavail, bsize } = statfsSync(folder)
  writeFileSync(join(folder, 'filler'), new Uint8Array(Math.max(0, bavail * bsize - spare)))
}

/** Checkpoints of 7.5 MB: what counts on the disk. One after every step. */
const config = smallRun({ tuning: { kind: 'lora', r: 64, alpha: 128 }, checkpointSeconds: 1e-6 })
const CHECKPOINT = 7.5e6
let expected: Holdings
beforeAll(async () => {
  if (!canMount) return
  await start(join(scratch, 'whole'), config)
  expected = holdingsOf(join(scratch, 'whole'))
}, 240_000)

function statusIn(folder: string): string[] {
  const project = openProject(folder, { readOnly: true })
  try {
    return statusOf(project.db, 'run1').filter(({ status }) => status !== 'done' && status !== 'pending').map(({ stage, status }) => `${stage} ${status}`)
  } finally {
    project.close()
  }
}

const failureOf = async (run: Promise<unknown>): Promise<unknown> => run.then(() => expect.fail('it should have stopped'), (error: unknown) => error)

/** Fills the disk once this many checkpoints are committed. */
const fillAfter = (disk: string, checkpoints: number, spare: number) => ({ engine }: RunContext): void => {
  const call = engine.call.bind(engine)
  let written = 0
  engine.call = (name, params, options) => {
    if (name === 'saveCheckpoint' && written++ === checkpoints) fill(disk, spare)
    return call(name, params, options)
  }
}

describe.runIf(canMount)('a disk', { timeout: 180_000 }, () => {
  test('without room for the checkpoints is refused before the first step, with both figures', async () => {
    const disk = makeDisk('small', 20)!
    const folder = join(disk, 'project')
    const steps: unknown[] = []
    const failure = await failureOf(start(folder, config, { onEvent: (event) => { if (event.kind === 'progress') steps.push(event) } }))
    expect(failure).toMatchObject({ code: 'disk-full', message: expect.stringMatching(/^Training M1 needs 23 MB for its checkpoints, but \d+ MB are free in .*small\/project; make room and resume\.$/) })
    expect(steps).toEqual([])
    expect(statusIn(folder)).toEqual(['tune paused'])
    expect(['adapters', 'checkpoints'].flatMap((name) => readdirSync(join(folder, name)))).toEqual([])
    growTo(disk, 100)
    expect(await resume(folder)).toBe('finished')
    expect(holdingsOf(folder)).toEqual(expected)
  })

  test.each([['less than a checkpoint', CHECKPOINT / 2], ['not a byte', 0]] as const)('that fills up during training (%s is left) pauses it after its last checkpoint', async (left, spare) => {
    const disk = makeDisk(`filling-${spare}`, 60)!
    const folder = join(disk, 'project')
    const failure = await failureOf(start(folder, config, { prepare: fillAfter(disk, 2, spare) }))
    expect(failure, left).toMatchObject({ code: 'disk-full', message: expect.stringMatching(/disk is full.*resume|disk is full.*start again/i) })
    expect(readdirSync(join(folder, 'checkpoints'))).toEqual(['run1.i0.tune.1.safetensors', 'run1.i0.tune.2.safetensors'])
    expect(existsSync(join(folder, 'project.lock'))).toBe(false)
    rmSync(join(disk, 'filler'))
    // Where not even the status could be written, the stage still reads as running.
    expect(statusIn(folder)).toEqual([expect.stringMatching(spare > 0 ? /^tune paused$/ : /^tune (paused|running)$/)])
    expect(await resume(folder)).toBe('finished')
    expect(holdingsOf(folder)).toEqual(expected)
  })

  test('that fills up while rows are written loses none', async () => {
    const disk = makeDisk('rows', 60)!
    const folder = join(disk, 'project')
    const failure = await failureOf(start(folder, config, { onEvent: (event) => { if (event.kind === 'stage-started' && event.stage === 'sample') fill(disk, 0) } }))
    expect(failure).toMatchObject({ code: 'disk-full', message: expect.stringContaining('The disk is full') })
    rmSync(join(disk, 'filler'))
    expect(await resume(folder)).toBe('finished')
    expect(holdingsOf(folder)).toEqual(expected)
  })
})
