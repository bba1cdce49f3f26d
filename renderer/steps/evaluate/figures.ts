/** What the evaluation shows: accuracy a task and model, and beside it how far the judges agree. */
import type { ModelFigures } from '../../../preload/contract/requests/figures.ts'
import type { DotRow } from '../../charts/DotPlot.svelte'
import { percent, share, signed } from '../../state/words.ts'

export type Decoding = 'greedy' | 'sampled'

const NORMAL_95 = 1.96

interface Accuracy {
  readonly accuracy: number
  readonly low: number | null
  readonly high: number | null
}

export function accuracyOf({ tasks }: ModelFigures, task: string, decoding: Decoding): Accuracy | null {
  const one = tasks[task]
  if (decoding === 'greedy') return one?.greedy ?? null
  const { accuracy, standardError } = one?.sampled ?? {}
  if (accuracy === undefined) return null
  const reach = standardError == null ? null : NORMAL_95 * standardError
  return { accuracy, low: reach === null ? null : Math.max(0, accuracy - reach), high: reach === null ? null : Math.min(1, accuracy + reach) }
}

/** `all` first, then the tasks by name. */
export const tasksOf = (models: readonly ModelFigures[]): string[] => [...new Set(models.flatMap(({ tasks }) => Object.keys(tasks)))].sort((a, b) => Number(b === 'all') - Number(a === 'all') || a.localeCompare(b))

export const taskName = (task: string): string => (task === 'all' ? 'all questions' : task)

export function accuracyRows(models: readonly ModelFigures[], decoding: Decoding): DotRow[] {
  return tasksOf(models).map((task) => ({
    label: taskName(task),
    dots: models.flatMap((model) => {
      const found = accuracyOf(model, task, decoding)
      return found ? [{ series: model.model, value: found.accuracy, low: found.low, high: found.high }] : []
    }),
  }))
}

/** One row a judge: its consistency with the one before, beside chance. */
export function consistencyRows(models: readonly ModelFigures[]): DotRow[] {
  return models.flatMap(({ model, judged }) => (judged?.consistency == null ? [] : [{
    label: `C of ${model}`,
    dots: [{ series: model, value: judged.consistency, low: null, high: null }],
    chance: judged.chance && { low: judged.chance.mean - NORMAL_95 * judged.chance.sd, high: judged.chance.mean + NORMAL_95 * judged.chance.sd },
  }]))
}

/** The finding beside accuracy: do two judges in a row agree more than chance would have them? */
export function consistencyTitle(models: readonly ModelFigures[]): string {
  const { model, judged } = models.findLast(({ judged: found }) => found?.consistency != null) ?? {}
  if (judged?.consistency == null) return 'Consistency of the judges'
  const c = `C is ${share(judged.consistency)}`
  if (judged.chance === null) return `${model} against the judge before it: ${c}`
  const { mean, sd } = judged.chance
  const distance = (judged.consistency - mean) / sd
  return `${model} and the judge before it rank ${Math.abs(distance) <= NORMAL_95 ? 'no more alike than by chance' : distance > 0 ? 'more alike than by chance' : 'less alike than by chance'}: ${c} (chance ${share(mean)})`
}

/** One row a judge with known answers: how often it prefers the right response. */
export function rewardAccuracyRows(models: readonly ModelFigures[]): DotRow[] {
  return models.flatMap(({ model, judged }) => (judged?.rewardAccuracy == null ? [] : [{ label: `right preferred by ${model}`, dots: [{ series: model, value: judged.rewardAccuracy, low: null, high: null }], chance: null }]))
}

/** The finding: where the last model stands against the one it came from. */
export function accuracyTitle(models: readonly ModelFigures[], decoding: Decoding): string {
  const known = models.flatMap((one) => {
    const found = accuracyOf(one, 'all', decoding)
    return found ? [{ model: one.model, accuracy: found.accuracy }] : []
  })
  const [before, last] = [known.at(-2), known.at(-1)]
  if (!last) return 'Accuracy on held-out questions'
  if (!before) return `${last.model} answers ${percent(last.accuracy)} of the held-out questions right`
  return `${last.model} answers ${percent(last.accuracy)} right, ${signed(100 * (last.accuracy - before.accuracy))} points against ${before.model}`
}
