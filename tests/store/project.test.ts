import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { acquireLock, lockFileOf } from '../../main/store/lock.ts'
import { modelsOf } from '../../main/store/models.ts'
import { openProject, pathForRow, pathIn, sweepOrphans } from '../../main/store/project.ts'
import type { Project } from '../../main/store/project.ts'
import { ids, insertPlan, temporaryFolder } from './fixture.ts'

function open(...args: Parameters<typeof openProject>): Project {
  const project = openProject(...args)
  onTestFinished(() => {
    if (project.db.open) project.close()
  })
  return project
}

/** A second process that opens the project; what it said, and a way to kill it for good. */
async function openElsewhere(folder: string): Promise<{ said: string; pid: number; kill: () => Promise<void> }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'hold-project.ts'), folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  onTestFinished(() => void child.kill('SIGKILL'))
  const said = await new Promise<string>((resolve) => child.stdout.once('data', (data: Buffer) => resolve(data.toString())))
  const kill = () => {
    child.kill('SIGKILL')
    return ended
  }
  return { said, pid: child.pid!, kill }
}

const locked = (message: RegExp) => expect.objectContaining({ code: 'project-locked', message: expect.stringMatching(message) })

test('a project is made in a new or empty folder, never among other files', () => {
  const folder = join(temporaryFolder(), 'new', 'project')
  open(folder)
  for (const name of ['creamery.db', 'adapters', 'checkpoints', 'exports', 'project.lock']) expect(existsSync(join(folder, name)), name).toBe(true)
  const home = temporaryFolder()
  writeFileSync(join(home, 'thesis.tex'), '')
  expect(() => openProject(home)).toThrow(expect.objectContaining({ code: 'bad-arguments', message: expect.stringContaining('not empty') }))
  expect(existsSync(join(home, 'adapters'))).toBe(false)
})

test('a second opener, in this process or another, is told who has it since when, and may read', async () => {
  const folder = temporaryFolder()
  const project = open(folder)
  insertPlan(project.db)
  const sentence = new RegExp(`open in process ${process.pid} since \\d{4}-\\d\\d-\\d\\dT.*read-only`)
  expect(() => openProject(folder)).toThrow(locked(sentence))
  expect((await openElsewhere(folder)).said).toMatch(sentence)
  expect(modelsOf(open(folder, { readOnly: true }).db, ids.run)).toHaveLength(2)
  project.close()
  expect(existsSync(lockFileOf(folder))).toBe(false)
  open(folder)
})

test('a lock outlives its process by nothing: killed with -9, it is taken over', async () => {
  const folder = temporaryFolder()
  const other = await openElsewhere(folder)
  expect(other.said).toBe('open')
  expect(() => openProject(folder)).toThrow(locked(new RegExp(`process ${other.pid} `)))
  await other.kill()
  expect(existsSync(lockFileOf(folder))).toBe(true)
  open(folder)
  expect(JSON.parse(readFileSync(lockFileOf(folder), 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() })
})

test('of several processes that find a stale lock at once, one takes it over', async () => {
  const folder = temporaryFolder()
  const dead = await openElsewhere(folder)
  await dead.kill()
  const said = (await Promise.all(Array.from({ length: 4 }, () => openElsewhere(folder)))).map((other) => other.said)
  expect(said.filter((text) => text === 'open')).toHaveLength(1)
  expect(said.filter((text) => /^The project .* is (open in process|being opened)/.test(text))).toHaveLength(3)
})

test.runIf(process.platform === 'linux')('a later process with the same pid does not hold the lock', () => {
  const folder = temporaryFolder()
  const lock = acquireLock(folder)
  const owner = JSON.parse(readFileSync(lockFileOf(folder), 'utf8')) as { processStart: string }
  expect(owner.processStart).toMatch(/^[0-9a-f-]{36}\/\d+$/)
  writeFileSync(lockFileOf(folder), JSON.stringify({ ...owner, processStart: 'an-earlier-boot/1' }))
  const taken = acquireLock(folder)
  lock.release() // no longer its own: must not remove the other's
  expect(existsSync(lockFileOf(folder))).toBe(true)
  taken.release()
  expect(existsSync(lockFileOf(folder))).toBe(false)
})

test('a lock of another machine is believed; one that was never written to the end is not', () => {
  const folder = temporaryFolder()
  writeFileSync(lockFileOf(folder), JSON.stringify({ pid: 1, processStart: null, host: 'elsewhere', since: '2026-01-01T00:00:00.000Z' }))
  expect(() => acquireLock(folder)).toThrow(locked(/process 1 on elsewhere since 2026-01-01.*delete .*project\.lock/))
  writeFileSync(lockFileOf(folder), '{"pid": 1')
  acquireLock(folder).release()
})

test('a project that cannot be opened is not left locked', () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'creamery.db'), 'text '.repeat(1000))
  expect(() => openProject(folder)).toThrow(expect.objectContaining({ code: 'bad-data' }))
  expect(existsSync(lockFileOf(folder))).toBe(false)
})

test('row paths are relative, use forward slashes and cannot leave the project', () => {
  const project = open(temporaryFolder())
  const file = pathIn(project, 'adapters/M1.safetensors')
  expect(file).toBe(join(project.folder, 'adapters', 'M1.safetensors'))
  expect(pathForRow(project, file)).toBe('adapters/M1.safetensors')
  for (const path of ['../x', '/etc/passwd', '.']) expect(() => pathIn(project, path)).toThrow(expect.objectContaining({ code: 'bad-data' }))
})

test('files that no row names are swept; named files and folders stay', () => {
  const project = open(temporaryFolder())
  insertPlan(project.db) // names adapters/M1.safetensors
  mkdirSync(join(project.folder, 'checkpoints', 'run1.i1.train'))
  mkdirSync(join(project.folder, 'adapters', 'M1.safetensors')) // a folder: everything beneath belongs to the row
  for (const file of ['adapters/M1.safetensors/part', 'adapters/M1.safetensors2', 'checkpoints/run1.i1.train/7.tmp', 'exports/model.gguf']) writeFileSync(join(project.folder, file), '')
  expect(sweepOrphans(project)).toEqual(['adapters/M1.safetensors2', 'checkpoints/run1.i1.train/7.tmp'])
  expect(existsSync(join(project.folder, 'adapters/M1.safetensors/part'))).toBe(true)
  expect(existsSync(join(project.folder, 'exports/model.gguf'))).toBe(true)
  expect(sweepOrphans(project)).toEqual([])
})
