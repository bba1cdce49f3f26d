/** Runs or branches side by side: the settings that differ, and the figures that came of them, as rows of one table. */
import type { ModelFigures } from '../../../preload/contract/requests/figures.ts'
import type { RoundFigures, RunComparison } from '../../../preload/contract/requests/history.ts'
import type { RunSettings } from '../../../preload/contract/requests/run.ts'
import type { DotRow } from '../../charts/DotPlot.svelte'
import { skipTerms } from '../../state/terms.ts'
import { counted, duration, interval, percent, share, signed, whole } from '../../state/words.ts'
import { type Decoding, accuracyOf, taskName, tasksOf } from '../../steps/evaluate/figures.ts'

/** One column of the comparison. */
export interface Side {
  /** Unlike any other's. */
  readonly name: string
  readonly models: readonly ModelFigures[]
  readonly rounds: readonly RoundFigures[]
  readonly seconds: number
}

export interface ComparedRow {
  readonly label: string
  /** Aligned with the sides. */
  readonly cells: readonly string[]
}

export interface RowGroup {
  readonly title: string
  readonly rows: readonly ComparedRow[]
}

type Setting = RunComparison['settings'][number]

/** Projects may have the same name in different folders. */
export function sidesOf(runs: RunComparison['runs']): Side[] {
  return runs.map(({ name, models, rounds, seconds }, i) => {
    const before = runs.slice(0, i).filter((other) => other.name === name).length
    return { name: before === 0 ? name : `${name} (${before + 1})`, models, rounds, seconds }
  })
}

/** Each branch of one round as a side of its own, called by the model that it makes. */
export function branchSides({ models, rounds }: Pick<RunComparison['runs'][number], 'models' | 'rounds'>, branches: readonly { readonly iterationId: string; readonly makes: string }[]): Side[] {
  return branches.map(({ iterationId, makes }) => {
    const own = rounds.filter((round) => round.iterationId === iterationId)
    return { name: makes, models: models.filter(({ model }) => model === makes), rounds: own, seconds: own.reduce((sum, { seconds }) => sum + seconds, 0) }
  })
}

/** Leaf by leaf, by place: "dpo.beta". */
function leavesOf(value: unknown, path = ''): [string, Setting['values'][number]][] {
  if (Array.isArray(value)) return [[path, value.map(String).join(', ')]]
  if (typeof value !== 'object' || value === null) return [[path, (value ?? null) as Setting['values'][number]]]
  return Object.entries(value).flatMap(([name, inner]) => leavesOf(inner, path === '' ? name : `${path}.${name}`))
}

/** Only what differs, as `history/runs` gives it for projects. */
export function differingSettings(all: readonly RunSettings[]): Setting[] {
  const leaves = all.map((one) => new Map(leavesOf(one)))
  const names = [...new Set(leaves.flatMap((one) => [...one.keys()]))]
  return names.map((setting) => ({ setting, values: leaves.map((one) => one.get(setting) ?? null) })).filter(({ values }) => values.some((value) => value !== values[0]))
}

export const settingWords = (value: Setting['values'][number]): string => (value === null ? 'not set' : typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value))

/** Greedy where any side has it: what is compared is measured alike. */
export const decodingOf = (sides: readonly Side[]): Decoding => (sides.some(({ models }) => models.some(({ tasks }) => tasks['all']?.greedy)) ? 'greedy' : 'sampled')

const accuracyWords = (model: ModelFigures | undefined, task: string, decoding: Decoding): string => {
  const found = model && accuracyOf(model, task, decoding)
  return found ? interval({ rate: found.accuracy, low: found.low, high: found.high }, 1) : '–'
}

/** What stands in one row: the model of each side, by name; of branches whatever each has made. */
const modelRows = (sides: readonly Side[], isOneRound: boolean): { name: string | null; of: (side: Side) => ModelFigures | undefined }[] =>
  isOneRound ? [{ name: null, of: ({ models }) => models[0] }] : [...new Set(sides.flatMap(({ models }) => models.map(({ model }) => model)))].map((name) => ({ name, of: ({ models }) => models.find(({ model }) => model === name) }))

/** @param isOneRound the sides are branches of the same round, each with the one model it made */
export function accuracyGroup(sides: readonly Side[], decoding: Decoding, isOneRound: boolean): RowGroup {
  const rows = modelRows(sides, isOneRound).flatMap(({ name, of }) => tasksOf(sides.flatMap(({ models }) => models)).map((task) => ({
    label: name === null ? taskName(task) : `${name}, ${taskName(task)}`,
    cells: sides.map((side) => accuracyWords(of(side), task, decoding)),
  })))
  return { title: `Right answers, ${decoding}, with 95 % intervals`, rows: rows.filter(({ cells }) => cells.some((cell) => cell !== '–')) }
}

/** The same round of two projects has the same id behind the run's. */
const placeOf = ({ iterationId }: RoundFigures): string => iterationId.slice(iterationId.indexOf('.') + 1)

const quantities: readonly { readonly label: string; readonly of: (round: RoundFigures) => string }[] = [
  { label: 'consistency C', of: ({ judged }) => (judged?.consistency == null ? '–' : `${share(judged.consistency)}${judged.chance ? ` (chance ${share(judged.chance.mean)} ± ${share(judged.chance.sd)})` : ''}`) },
  { label: 'prompts with C below .5', of: ({ judged }) => percent(judged?.belowHalf) },
  { label: 'reward accuracy (right preferred)', of: ({ judged }) => percent(judged?.rewardAccuracy) },
  { label: 'pairs', of: ({ pairs }) => (pairs === null ? '–' : whole(pairs)) },
  { label: 'left out', of: ({ skips }) => (skips.length === 0 ? '0' : skips.map(({ reason, prompts }) => `${whole(prompts)} ${skipTerms[reason].label}`).join(', ')) },
  { label: 'took', of: ({ seconds }) => duration(seconds) },
]

/** @param isOneRound the sides are branches of the same round, each with its own */
export function roundGroups(sides: readonly Side[], isOneRound: boolean): RowGroup[] {
  const places = isOneRound ? [null] : [...new Set(sides.flatMap(({ rounds }) => rounds.map(placeOf)))].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  return places.map((place) => {
    const rounds = sides.map((side) => (place === null ? side.rounds[0] : side.rounds.find((round) => placeOf(round) === place)))
    const known = rounds.find((round) => round?.produced) ?? rounds.find((round) => round !== undefined)
    const title = place === null ? 'The round' : `Round ${known?.t ?? ''}: ${known?.policy ?? ''} → ${known?.produced ?? 'not trained yet'}`
    return { title, rows: quantities.map(({ label, of }) => ({ label, cells: rounds.map((round) => (round ? of(round) : '–')) })) }
  })
}

export const totalsGroup = (sides: readonly Side[]): RowGroup => ({ title: 'All together', rows: [{ label: 'machine time of what is done', cells: sides.map(({ seconds }) => duration(seconds)) }] })

export const settingsGroup = (settings: readonly Setting[]): RowGroup => ({ title: 'Settings that differ, by their names in the configuration', rows: settings.map(({ setting, values }) => ({ label: setting, cells: values.map(settingWords) })) })

/** One row a model, of branches one a task; one shape a side. */
export function accuracyDots(sides: readonly Side[], decoding: Decoding, isOneRound: boolean): DotRow[] {
  return modelRows(sides, isOneRound).flatMap(({ name, of }) => (isOneRound ? tasksOf(sides.flatMap(({ models }) => models)) : ['all']).map((task) => ({
    label: name ?? taskName(task),
    dots: sides.flatMap((side) => {
      const model = of(side)
      const found = model && accuracyOf(model, task, decoding)
      return found ? [{ series: side.name, value: found.accuracy, low: found.low, high: found.high }] : []
    }),
  }))).filter(({ dots }) => dots.length > 0)
}

/** The finding: whose best model answers best, and whether the intervals tell them apart. */
export function comparisonTitle(sides: readonly Side[], decoding: Decoding): string {
  const best = sides.flatMap(({ name, models }) => {
    const known = models.flatMap((model) => {
      const found = accuracyOf(model, 'all', decoding)
      return found ? [{ side: name, model: model.model, ...found }] : []
    })
    return known.length === 0 ? [] : [known.reduce((top, one) => (one.accuracy > top.accuracy ? one : top))]
  }).sort((a, b) => b.accuracy - a.accuracy)
  const [first, second] = best
  if (!first) return `${counted(sides.length, 'run')} side by side; none is evaluated yet`
  const name = first.side === first.model ? first.model : `${first.model} of ${first.side}`
  if (!second) return `${name} answers ${percent(first.accuracy)} right; nothing to compare it with yet`
  const other = second.side === second.model ? second.model : `${second.model} of ${second.side}`
  const isApart = first.low !== null && second.high !== null && first.low > second.high
  if (first.accuracy === second.accuracy) return `${name} and ${other} answer the same share right, ${percent(first.accuracy)}`
  return `${name} leads with ${percent(first.accuracy)} right, ${signed(100 * (first.accuracy - second.accuracy))} points against ${other}${isApart ? '' : '; the intervals overlap'}`
}
