/** A run's figures as a table: one row a model. */
import type { ModelReport } from '../pipeline/report.ts'
import { formatTable } from './table.ts'
import type { Terminal } from './terminal.ts'

export function printReport(terminal: Terminal, models: readonly ModelReport[], { project, ended }: { project: string; ended: 'finished' | 'stopped' }): void {
  const last = models.findLast(({ path }) => path !== null)
  if (terminal.json) return terminal.object({ report: { models, project, ended, adapter: last?.path ?? null } })
  const tasks = [...new Set(models.flatMap((model) => Object.keys(model.tasks)))]
  terminal.print('')
  if (tasks.length > 0) {
    terminal.print('Held-out accuracy in %, greedy [95 % interval] and sampled ± 1.96 standard errors')
    terminal.print(formatTable(['model', ...tasks.flatMap((task) => [`${task} greedy`, 'sampled'])], models.map((model) => [model.model, ...tasks.flatMap((task) => accuracyCells(model, task))])))
    terminal.print('')
  }
  terminal.print('The judges: consistency C of each model with its predecessor (agreement, not accuracy)')
  terminal.print(formatTable(['judge', 'C', 'chance C', 'C < 0.5', 'reward accuracy'], models.filter(({ judged }) => judged).map(({ model, judged }) => {
    const { consistency, chance, belowHalf, rewardAccuracy } = judged!
    return [model, fixed(consistency), chance ? `${fixed(chance.mean)} ± ${fixed(chance.sd)}` : '–', belowHalf === null ? '–' : `${percent(belowHalf)} %`, fixed(rewardAccuracy)]
  })))
  terminal.print('')
  terminal.print(last ? `${last.model} is in ${project}/${last.path}` : `Nothing is trained yet in ${project}`)
  if (ended === 'stopped') terminal.print(`The run goes on with: creamery resume --project ${project}`)
}

function accuracyCells({ tasks }: ModelReport, task: string): [string, string] {
  const { greedy, sampled } = tasks[task] ?? {}
  return [
    greedy ? `${percent(greedy.accuracy)} [${percent(greedy.low)}, ${percent(greedy.high)}]` : '–',
    sampled ? `${percent(sampled.accuracy)}${sampled.standardError === null ? '' : ` ± ${percent(1.96 * sampled.standardError)}`}` : '–',
  ]
}

const percent = (share: number): string => (100 * share).toFixed(1)
const fixed = (value: number | null): string => (value === null ? '–' : value.toFixed(3))
