/** The wizard's way: a card, then a copy for the project to be made, found again and stopped. */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { handlers } from '../../main/ipc/handlers.ts'
import { createRouter } from '../../main/ipc/router.ts'
import { Workbench } from '../../main/ipc/workbench.ts'
import type { Params, Reply, RequestName, Result } from '../../preload/contract/requests.ts'
import { temporaryFolder } from '../temporary.ts'
import { contents, smallModel } from './fixture.ts'

const state = temporaryFolder('state')
const workbench = new Workbench({ version: '0', host: 'electron', projectsFolder: join(state, 'projects'), stateFolder: state, roots: [], log: () => {} })
const answer = createRouter({ workbench, handlers, distrust: () => null, log: () => {} })
afterAll(() => workbench.close())
const request = <Name extends RequestName>(name: Name, params: Params<Name>) => answer(name, params, null) as Promise<Reply<Result<Name>>>
async function ask<Name extends RequestName>(name: Name, params: Params<Name>): Promise<Result<Name>> {
  const reply = await request(name, params)
  if (!reply.ok) throw new Error(reply.error.sentence)
  return reply.value
}

test('a copy is made once, and is a model like any other', async () => {
  const from = await smallModel()
  const folder = workbench.places.give(from)
  expect(await ask('model/inspect', { folder })).toMatchObject({ supported: true, tokenizer: 'ok' })
  const other = workbench.places.give(await smallModel())
  const [first, meanwhile, busy] = await Promise.all([ask('model/import', { folder }), ask('model/import', { folder }), request('model/import', { folder: other })])
  expect(meanwhile).toEqual(first)
  expect(busy).toMatchObject({ ok: false, error: { code: 'busy' } })
  expect(await ask('model/import', { folder })).toEqual(first)
  const copy = workbench.places.pathOf(first.folder)
  expect(copy.startsWith(join(state, 'projects'))).toBe(true)
  expect(readdirSync(dirname(copy))).toEqual([first.name])
  expect(contents(copy)).toEqual(contents(from))
  expect(await ask('project/list', {})).toEqual([]) // what is being made is no project
  expect(await ask('model/inspect', { folder: first.folder })).toMatchObject({ supported: true })
  expect(await ask('model/importing', {})).toBeNull()
})

test('stopped, nothing is a model; again, it is', async () => {
  const from = await smallModel({ dtype: 'F32', shardBytes: 4000 })
  const folder = workbench.places.give(from)
  const copying = request('model/import', { folder })
  while ((await ask('model/importing', {}))?.done === 0) await new Promise(setImmediate)
  await ask('model/stopImport', {})
  expect(await copying).toMatchObject({ ok: false, error: { code: 'cancelled', sentence: expect.stringContaining('goes on where it was') } })
  const again = await ask('model/import', { folder })
  const copy = workbench.places.pathOf(again.folder)
  expect(contents(copy)).toEqual(contents(from))
  expect(existsSync(`${copy}.partial`)).toBe(false)
})

test('a folder that is no model is refused as its card says', async () => {
  const folder = workbench.places.give(temporaryFolder('empty'))
  const { problems } = await ask('model/inspect', { folder })
  expect(await request('model/import', { folder })).toMatchObject({ ok: false, error: { code: 'bad-model' } })
  expect(problems[0]).toContain('config.json does not exist')
})
