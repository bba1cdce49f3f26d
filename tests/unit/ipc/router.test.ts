/** The one door for requests: what it refuses, how faults leave, and that nothing leaves which the contract does not name. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { AppError } from '../../../preload/contract/errors.ts'
import { SettingsChange } from '../../../preload/contract/requests/run.ts'
import type { Handlers } from '../../../main/ipc/handler.ts'
import { handlers } from '../../../main/ipc/handlers.ts'
import type { LogEntry } from '../../../main/ipc/log.ts'
import { createRouter } from '../../../main/ipc/router.ts'
import { Workbench } from '../../../main/ipc/workbench.ts'

const folder = mkdtempSync(join(tmpdir(), 'creamery-ipc-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const entries: LogEntry[] = []
const log = (entry: LogEntry): void => void entries.push(entry)
const workbench = new Workbench({ version: '1.2.3', host: 'electron', projectsFolder: join(folder, 'projects'), stateFolder: join(folder, 'state'), roots: [], log })
const route = (over: Partial<Handlers> = {}, distrust: (sender: string) => string | null = () => null) => createRouter<string>({ workbench, handlers: { ...handlers, ...over }, distrust, log })

async function logged<T>(work: () => Promise<T>): Promise<{ result: T; entries: LogEntry[] }> {
  const before = entries.length
  const result = await work()
  return { result, entries: entries.slice(before) }
}

describe('the router', () => {
  it('answers with a value', async () => {
    expect(await route()('app/info', {}, 'page')).toMatchObject({ ok: true, value: { version: '1.2.3', host: 'electron' } })
  })

  it('asks who sends before anything else', async () => {
    const { result, entries: noted } = await logged(() => route({}, (sender) => (sender === 'page' ? null : 'foreign frame'))('app/info', { bad: 1 }, 'frame'))
    expect(result).toMatchObject({ ok: false, error: { code: 'refused' } })
    expect(noted).toEqual([{ level: 'refused', message: 'foreign frame', details: { channel: '"app/info"' } }])
  })

  it.each([['audit'], [''], ['toString'], ['constructor'], [null], [{}], [7]])('refuses the channel %j', async (name) => {
    const { result, entries: noted } = await logged(() => route()(name, {}, 'page'))
    expect(result).toMatchObject({ ok: false, error: { code: 'bad-arguments' } })
    expect(noted).toMatchObject([{ level: 'refused', message: 'unknown channel' }])
  })

  it('passes errors for people as they are', async () => {
    const answer = route({ 'project/list': () => { throw new AppError('bad-data', 'This is damaged; restore it.') } })
    expect((await logged(() => answer('project/list', {}, 'page')))).toEqual({ result: { ok: false, error: { code: 'bad-data', sentence: 'This is damaged; restore it.' } }, entries: [] })
  })

  it('keeps the words of a fault to itself: the person gets a number, the log where it was', async () => {
    const answer = route({ 'project/list': () => { throw new Error('secret prompt text') } })
    const { result, entries: noted } = await logged(() => answer('project/list', {}, 'page'))
    expect(result).toMatchObject({ ok: false, error: { code: 'internal' } })
    const [id] = /fault [0-9a-f]{8}/.exec(JSON.stringify(result)) ?? []
    expect(noted).toMatchObject([{ level: 'fault', message: `${id} in project/list`, details: { error: expect.stringContaining('router.test.ts') as string } }])
    expect(JSON.stringify([result, noted])).not.toContain('secret')
  })

  it('lets nothing out that the contract does not name', async () => {
    const leak = { version: '1', host: 'browser', platform: 'x', threads: 1, projectsFolder: '/', reward: 0.5 } as const
    const { result } = await logged(() => route({ 'app/info': () => leak })('app/info', {}, 'page'))
    expect(result).toMatchObject({ ok: false, error: { code: 'internal' } })
    expect(JSON.stringify(result)).not.toContain('0.5')
  })
})

describe('a change of settings', () => {
  it('is what was named: defaults fill a group that is named, and no other', () => {
    expect(SettingsChange.parse({})).toEqual({})
    expect(SettingsChange.parse({ method: 'srlm' })).toEqual({ method: 'srlm' })
    expect(SettingsChange.parse({ consistency: { clamp: true } })).toEqual({ consistency: { statistic: 'tau-b', tieTolerance: 'measured', firstIterationRule: 'mean-logps', clamp: true, whenNull: 'mean', acceptReversed: false } })
    expect(() => SettingsChange.parse({ model: '/etc' })).toThrow()
  })
})
