/** Runs side by side: what was set differently, and the figures that came of it. */
import { basename } from 'node:path'
import type { ModelFigures } from '../../preload/contract/requests/figures.ts'
import type { ComparedRun, RoundFigures, RunComparison } from '../../preload/contract/requests/history.ts'
import type { Database } from '../store/database.ts'
import { modelName } from '../store/ids.ts'
import { iterationsOf } from '../store/iterations.ts'
import { setLabels, skipCounts } from '../store/ranked-prompts.ts'
import { currentSetOf } from '../store/rankings.ts'
import { type Run, runsOf } from '../store/runs.ts'
import { secondsOf, stagesOf } from '../store/stages.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { judgedBy, reportRun } from './report.ts'
import { runNow, settingsOf } from './settings.ts'

type Scalar = string | number | boolean | null
/** By place in the configuration: "dpo.learningRate". */
export type FlatSettings = Readonly<Record<string, Scalar>>

/** The newest run of a project. @throws AppError 'bad-data' where there is none */
export function figuresOfRun(db: Database): { figures: Omit<ComparedRun, 'project' | 'name'>; settings: FlatSettings } {
  const found = runsOf(db).at(-1)
  if (!found) throw new AppError('bad-data', `${db.name} holds no run; choose another project to compare.`)
  const run = runNow(db, found)
  const rounds = roundsOf(db, run)
  const inAll = iterationsOf(db, run.id).reduce((sum, { id }) => sum + secondsIn(db, id), 0)
  return { figures: { runId: run.id, models: reportModels(db, run.id), rounds, seconds: inAll }, settings: flatSettings(run) }
}

export const reportModels = (db: Database, runId: string): ModelFigures[] => reportRun(db, runId).map(({ model, tasks, judged, path }) => ({ model, tasks, judged, isTrained: path !== null }))

function roundsOf(db: Database, run: Run): RoundFigures[] {
  return iterationsOf(db, run.id).filter(({ t }) => t > 0).map((iteration) => {
    const { id: iterationId, t, policyModelId, producedModelId } = iteration
    const set = currentSetOf(db, iterationId)
    const [pairs, skips] = set ? [setLabels(db, set.id).labels.length, skipCounts(db, set.id)] : [0, []]
    return {
      iterationId, t, policy: modelName(policyModelId), produced: producedModelId && modelName(producedModelId), judged: judgedBy(db, iteration),
      pairs: pairs + skips.length === 0 ? null : pairs, skips, seconds: secondsIn(db, iterationId),
    }
  })
}

const secondsIn = (db: Database, iterationId: string): number => stagesOf(db, iterationId).reduce((sum, row) => sum + (secondsOf(row) ?? 0), 0)

/** The configuration, leaf by leaf, with files by their names and the model by its hash too. */
function flatSettings(run: Run): FlatSettings {
  const { model, data: { sft, sftLimit, prompts, promptsLimit, evaluation } } = run.config
  const leaves: [string, Scalar][] = []
  const walk = (value: unknown, path: string): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) for (const [key, inner] of Object.entries(value)) walk(inner, path === '' ? key : `${path}.${key}`)
    else leaves.push([path, Array.isArray(value) ? value.map((one) => (typeof one === 'object' ? JSON.stringify(one) : String(one))).join(', ') : (value as Scalar)])
  }
  walk({
    model: `${basename(model)} (${run.baseSha256.slice(0, 8)})`,
    data: { sft: sft === undefined ? null : basename(sft), sftLimit: sftLimit ?? null, prompts: basename(prompts), promptsLimit: promptsLimit ?? null, evaluation: evaluation.map(({ name }) => name) },
    ...settingsOf(run),
  }, '')
  return Object.fromEntries(leaves)
}

/** Only what differs, in the order of the configuration. */
export function differingSettings(all: readonly FlatSettings[]): RunComparison['settings'] {
  const names = [...new Set(all.flatMap((one) => Object.keys(one)))]
  return names.map((setting) => ({ setting, values: all.map((one) => one[setting] ?? null) })).filter(({ values }) => values.some((value) => value !== values[0]))
}
