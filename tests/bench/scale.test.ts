/** 20 000 prompts × 5 responses × 4 judges: what a person waits for, and what keeps main from everything else. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../temporary.ts'
import { makeProject } from './make-project.ts'
import { describe, measureProject } from './scale.ts'

/** Answered by the thread aside: main only passes them on. */
const aside = ['rank/preview', 'rank/bias', 'alarm/list', 'sample/summary', 'evaluation/report', 'history/runs', 'audit/effect', 'audit/plan', 'audit/gate']
/** What a person does at the gate, and writes over every pair. */
const judging = ['audit/start', 'audit/next and audit/judge', 'audit/sessions', 'audit/report', 'audit/disagreements', 'audit/decide', 'run/back to audit', 'rank/apply']

test('opens in 1.5 s, answers every page of a table in 50 ms and one prompt\'s history in 5 ms', async () => {
  const folder = join(temporaryFolder('scale'), 'project')
  await makeProject(folder)
  const measured = await measureProject(folder, { repeats: 9 })
  const of = (what: string) => measured.find((one) => one.what === what)!
  if (process.env['BENCH']) console.log(measured.map(describe).join('\n'))
  // Processor time: other tests share these cores.
  expect(of('project/open').busy + of('run/status').busy).toBeLessThan(1500)
  expect(of('history/prompt').busy).toBeLessThan(5)
  const pages = measured.filter(({ what }) => /^(history\/list|rank\/prompts|rank\/prompt|rank\/view|pair\/list|sample\/list)/.test(what))
  expect(pages.length).toBeGreaterThan(30)
  expect(pages.filter(({ busy }) => busy > 50)).toEqual([])
  expect([...aside, ...judging].map(of).filter(({ busy }) => busy > 50)).toEqual([])
}, 300_000)
