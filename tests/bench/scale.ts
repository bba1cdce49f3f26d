/**
 * `npx node tests/bench/scale.ts [FOLDER] [--training] [--json]`
 * How long main takes over a large project (made by make-project.ts, or the one in FOLDER), request by request as a page
 * sends them, and how long each keeps main's loop from everything else. --training: while the project's last round trains.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { handlers } from '../../main/ipc/handlers.ts'
import { createRouter } from '../../main/ipc/router.ts'
import { Workbench } from '../../main/ipc/workbench.ts'
import type { Params, RequestName, Result } from '../../preload/contract/requests.ts'
import { makeProject } from './make-project.ts'

export interface Measured {
  readonly what: string
  /** Milliseconds from the request to its reply, with the check of both by the contract. */
  readonly first: number
  readonly median: number
  readonly worst: number
  /** Mean processor time of main's own thread: how long it would be blocked on a quiet machine. */
  readonly busy: number
  /** The longest that a timer was late meanwhile, in milliseconds. */
  readonly blocked: number
}

type Measure = (what: string, once: (i: number) => Promise<unknown>, times?: number) => Promise<void>
type Ask = <Name extends RequestName>(name: Name, params: Params<Name>) => Promise<Result<Name>>

export async function measureProject(folder: string, { training = false, repeats = 15 }: { training?: boolean; repeats?: number } = {}): Promise<Measured[]> {
  const state = mkdtempSync(join(tmpdir(), 'creamery-scale-'))
  const workbench = new Workbench({ version: '0.0.0', host: 'browser', projectsFolder: join(state, 'projects'), stateFolder: state, roots: [], log: ({ message, details }) => console.error(message, details) })
  const answer = createRouter({ workbench, handlers, distrust: () => null, log: ({ message, details }) => console.error(message, details) })
  const ask: Ask = async (name, params) => {
    const reply = await answer(name, params, null)
    if (!reply.ok) throw new Error(`${name}: ${reply.error.sentence}`)
    return reply.value as never
  }
  const measured: Measured[] = []
  const measure: Measure = async (what, once, times = repeats) => {
    const loop = monitorEventLoopDelay({ resolution: 4 })
    loop.enable()
    await setTimeout(5) // it measures from one turn of the loop to the next
    loop.reset()
    const taken: number[] = []
    const busy: number[] = []
    for (let i = 0; i < times; i++) {
      const began = performance.now()
      const before = process.threadCpuUsage()
      await once(i)
      const { user, system } = process.threadCpuUsage(before)
      taken.push(performance.now() - began)
      busy.push((user + system) / 1000)
      await setTimeout(3)
    }
    loop.disable()
    measured.push({ what, first: taken[0]!, median: median(taken), worst: Math.max(...taken), busy: busy.reduce((sum, ms) => sum + ms, 0) / times, blocked: loop.max / 1e6 })
  }

  try {
    const project = workbench.places.give(folder)
    await measure('project/open', () => ask('project/open', { project }), 1)
    await measure('run/status', () => ask('run/status', {}))
    if (training) {
      await ask('run/start', { key: `scale-${Date.now()}` })
      for (let job = workbench.job; job?.view().stage !== 'train' || (job.view().progress?.done ?? 0) < 3; job = workbench.job) {
        if (!job) throw new Error(`the training ended early: ${workbench.lastEnd?.error?.sentence}`)
        await setTimeout(200)
      }
    }
    const { iterations } = await ask('run/status', {})
    const iterationId = iterations.at(-1)!.iterationId
    const { total } = await ask('history/list', { limit: 1 })
    const orders = (['position', 'consistency', 'margin', 'lengthRatio'] as const).flatMap((by) => [{ by }, { by, descending: true }])
    const filters = { task: { task: 'sum' }, C: { minConsistency: 0.3, maxConsistency: 0.6 }, flipped: { flipped: true }, audited: { audited: true }, unaudited: { audited: false }, pair: { outcome: 'pair' }, skipped: { outcome: 'too-few-distinct' } } as const
    for (const order of orders) {
      const name = `${order.by}${'descending' in order ? ' ↓' : ''}`
      await measure(`history/list by ${name}`, (i) => ask('history/list', { order, offset: 97 * i, limit: 100 }))
      await measure(`history/list by ${name}, end`, () => ask('history/list', { order, offset: total - 100, limit: 100 }), 5)
      await measure(`rank/prompts by ${name}`, (i) => ask('rank/prompts', { iterationId, order, offset: 97 * i, limit: 100 }))
    }
    for (const [name, filter] of Object.entries(filters)) await measure(`history/list, ${name}`, (i) => ask('history/list', { filter, order: orders[i % orders.length]!, limit: 100 }))
    await measure('history/list, search (new text)', (i) => ask('history/list', { filter: { search: `${10 + i}` }, limit: 100 }))
    await measure('history/list, search (next page)', (i) => ask('history/list', { filter: { search: '24' }, offset: 50 * i, limit: 100 }))
    const ids = (await ask('history/list', { offset: total >> 1, limit: 200 })).rows.map(({ promptId }) => promptId)
    await measure('history/prompt', (i) => ask('history/prompt', { promptId: ids[(i * 7) % ids.length]! }), 100)
    const ranked = (await ask('rank/prompts', { iterationId, limit: 200 })).rows.map(({ promptId }) => promptId)
    await measure('rank/prompt', (i) => ask('rank/prompt', { iterationId, promptId: ranked[i * 7]! }))
    await measure('rank/view', () => ask('rank/view', { iterationId }))
    await measure('rank/preview', (i) => ask('rank/preview', { iterationId, choice: { statistic: (['tau-a', 'spearman', 'toporder'] as const)[i % 3]! } }), 6)
    await measure('pair/list, end', () => ask('pair/list', { iterationId, offset: 6000, limit: 100 }))
    await measure('sample/summary', () => ask('sample/summary', { iterationId }), 5)
    await measure('sample/list', (i) => ask('sample/list', { iterationId, offset: 400 * i, limit: 100 }))
    await measure('sample/list, task', (i) => ask('sample/list', { iterationId, task: 'sum', offset: 100 * i, limit: 100 }))
    await measure('evaluation/report', () => ask('evaluation/report', {}), 5)
    await measure('rank/bias', () => ask('rank/bias', { iterationId }), 3)
    await measure('alarm/list', () => ask('alarm/list', {}), 3)
    await measure('training/curve', () => ask('training/curve', { stageId: 'run1.i1.train' }))
    await measure('audit/plan', () => ask('audit/plan', { iterationId, pairs: 20 }), 5)
    await measure('audit/gate', () => ask('audit/gate', { iterationId }), 5)
    await measure('audit/effect', () => ask('audit/effect', { iterationId }), 5)
    await measure('history/runs', () => ask('history/runs', { projects: [project] }), 5)
    if (!training) await measureJudging(ask, measure, iterationId)
    return measured
  } finally {
    workbench.job?.pause()
    while (workbench.job) await setTimeout(100)
    await workbench.close()
    rmSync(state, { recursive: true, force: true })
  }
}

/** What a person does at the gate, and what then covers every pair: a decision, another ranking, ways back. */
async function measureJudging(ask: Ask, measure: Measure, iterationId: string): Promise<void> {
  let session = ''
  const start = async (i: number): Promise<void> => {
    if (session !== '') await ask('audit/close', { session }) // one at a time
    ;({ session } = await ask('audit/start', { key: `scale-start-${i}`, iterationId, pairs: 20, annotator: 'ana', criterion: 'right', line: 0.6 }))
  }
  await measure('audit/start', start, 5)
  await measure('audit/next and audit/judge', async (i) => {
    const { pair } = await ask('audit/next', { session })
    await ask('audit/judge', { session, key: `scale-judge-${i}`, pair: pair!.pair, verdict: 'left', milliseconds: 3000 })
  }, 20)
  for (const one of await ask('audit/sessions', { iterationId })) await ask('audit/close', { session: one.session })
  await measure('audit/sessions', () => ask('audit/sessions', { iterationId }), 5)
  await measure('audit/report', () => ask('audit/report', { session }), 5)
  await measure('audit/disagreements', () => ask('audit/disagreements', { session, outcomes: ['agree', 'disagree'], offset: 0, limit: 20 }), 5)
  await measure('audit/decide', (i) => ask('audit/decide', { key: `scale-decide-${i}`, iterationId, choice: { kind: 'skip' } }), 3)
  await measure('run/back to audit', (i) => ask('run/back', { key: `scale-back-${i}`, iterationId, stage: 'audit', settings: {} }), 3)
  await measure('rank/apply', (i) => ask('rank/apply', { key: `scale-apply-${i}`, iterationId, choice: { statistic: (['tau-a', 'spearman', 'toporder'] as const)[i % 3]! } }), 3)
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
export const describe = ({ what, first, median: middle, worst, busy, blocked }: Measured): string => [what.padEnd(42), ...[first, middle, worst, busy, blocked].map((ms) => ms.toFixed(1).padStart(9))].join('')

if (import.meta.main) {
  const { values, positionals: [given] } = parseArgs({ allowPositionals: true, options: { training: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } })
  const scratch = mkdtempSync(join(tmpdir(), 'creamery-scale-'))
  try {
    const folder = join(scratch, 'project')
    if (given === undefined) await makeProject(folder)
    else cpSync(resolve(given), folder, { recursive: true })
    const measured = await measureProject(folder, values)
    if (values.json) console.log(JSON.stringify(measured))
    else console.log([`${''.padEnd(42)}    first   median    worst     busy  blocked (ms)`, ...measured.map(describe)].join('\n'))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
