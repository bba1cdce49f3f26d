/** `consistency`: how far two judges agree about the same responses, from lists of rewards. */
import { Statistic } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { chanceBand, chanceOf } from '../cream/chance.ts'
import { agreement, consistencyOf, meanConsistency } from '../cream/consistency.ts'
import { parseJson, readInput } from './input.ts'
import { decimal, oneOf } from './options.ts'
import type { AddCommand } from './shell.ts'
import { formatTable } from './table.ts'

interface Options {
  readonly input: string
  readonly statistic: Statistic
  readonly tieTolerance: number
}

export const addConsistency: AddCommand = (program, act) => {
  program.command('consistency')
    .description('Agreement of two judges per prompt, C = (tau + 1) / 2, its mean, and what chance would give.')
    .requiredOption('--input <file>', 'JSON {"current": [[…]], "previous": [[…]]}: one list of rewards a prompt')
    .option('--statistic <name>', Statistic.options.join(', '), oneOf('--statistic', Statistic.options), 'tau-b')
    .option('--tie-tolerance <x>', 'rewards that differ by at most this tie', decimal('--tie-tolerance', { min: 0 }), 0)
    .action(act<Options>(async ({ input, statistic, tieTolerance }, { terminal }) => {
      const result = measureConsistency(readRewards(input), statistic, tieTolerance)
      if (terminal.isRead) terminal.print(describeConsistency(result))
      else terminal.object(result)
    }))
}

export interface Rewards {
  /** Per prompt, the current and the previous judge's reward of each response. */
  readonly current: readonly (readonly number[])[]
  readonly previous: readonly (readonly number[])[]
}

const isLists = (value: unknown): value is number[][] => Array.isArray(value) && value.length > 0 && value.every((list) => Array.isArray(list) && list.every((one) => Number.isFinite(one)))

/** @throws AppError 'bad-data' naming the prompt */
export function readRewards(path: string): Rewards {
  const { current, previous } = (parseJson(readInput(path), path) ?? {}) as Record<string, unknown>
  if (!isLists(current) || !isLists(previous)) {
    throw new AppError('bad-data', `${path}: "${isLists(current) ? 'previous' : 'current'}" is not a list with one list of numbers a prompt; write {"current": [[…]], "previous": [[…]]}.`)
  }
  if (current.length !== previous.length) throw new AppError('bad-data', `${path}: the current judge has ${current.length} prompts and the previous one ${previous.length}; give both the same prompts.`)
  const odd = current.findIndex((rewards, i) => rewards.length !== previous[i]!.length)
  if (odd >= 0) throw new AppError('bad-data', `${path}: prompt ${odd + 1} has ${current[odd]!.length} rewards by the current judge and ${previous[odd]!.length} by the previous one; give both the same responses.`)
  return { current, previous }
}

/** Per-prompt lists are in the input's order. `tau` is the statistic's value in [−1, 1], whichever it is. */
export function measureConsistency({ current, previous }: Rewards, statistic: Statistic, tolerance: number) {
  const tolerances = { tolCurrent: tolerance, tolPrevious: tolerance }
  const agreements = current.map((rewards, i) => agreement(statistic, rewards, previous[i]!, tolerances))
  const perPrompt = agreements.map(({ value }) => (value === null ? null : consistencyOf(value)))
  const tiesCurrent = agreements.reduce((sum, one) => sum + one.tiesCurrent, 0)
  const tiesPrevious = agreements.reduce((sum, one) => sum + one.tiesPrevious, 0)
  return {
    statistic,
    perPrompt,
    tau: agreements.map(({ value }) => value),
    mean: meanConsistency(perPrompt),
    /** Tied pairs of responses, over all prompts and both judges. */
    ties: tiesCurrent + tiesPrevious,
    tiesCurrent,
    tiesPrevious,
    nulls: perPrompt.filter((one) => one === null).length,
    nullReasons: agreements.map(({ reason }) => reason),
    chance: chanceBand(current.map((rewards, i) => chanceOf(statistic, rewards, previous[i]!, tolerances))),
  }
}

function describeConsistency({ statistic, perPrompt, tau, mean, ties, nulls, nullReasons, chance }: ReturnType<typeof measureConsistency>): string {
  const show = (value: number | null): string => (value === null ? '–' : value.toFixed(3))
  const rows = perPrompt.map((c, i) => [String(i + 1), show(tau[i]!), show(c), nullReasons[i] ?? ''])
  const band = chance === null ? 'no chance level' : `chance ${show(chance.meanC)} ± ${show(chance.sdOfMeanC)}`
  return `${formatTable(['prompt', statistic, 'C', 'without C because'], rows)}\n\nmean C ${show(mean)} (${band}), ${ties} tied pairs, ${nulls} prompts without C`
}
