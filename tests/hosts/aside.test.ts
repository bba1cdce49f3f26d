/** What is written over all prompts of an iteration is written aside: main answers others meanwhile, and keeps them from what would be in its way. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { handlers } from '../../main/ipc/handlers.ts'
import type { Workbench } from '../../main/ipc/workbench.ts'
import { listPrompts } from '../../main/pipeline/rank-rows.ts'
import { openProject } from '../../main/store/project.ts'
import { ids, insertFinishedRound, insertPairedStages, insertPlan } from '../store/fixture.ts'
import { type TestHost, openTestHost } from './client.ts'

const iterationId = ids.i1
let test: TestHost
let workbench: Workbench
let other: string
beforeAll(async () => {
  test = await openTestHost()
  workbench = test.workbench
  const folder = join(test.folder, 'projects', 'Large')
  const project = openProject(folder)
  insertPlan(project.db)
  insertFinishedRound(project.db, { prompts: 2000 })
  insertPairedStages(project.db)
  project.close()
  other = join(test.folder, 'projects', 'Other')
  const another = openProject(other)
  insertPlan(another.db)
  another.close()
  workbench.openProject(folder)
})
afterAll(() => test.close())

/** Until it is called: the most processor time, in milliseconds, that main's thread took between two turns of its loop. */
function watchLoop(): () => number {
  const used = (): number => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  let [last, worst] = [used(), 0]
  const look = (): void => {
    const now = used()
    worst = Math.max(worst, now - last)
    last = now
  }
  const timer = setInterval(look, 1)
  return () => {
    clearInterval(timer)
    look()
    return worst
  }
}

const apply = (key: string, statistic: 'spearman' | 'tau-a') => handlers['rank/apply'](workbench, { key, iterationId, choice: { statistic } }) as Promise<unknown>

describe('another ranking of 2000 prompts', () => {
  it('keeps main from nothing but what would be in its way', async () => {
    const session = await handlers['audit/start'](workbench, { key: 'start-large', iterationId, mode: 'pairs', pairs: 20, annotator: 'Ana', criterion: 'correct', line: 0.6 })
    const { pair } = await handlers['audit/next'](workbench, session)
    const longest = watchLoop()
    const order: string[] = []
    const applied = apply('apply-large', 'spearman').then((answer) => (order.push('ranked'), answer))
    const judged = Promise.resolve(handlers['audit/judge'](workbench, { session: session.session, key: 'judge-large', pair: pair!.pair, verdict: 'left', milliseconds: 900 })).then((progress) => (order.push('judged'), progress))
    const busy = /ranking again.*let it end/
    expect(() => handlers['run/start'](workbench, { key: 'start-job', gate: 'ask' })).toThrow(busy)
    expect(() => workbench.closeProject()).toThrow(busy)
    expect(() => workbench.openProject(other)).toThrow(busy)
    await expect(apply('apply-again', 'tau-a')).rejects.toThrow(busy)
    expect(handlers['run/status'](workbench, {})).toMatchObject({ iterations: [{}, { iterationId }] })
    expect(await applied).toEqual({ iterationId, setId: `${iterationId}.set1`, branched: false })
    expect(await judged).toMatchObject({ judged: 1 })
    expect(order).toEqual(['ranked', 'judged']) // its row waits for the transaction aside, not the loop with it
    expect(longest()).toBeLessThan(50)
    openProject(other).close() // the refusal left no lock behind
    expect(await apply('apply-again', 'tau-a')).toMatchObject({ setId: `${iterationId}.set2` }) // what was refused may be tried again
  })
})

it('a search that the project is closed under ends with a sentence', async () => {
  const { db } = workbench.project
  const found = listPrompts(db, ids.run, [ids.set], { search: 'What' }, { order: { by: 'position', descending: false }, offset: 0, limit: 10 })
  workbench.closeProject()
  await expect(found).rejects.toMatchObject({ code: 'no-project', message: expect.stringContaining('closed before this was answered') as string })
})
