/** A model of the project's own: copied for a project to be made, moved in with it, and with it wherever it goes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { handlers } from '../../main/ipc/handlers.ts'
import { createRouter } from '../../main/ipc/router.ts'
import { Workbench } from '../../main/ipc/workbench.ts'
import { moveIn, takeAlong } from '../../main/pipeline/own-model.ts'
import { carryOn } from '../../main/pipeline/runner.ts'
import { withRun } from '../../main/pipeline/session.ts'
import { startSandbox } from '../../main/sandbox/host.ts'
import { get } from '../../main/store/database.ts'
import { openProject } from '../../main/store/project.ts'
import type { Params, Reply, RequestName, Result } from '../../preload/contract/requests.ts'
import { temporaryFolder } from '../temporary.ts'
import { contents, smallModel } from './fixture.ts'

const root = join(import.meta.dirname, '../..')
const quiet = { signal: new AbortController().signal, emit: () => {} }
const silent = { signal: quiet.signal, progress: () => {} }

interface Bench {
  readonly workbench: Workbench
  readonly projects: string
  ask<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Result<Name>>
}

function open(state: string): Bench {
  const projects = join(state, 'projects')
  const workbench = new Workbench({ version: '0', host: 'electron', projectsFolder: projects, stateFolder: state, roots: [], log: () => {} })
  onTestFinished(() => workbench.close())
  const answer = createRouter({ workbench, handlers, distrust: () => null, log: () => {} })
  return {
    workbench, projects,
    async ask(name, params) {
      const reply = (await answer(name, params, null)) as Reply<never>
      if (!reply.ok) throw new Error(reply.error.sentence)
      return reply.value
    },
  }
}

/** What `ls -A` shows, down to the files. */
const filesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ name }) => name) : [])

/** The wizard's way with a model called "mine"; where it lay it is no more. */
async function makeOwn({ workbench, ask }: Bench, name: string): Promise<Result<'project/create'>> {
  const from = join(temporaryFolder('from'), 'mine')
  cpSync(join(root, 'native-models/bundled/model'), from, { recursive: true })
  const { folder } = await ask('model/import', { folder: workbench.places.give(from) })
  rmSync(from, { recursive: true })
  const { sft, prompts, tasks } = await ask('place/bundled', {})
  const settings = await ask('project/preset', { preset: 'ci' })
  const small = { ...settings, iterations: 1, evaluation: { ...settings.evaluation, samples: 0, maxNewTokens: 8 } }
  return ask('project/create', { name, from: { kind: 'settings', settings: small, sources: { model: folder, sft, sftLimit: 32, prompts, promptsLimit: 8, evaluation: [{ name: 'tasks', file: tasks, limit: 4 }] } } })
}

test('it is the project’s from the start, and samples after the folder was moved by hand', async () => {
  const bench = open(temporaryFolder('own'))
  const made = await makeOwn(bench, 'First')
  expect(made).toMatchObject({ model: 'mine', modelIsOwn: true, modelMissing: null })
  expect(get(bench.workbench.project.db, 'SELECT base_path, json_extract(config, \'$.model\') AS model FROM runs')).toEqual({ basePath: 'model/mine', model: 'model/mine' })
  expect(contents(join(made.folder, 'model/mine'))).toEqual(contents(join(root, 'native-models/bundled/model')))
  expect(readdirSync(bench.projects)).toEqual(['First']) // nothing is left of its making
  await bench.ask('project/close', {})
  const moved = join(temporaryFolder('elsewhere'), 'moved')
  renameSync(made.folder, moved)
  await withRun(moved, quiet, (context) => carryOn(context, { until: 'sample' }))
  const project = openProject(moved, { readOnly: true })
  expect(get(project.db, 'SELECT count(*) AS n FROM responses')).toEqual({ n: expect.any(Number) })
  expect(get<{ n: number }>(project.db, 'SELECT count(*) AS n FROM responses')!.n).toBeGreaterThan(8)
  project.close()
}, 240_000)

test('a duplicate has it too, on the same disk without room of its own; each is deleted by itself; what frees room leaves it', async () => {
  const bench = open(temporaryFolder('own'))
  const { ask, workbench } = bench
  const first = await makeOwn(bench, 'First')
  const weights = statSync(join(first.folder, 'model/mine/model.safetensors'))
  const copy = await ask('project/duplicate', { project: first.handle, name: 'Second' })
  expect(statSync(join(copy.folder, 'model/mine/model.safetensors')).ino).toBe(weights.ino)
  const partOf = async (project: string): Promise<number | undefined> => (await ask('project/disk', { project })).parts.find(({ what }) => what === 'model')?.bytes
  expect(await partOf(first.handle)).toBeGreaterThan(weights.size)
  expect(await partOf(copy.handle)).toBe(await partOf(first.handle))
  expect((await ask('project/free', {})).parts.find(({ what }) => what === 'model')).toMatchObject({ freeable: 0 })
  await ask('project/delete', { project: first.handle, name: 'First' })
  expect(existsSync(first.folder)).toBe(false)
  const renamed = await ask('project/move', { project: copy.handle, name: 'Third' })
  expect(await ask('project/open', { project: renamed.handle })).toMatchObject({ modelMissing: null, modelIsOwn: true })
  expect(contents(join(renamed.folder, 'model/mine'))).toEqual(contents(join(root, 'native-models/bundled/model')))
  await ask('project/delete', { project: renamed.handle, name: 'Third' })
  expect(readdirSync(workbench.shelf.folder)).toEqual([])
}, 120_000)

test('a project that cannot be planned leaves nothing but the copy, which the next try takes', async () => {
  const bench = open(temporaryFolder('own'))
  const { ask, workbench, projects } = bench
  const { folder } = await ask('model/import', { folder: workbench.places.give(join(root, 'native-models/bundled/model')) })
  const { sft, prompts } = await ask('place/bundled', {})
  const settings = await ask('project/preset', { preset: 'ci' })
  const create = (maxLength: number): Promise<unknown> => ask('project/create', { name: 'P', from: { kind: 'settings', settings: { ...settings, maxLength }, sources: { model: folder, sft, prompts, promptsLimit: 8, evaluation: [] } } })
  await expect(create(8)).rejects.toThrow('fits the context')
  expect(existsSync(join(projects, 'P'))).toBe(false)
  expect(existsSync(workbench.places.pathOf(folder))).toBe(true)
  await create(settings.maxLength)
  expect(readdirSync(join(projects, 'P/model'))).toEqual(['bundled-model'])
}, 120_000)

test('a linked base is made the project’s own', async () => {
  const { ask, workbench } = open(temporaryFolder('own'))
  const { folder, modelIsOwn } = await ask('project/create', { name: 'P', from: { kind: 'preset', preset: 'ci' } })
  expect(modelIsOwn).toBe(false)
  expect(existsSync(join(folder, 'model'))).toBe(false)
  expect(await ask('project/ownModel', {})).toMatchObject({ modelIsOwn: true })
  expect(workbench.run.basePath).toBe(join(folder, 'model/bundled-model'))
  await expect(ask('project/ownModel', {})).rejects.toThrow('own already')
}, 60_000)

describe('killed', () => {
  const bundled = join(root, 'native-models/bundled/model')
  /** A Creamery that does this and is killed when it says so. */
  const start = (state: string, script: string): ChildProcess => {
    const file = join(temporaryFolder('kill'), 'workbench.ts')
    writeFileSync(file, `
      import { Workbench } from ${JSON.stringify(join(root, 'main/ipc/workbench.ts'))}
      import { handlers } from ${JSON.stringify(join(root, 'main/ipc/handlers.ts'))}
      const workbench = new Workbench({ version: '0', host: 'electron', projectsFolder: ${JSON.stringify(join(state, 'projects'))}, stateFolder: ${JSON.stringify(state)}, roots: [], log: () => {} })
      const give = (path: string) => workbench.places.give(path)
      ${script}
    `)
    return spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] })
  }

  test('while it is copied: the next start clears what is left, and leaves alone what another Creamery is making', async () => {
    const state = temporaryFolder('own')
    const from = await smallModel({ dtype: 'F32', shardBytes: 4000 })
    const copying = `const copying = handlers['model/import'](workbench, { folder: give(${JSON.stringify(from)}) })
      for (;;) { await new Promise(setImmediate); if ((handlers['model/importing'](workbench, {}) as { done: number } | null)!.done > 20_000) break }
      console.log('copying')`
    const killed = start(state, `${copying}\nprocess.kill(process.pid, 'SIGKILL')`)
    await once(killed, 'exit')
    expect(filesIn(join(state, 'projects'))).toContain('import.partial')
    const living = start(state, `await handlers['model/import'](workbench, { folder: give(${JSON.stringify(bundled)}) })\nconsole.log('copied')\nsetInterval(() => {}, 1000)`)
    onTestFinished(() => void living.kill('SIGKILL'))
    await once(living.stdout!, 'data')
    const { workbench, projects } = open(state)
    await expect.poll(() => filesIn(projects)).not.toContain('import.partial')
    expect(filesIn(projects)).toContain('model.safetensors') // the living one's
    await workbench.close()
    living.kill('SIGKILL')
    await once(living, 'exit')
    const next = open(state)
    await expect.poll(() => readdirSync(next.projects)).toEqual([])
  }, 60_000)

  test('while the project is made or duplicated: it is whole, or there is none', async () => {
    const state = temporaryFolder('own')
    const script = `
      const { folder: model } = await handlers['model/import'](workbench, { folder: give(${JSON.stringify(bundled)}) })
      const { sft, prompts } = await handlers['place/bundled'](workbench, {})
      const settings = await handlers['project/preset'](workbench, { preset: 'ci' })
      console.log('making')
      const { handle } = await handlers['project/create'](workbench, { name: 'P', from: { kind: 'settings', settings, sources: { model, sft, prompts, promptsLimit: 8, evaluation: [] } } } as never)
      for (let i = 0; ; i++) await handlers['project/duplicate'](workbench, { project: handle, name: 'copy ' + i } as never)`
    let seen = 0
    for (const delay of [300, 900, 1500, 2500]) {
      const child = start(state, script)
      await once(child.stdout!, 'data')
      await sleep(delay)
      child.kill('SIGKILL')
      await once(child, 'exit')
      const { ask, workbench, projects } = open(state)
      await expect.poll(() => existsSync(join(projects, '.creamery-staging'))).toBe(false)
      for (const { handle, folder } of await ask('project/list', {})) {
        seen++
        expect(await ask('project/open', { project: handle })).toMatchObject({ prompts: 8, modelIsOwn: true, modelMissing: null })
        expect(contents(join(folder, 'model/bundled-model'))).toEqual(contents(bundled))
        await ask('project/delete', { project: handle, name: basename(folder) })
      }
      expect(readdirSync(projects)).toEqual([])
      await workbench.close()
    }
    expect(seen).toBeGreaterThan(0)
  }, 120_000)
})

describe('of a run from the terminal', () => {
  const sandbox = startSandbox()
  beforeAll(() => () => sandbox.close())

  test('a copy that was stopped goes on, one that is there is taken, another model is not', async () => {
    const [project, from, stop] = [join(temporaryFolder('own'), 'project'), await smallModel({ dtype: 'F32', shardBytes: 4000 }), new AbortController()]
    await expect(takeAlong(sandbox, project, { from, adapter: null }, { signal: stop.signal, progress: (done, total) => done > total / 4 && stop.abort() })).rejects.toMatchObject({ code: 'cancelled' })
    const partial = join(project, 'model', readdirSync(join(project, 'model'))[0]!)
    expect(partial).toMatch(/\.partial$/)
    const whole = readdirSync(partial).filter((name) => name.endsWith('.safetensors'))
    const before = whole.map((name) => statSync(join(partial, name)).ino)
    const copy = await takeAlong(sandbox, project, { from, adapter: null }, silent)
    expect(whole.map((name) => statSync(join(copy, name)).ino)).toEqual(before)
    const made = statSync(join(copy, 'config.json')).mtimeMs
    expect(await takeAlong(sandbox, project, { from, adapter: null }, silent)).toBe(copy)
    expect(statSync(join(copy, 'config.json')).mtimeMs).toBe(made)
    const other = join(temporaryFolder('other'), basename(from))
    renameSync(await smallModel(), other)
    expect(contents(await takeAlong(sandbox, project, { from: other, adapter: null }, silent))).toEqual(contents(other))
  })

  const memory = '/dev/shm'
  test.skipIf(!existsSync(memory) || statSync(memory).dev === statSync(root).dev)('a copy on another disk is copied, checked, and gone there', async () => {
    const there = join(memory, `creamery-own-${process.pid}`)
    onTestFinished(() => rmSync(there, { recursive: true, force: true }))
    mkdirSync(there)
    cpSync(await smallModel(), join(there, 'mine'), { recursive: true })
    const wanted = contents(join(there, 'mine'))
    const to = join(temporaryFolder('own'), 'model/mine')
    await moveIn(sandbox, join(there, 'mine'), to, silent)
    expect(contents(to)).toEqual(wanted)
    expect(readdirSync(there)).toEqual([])
  })
})
