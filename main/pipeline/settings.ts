/** A run's settings, and which of them something done depends on: those stay as they are. */
import { isDeepStrictEqual } from 'node:util'
import { RunConfig } from '../../preload/contract/config.ts'
import type { Stage } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { RunSettings, SettingsChange } from '../../preload/contract/requests/run.ts'
import { batchCounts } from '../store/batches.ts'
import { type Database, inTransaction } from '../store/database.ts'
import { iterationsOf } from '../store/iterations.ts'
import { type Run, runOf, setConfig } from '../store/runs.ts'
import { stagesOf } from '../store/stages.ts'
import { checkpointsOf } from '../store/training.ts'
import { titleOf } from './titles.ts'

type Setting = keyof RunSettings

/** The stage that first uses a setting; 'plan' = the run's plan itself; null = nothing that is kept depends on it. */
const firstUse: Readonly<Record<Setting, Stage | 'plan' | null>> = {
  iterations: 'plan', seed: 'plan', maxLength: 'plan',
  tuning: 'tune', sft: 'tune',
  evaluation: 'evaluate',
  sampling: 'sample',
  consistency: 'rank',
  method: 'pair', fixedConsistency: 'pair', pairs: 'pair',
  gate: 'audit',
  dpo: 'train',
  device: null, threads: null, checkpointSeconds: null,
}

export const settingsOf = ({ config: { $schema: _schema, model: _model, data: _data, oracle: _oracle, ...settings } }: Pick<Run, 'config'>): RunSettings => settings

/** The settings that cannot be changed any more, with what used them. */
export function fixedSettings(db: Database, run: Run): { setting: Setting; usedBy: string }[] {
  const begun = iterationsOf(db, run.id).flatMap(({ id, t }) => stagesOf(db, id).filter(({ startedAt }) => startedAt !== null).map(({ stage }) => ({ stage, t })))
  return (Object.keys(firstUse) as Setting[]).flatMap((setting) => {
    const use = firstUse[setting]
    if (use === null) return []
    if (use === 'plan') return [{ setting, usedBy: 'the plan of the run' }]
    const user = begun.find(({ stage }) => stage === use)
    return user ? [{ setting, usedBy: titleOf(user.stage, user.t) }] : []
  })
}

/** @throws AppError 'bad-arguments' for a setting in use, or while a stage is half done */
export function changeSettings(db: Database, run: Run, change: SettingsChange): Run {
  const before = settingsOf(run)
  const changed = (Object.keys(change) as Setting[]).filter((setting) => change[setting] !== undefined && !isDeepStrictEqual(change[setting], before[setting]))
  if (changed.length === 0) return run
  const used = fixedSettings(db, run).find(({ setting }) => changed.includes(setting))
  if (used) throw new AppError('bad-arguments', `The setting "${used.setting}" was used by ${used.usedBy} already; start a new project to use another.`)
  const half = halfDoneStage(db, run)
  if (half) throw new AppError('bad-arguments', `${half} is half done, and a stage ends with the settings it began with; let it finish first.`)
  inTransaction(db, () => setConfig(db, run.id, RunConfig.parse({ ...run.config, ...Object.fromEntries(changed.map((setting) => [setting, change[setting]])) })))
  return runOf(db, run.id)!
}

function halfDoneStage(db: Database, run: Run): string | null {
  for (const { id, t } of iterationsOf(db, run.id)) {
    const half = stagesOf(db, id).find((row) => row.status !== 'done' && (batchCounts(db, row.id).committed > 0 || checkpointsOf(db, row.id).length > 0))
    if (half) return titleOf(half.stage, t)
  }
  return null
}
