/** Projects are made, copied, moved, deleted and switched while something else is asked for: nobody is taken out of what they opened, and nothing is made only to be refused. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { WorkbenchEvent } from '../../preload/contract/events.ts'
import type { Params, Reply, RequestName, Result } from '../../preload/contract/requests.ts'
import { handlers } from '../../main/ipc/handlers.ts'
import { createRouter } from '../../main/ipc/router.ts'
import { Staging } from '../../main/ipc/staging.ts'
import { Workbench } from '../../main/ipc/workbench.ts'
import { askAside } from '../../main/pipeline/aside.ts'
import { openProject } from '../../main/store/project.ts'
import { ids, insertPlan } from '../store/fixture.ts'
import { temporaryFolder } from '../temporary.ts'

const preset = { kind: 'preset', preset: 'ci' } as const
let state: string
let workbench: Workbench
let events: WorkbenchEvent['kind'][]
/** Handles. */
let a: string
let b: string

/** A planned project, as it lies on the disk. */
function plan(name: string): string {
  const folder = join(state, 'projects', name)
  const project = openProject(folder)
  insertPlan(project.db)
  project.close()
  return folder
}

beforeEach(() => {
  state = temporaryFolder('projects')
  workbench = new Workbench({ version: '0.0.0', host: 'electron', projectsFolder: join(state, 'projects'), stateFolder: state, roots: [], log: ({ message, details }) => { throw new Error(`${message}: ${JSON.stringify(details)}`) } })
  onTestFinished(() => workbench.close())
  ;[a, b] = ['A', 'B'].map((name) => workbench.places.give(plan(name))) as [string, string]
  workbench.openProject(workbench.places.pathOf(a))
  events = []
  workbench.events.listen(({ event }) => events.push(event.kind))
})

async function request<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Reply<Result<Name>>> {
  return (await createRouter({ workbench, handlers, distrust: () => null, log: workbench.options.log })(name, params, null)) as Reply<Result<Name>>
}
/** The answer, or its refusal as a sentence. */
async function ask<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Result<Name>> {
  const reply = await request(name, params)
  if (!reply.ok) throw new Error(`${reply.error.code}: ${reply.error.sentence}`)
  return reply.value
}
const opened = (): string | null => workbench.current()?.name ?? null
const listed = async (): Promise<string[]> => (await ask('project/list', {})).map(({ name }) => name).toSorted()
/** The open project is at work. @returns the end of it */
function work(): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  workbench.occupy('exporting M2', resolve, promise)
  return () => {
    resolve()
    return promise
  }
}
const busy = /^busy: A is at work \(exporting M2\)/

describe('a new project', () => {
  it('is refused before anything of it is made, while the open one is at work', async () => {
    const end = work()
    const making = vi.spyOn(workbench.staging, 'making')
    await expect(ask('project/create', { name: 'New', from: preset })).rejects.toThrow(busy)
    expect(making).not.toHaveBeenCalled()
    expect(await listed()).toEqual(['A', 'B'])
    await end()
  })

  it('is in the list, and the person hears so, where the open one began to work meanwhile', async () => {
    const elsewhere = join(state, 'elsewhere')
    mkdirSync(elsewhere)
    const made = ask('project/create', { name: 'New', where: workbench.places.give(elsewhere), from: preset })
    const end = work()
    await expect(made).rejects.toThrow(/^busy: The project "New" is made and in the list, but was not opened. A is at work \(exporting M2\)/)
    expect(events).toEqual(['projects-changed'])
    expect(opened()).toBe('A')
    expect(await listed()).toEqual(['A', 'B', 'New'])
    await end()
    await ask('project/close', {})
    expect(await ask('project/create', { name: 'Another', from: preset })).toMatchObject({ name: 'Another' }) // where none is open
  }, 60_000)

  it('has its name to itself while it is made', async () => {
    const made = ask('project/create', { name: 'New', from: preset })
    await expect(ask('project/create', { name: 'New', from: preset })).rejects.toThrow('There is a "New" in')
    await expect(ask('project/duplicate', { project: b, name: 'New' })).rejects.toThrow('There is a "New" in')
    expect(await made).toMatchObject({ name: 'New' })
    expect(readdirSync(workbench.shelf.folder).toSorted()).toEqual(['A', 'B', 'New'])
  }, 60_000)
})

describe('a copy of the open project', () => {
  it('leaves it open, and tells of the list first', async () => {
    await ask('project/duplicate', { project: a, name: 'Copy' })
    expect(opened()).toBe('A')
    expect(events.slice(0, 3)).toEqual(['project-closed', 'projects-changed', 'project-opened'])
  })

  it('takes nobody out of what was opened meanwhile, and is done also where that is at work', async () => {
    const copied = ask('project/duplicate', { project: a, name: 'Copy' })
    await expect(ask('project/open', { project: a })).rejects.toThrow('A is being copied')
    await ask('project/open', { project: b })
    const end = work()
    expect(existsSync(join(state, 'projects/Copy'))).toBe(false) // B is at work before the copy is done
    expect(await copied).toMatchObject({ name: 'Copy', missing: false })
    expect(opened()).toBe('B')
    expect(events.at(-1)).toBe('projects-changed')
    expect(await listed()).toEqual(['A', 'B', 'Copy'])
    await end()
  })

  it('opens nothing by itself for who has left what they opened meanwhile', async () => {
    const copied = ask('project/duplicate', { project: a, name: 'Copy' })
    await ask('project/open', { project: b })
    await ask('project/close', {})
    await copied
    expect(opened()).toBeNull()
  })

  it('is refused inside of the project, as is moving it there; a folder beside it may be called alike', async () => {
    const inside = workbench.places.give(join(workbench.project.folder, 'exports'))
    for (const where of [inside, a]) for (const name of ['project/duplicate', 'project/move'] as const) await expect(ask(name, { project: a, name: 'Inner', where })).rejects.toThrow(/^bad-arguments: .* is in the project itself/)
    expect(opened()).toBe('A')
    const sibling = workbench.places.give(plan('A and more'))
    expect(await ask('project/move', { project: b, name: 'Outer', where: sibling })).toMatchObject({ missing: false })
  })
})

describe('the open project, moved', () => {
  it('is open where it is then', async () => {
    expect(await ask('project/move', { project: a, name: 'Moved' })).toMatchObject({ name: 'Moved', missing: false })
    expect(opened()).toBe('Moved')
    expect(await listed()).toEqual(['B', 'Moved'])
  })

  it('takes nobody out of what was opened meanwhile', async () => {
    const elsewhere = join(state, 'elsewhere')
    mkdirSync(elsewhere)
    const moved = ask('project/move', { project: a, name: 'Moved', where: workbench.places.give(elsewhere) })
    await ask('project/open', { project: b })
    const end = work()
    expect(await moved).toMatchObject({ folder: join(elsewhere, 'Moved'), missing: false })
    expect(opened()).toBe('B')
    expect(await listed()).toEqual(['B', 'Moved'])
    await end()
  })

  const memory = '/dev/shm'
  it.skipIf(!existsSync(memory) || statSync(memory).dev === statSync(tmpdir()).dev)('to another disk: copied and deleted, and still nobody is taken out of what was opened meanwhile', async () => {
    const there = mkdtempSync(join(memory, 'creamery-projects-'))
    onTestFinished(() => rmSync(there, { recursive: true, force: true }))
    const moved = ask('project/move', { project: a, name: 'Moved', where: workbench.places.give(there) })
    await ask('project/open', { project: b })
    const end = work()
    expect(await moved).toMatchObject({ folder: join(there, 'Moved'), missing: false })
    expect(opened()).toBe('B')
    expect(await listed()).toEqual(['B', 'Moved'])
    expect(existsSync(workbench.places.pathOf(a))).toBe(false)
    expect(readdirSync(there)).toEqual(['Moved'])
    await end()
  })

  it('is moved once: the second of two is refused, to the same place or to another', async () => {
    const to = async (name: string): Promise<string> => {
      const reply = await request('project/move', { project: a, name })
      return reply.ok ? reply.value.name : reply.error.sentence
    }
    const answers = await Promise.all([to('Moved'), to('Moved'), to('Other')])
    expect(answers).toEqual(['Moved', expect.stringContaining('There is a "Moved" in'), expect.stringContaining('A is being copied, moved or deleted')])
    expect(await to('Late')).toContain('holds no Creamery project any more')
    expect(opened()).toBe('Moved')
    expect(await listed()).toEqual(['B', 'Moved'])
  })
})

describe('a project, deleted', () => {
  it('stays whole while it is at work', async () => {
    const before = readdirSync(workbench.project.folder)
    const end = work()
    await expect(ask('project/delete', { project: a, name: 'A' })).rejects.toThrow(busy)
    expect(readdirSync(workbench.project.folder)).toEqual(before)
    expect(await ask('project/delete', { project: b, name: 'B' })).toEqual({}) // another one need not wait for it
    expect(opened()).toBe('A')
    await end()
  })

  it('is neither opened nor measured meanwhile, and gone with all that was in it', async () => {
    const folder = workbench.places.pathOf(a)
    const gone = ask('project/delete', { project: a, name: 'A' })
    for (const name of ['project/open', 'project/disk'] as const) await expect(ask(name, { project: a })).rejects.toThrow('A is being copied, moved or deleted')
    await gone
    expect(existsSync(folder)).toBe(false)
    expect(opened()).toBeNull()
    expect(await listed()).toEqual(['B'])
  })

  it('keeps nobody waiting for what is worked out of another one', async () => {
    const waited = vi.spyOn(Atomics, 'wait')
    onTestFinished(() => waited.mockRestore())
    const figures = askAside(workbench.project, 'reportModels', { runId: ids.run })
    await ask('project/delete', { project: b, name: 'B' })
    expect(waited).not.toHaveBeenCalled()
    await ask('project/close', {})
    expect(waited).toHaveBeenCalledOnce()
    await figures
  })
})

describe('two at once', () => {
  it('the one opened last is open, and the other free', async () => {
    expect((await Promise.all([ask('project/open', { project: b }), ask('project/open', { project: a }), ask('project/open', { project: b })])).map(({ name, readOnly }) => [name, readOnly])).toEqual([['B', null], ['A', null], ['B', null]])
    expect(opened()).toBe('B')
    openProject(workbench.places.pathOf(a)).close()
  })

  it('another project is not left locked where the open one still has a figure worked out', async () => {
    await askAside(workbench.project, 'reportModels', { runId: ids.run })
    const waited = vi.spyOn(Atomics, 'wait').mockReturnValueOnce('timed-out')
    onTestFinished(() => waited.mockRestore())
    await expect(ask('project/open', { project: b })).rejects.toThrow(/^busy: A figure of the project/)
    expect(opened()).toBe('A')
    openProject(workbench.places.pathOf(b)).close()
    expect(await ask('project/open', { project: b })).toMatchObject({ readOnly: null })
  })

  it('two that are made beside each other end together', async () => {
    const [staging, parent] = [new Staging(), temporaryFolder('staging')]
    const made = await Promise.all(['one', 'two'].map((name) => staging.making(parent, async (draft) => {
      await Promise.resolve() // both are there
      rmSync(draft, { recursive: true }) // as if it were taken to its place
      return name
    })))
    expect(made).toEqual(['one', 'two'])
    expect(readdirSync(parent)).toEqual([])
  })
})

it('a model is linked again in a project that stays open until that is done', async () => {
  const project = await ask('project/create', { name: 'Linked', from: preset })
  const { model } = await ask('place/bundled', {})
  const linked = ask('project/locate', { folder: model })
  await expect(ask('project/open', { project: b })).rejects.toThrow('Linked is at work (linking its base model)')
  await expect(ask('project/delete', { project: project.handle, name: 'Linked' })).rejects.toThrow('linking its base model')
  expect(await linked).toMatchObject({ name: 'Linked', modelMissing: null })
  expect(await ask('project/open', { project: b })).toMatchObject({ name: 'B' })
}, 60_000)
