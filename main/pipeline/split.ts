/** How a run's prompts would be dealt to its iterations: what `planRun` does, before there is a run. */
import type { DataSplit } from '../../preload/contract/requests/place.ts'
import type { Sandbox, SandboxText } from '../sandbox/host.ts'
import { checkModel } from './open-model.ts'
import { sharesOf } from './plan-run.ts'

export interface SplitOptions {
  readonly file: string
  readonly limit?: number | undefined
  readonly model: string
  readonly iterations: number
  readonly seed: number
  readonly maxLength: number
}

/** @throws AppError 'bad-data', 'bad-model', 'bad-text' */
export async function splitPrompts({ file, limit, model, maxLength, ...deal }: SplitOptions, sandbox: Sandbox, text: SandboxText): Promise<DataSplit> {
  const context = Math.min(maxLength, checkModel(model).maxPositions)
  const { taken } = await sandbox.readPrompts(file, limit === undefined ? {} : { limit })
  const encoded = await text.encodePrompts(taken.map(({ prompt }) => prompt))
  const lengths = encoded.map((one) => ('ids' in one ? one.ids.length : 0))
  const isTooLong = (length: number): boolean => length === 0 || length >= context // as the plan skips them
  const shares = sharesOf(taken.length, deal)
  const sorted = lengths.filter((length) => length > 0).sort((a, b) => a - b)
  return {
    shares: Array.from({ length: deal.iterations }, (_, i) => {
      const rows = taken.flatMap((row, at) => (shares[at] === i + 1 ? [{ task: row.task, length: lengths[at]! }] : []))
      const tasks = [...Map.groupBy(rows.flatMap(({ task }) => task ?? []), (task) => task)].sort(([a], [b]) => a.localeCompare(b))
      return { t: i + 1, prompts: rows.length, tooLong: rows.filter(({ length }) => isTooLong(length)).length, tasks: tasks.map(([task, { length: prompts }]) => ({ task, prompts })) }
    }),
    usable: lengths.filter((length) => !isTooLong(length)).length,
    tokens: { median: sorted[Math.floor(sorted.length / 2)] ?? 0, longest: sorted.at(-1) ?? 0 },
  }
}
