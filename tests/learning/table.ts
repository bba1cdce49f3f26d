/**
 * Prints the table of native-models/bundled/README.md: the demo's run by every method, on these seeds.
 *   npx node tests/learning/table.ts [seed …]
 * Methods share SFT and the first round's samples, scores and rankings, which do not depend on them; seeds run side by
 * side, on one thread each.
 */
import { loadConfig } from '../../main/pipeline/config.ts'
import { type JudgedReport, reportRun } from '../../main/pipeline/report.ts'
import { Method } from '../../preload/contract/domain.ts'
import { branchRun, makeScratch, mean, model, pool, readFrom, runId, sharesOf, standardError, startRun } from './fixture.ts'

const methods = ['srlm', 'cream-avg', 'cream-dyn', 'oracle'] as const satisfies readonly Method[]
const seeds = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 2, 3]

interface Figures {
  readonly greedy: ReadonlyMap<string, number>
  readonly sampled: ReadonlyMap<string, number>
  /** As the policy of a round; null for M0 and the last model. */
  readonly judged: JudgedReport | null
}

const scratch = makeScratch()
try {
  const rows = new Map<string, Figures[]>()
  await Promise.all(seeds.map(async (seed) => {
    const ranked = scratch.at(`ranked-${seed}`)
    await startRun(ranked, loadConfig({ preset: 'demo', overrides: { seed, threads: 1 } }), 'rank')
    for (const method of methods) {
      const folder = scratch.at(`${method}-${seed}`)
      await branchRun(ranked, folder, (config) => ({ ...config, method }))
      readFrom(folder, (db) => {
        for (const { model: name, judged } of reportRun(db, runId)) {
          const row = name === 'M0' || name === 'M1' ? name : `${name} ${method}`
          const figures = { greedy: sharesOf(db, model(name), 'greedy'), sampled: sharesOf(db, model(name), 'sampled'), judged }
          if (method === methods[0] || row.includes(method)) rows.set(row, [...(rows.get(row) ?? []), figures])
        }
      })
      console.error(`seed ${seed}, ${method}: done`)
    }
  }))
  console.log(`seeds ${seeds.join(', ')}\n`)
  console.log('| | greedy | sampled (T .8) | reward accuracy | C (chance) | C < .5 |\n|---|---|---|---|---|---|')
  for (const [name, figures] of [...rows].sort(([a], [b]) => order(a) - order(b))) console.log(`| ${name} | ${accuracy(figures, 'greedy')} | ${accuracy(figures, 'sampled')} | ${judged(figures)} |`)
} finally {
  scratch.remove()
}

/** By method, then by model. */
function order(row: string): number {
  const [name, method] = row.split(' ') as [string, (typeof methods)[number] | undefined]
  return (method ? 10 * (1 + methods.indexOf(method)) : 0) + Number(name.slice(1))
}

/** Mean over the seeds ± its standard error, clustered by question. */
function accuracy(figures: readonly Figures[], decoding: 'greedy' | 'sampled'): string {
  const shares = [...pool(figures.map((one) => one[decoding])).values()]
  return `${mean(shares).toFixed(3)} ± ${standardError(shares).toFixed(3)}`
}

function judged(figures: readonly Figures[]): string {
  const over = (figure: (report: JudgedReport) => number | null | undefined): string => {
    const known = figures.flatMap((one) => (one.judged ? [figure(one.judged)] : [])).filter((value) => typeof value === 'number')
    return known.length === 0 ? '–' : mean(known).toFixed(3)
  }
  const consistency = over((report) => report.consistency)
  return [over((report) => report.rewardAccuracy), consistency === '–' ? '–' : `${consistency} (${over((report) => report.chance?.mean)} ± ${over((report) => report.chance?.sd)})`, over((report) => report.belowHalf)].join(' | ')
}
