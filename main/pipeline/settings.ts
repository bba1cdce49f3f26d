/** A run's settings, iteration by iteration: what is still to come takes a change, what is done keeps what it was done with. */
import { isDeepStrictEqual } from 'node:util'
import { RunConfig } from '../../preload/contract/config.ts'
import type { Stage } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { RunSettings, SettingsChange } from '../../preload/contract/requests/run.ts'
import { type Database, inTransaction } from '../store/database.ts'
import { type Iteration, activeIteration, iterationsOf, setSettings } from '../store/iterations.ts'
import { type Run, runOf } from '../store/runs.ts'
import { hasBegun, stagesOf, stagesWithShared } from '../store/stages.ts'
import { titleOf } from './titles.ts'
import { requireWeights } from './weights.ts'

export type Setting = keyof RunSettings

/** The stage that first uses a setting; 'plan' = the run's plan itself; null = nothing that is kept depends on it. */
export const firstUse: Readonly<Record<Setting, Stage | 'plan' | null>> = {
  iterations: 'plan', seed: 'plan', maxLength: 'plan', weights: 'plan', // two judges of unlike precision would differ by it
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

/** The run as it is carried out in one iteration: that one's settings over those that the run began with. */
export function runIn(db: Database, { runId, settings }: Pick<Iteration, 'runId' | 'settings'>): Run {
  const run = runOf(db, runId)!
  return { ...run, config: { ...run.config, ...settings } }
}

/** The run as what comes next on the active path is carried out. */
export const runNow = (db: Database, run: Run): Run => runIn(db, activeIteration(db, run))

/** The settings that a change really changes. */
export function changedSettings(run: Pick<Run, 'config'>, change: SettingsChange): Setting[] {
  const before = settingsOf(run)
  return (Object.keys(change) as Setting[]).filter((setting) => change[setting] !== undefined && !isDeepStrictEqual(change[setting], before[setting]))
}

/** An iteration's settings with some of them changed. @throws ZodError, or AppError 'bad-config' when they do not go together */
export function withChange({ settings }: Pick<Iteration, 'settings'>, run: Run, changed: readonly Setting[], change: SettingsChange): Iteration['settings'] {
  const chosen = Object.fromEntries(changed.map((setting) => [setting, change[setting]]))
  requireWeights(RunConfig.parse({ ...run.config, ...chosen }))
  return { ...settings, ...chosen }
}

/** The settings that what comes next cannot change any more, with what used them. SFT and evaluation hold for the whole run: models are compared by them. */
export function fixedSettings(db: Database, run: Run): { setting: Setting; usedBy: string }[] {
  const tip = activeIteration(db, run)
  const rows = [
    ...stagesWithShared(db, tip).map((row) => ({ row, iteration: tip })),
    ...iterationsOf(db, run.id).flatMap((iteration) => stagesOf(db, iteration.id).filter(({ stage }) => stage === 'tune' || stage === 'evaluate').map((row) => ({ row, iteration }))),
  ].filter(({ row }) => hasBegun(db, row))
  return (Object.keys(firstUse) as Setting[]).flatMap((setting) => {
    const use = firstUse[setting]
    if (use === null) return []
    if (use === 'plan') return [{ setting, usedBy: 'the plan of the run' }]
    const user = rows.find(({ row: { stage } }) => stage === use)
    return user ? [{ setting, usedBy: titleOf(use, user.iteration) }] : []
  })
}

/** For what is still to come on the active path. @throws AppError 'bad-arguments' for a setting in use, or while a stage is half done */
export function changeSettings(db: Database, run: Run, change: SettingsChange): void {
  const tip = activeIteration(db, run)
  const now = runIn(db, tip)
  const changed = changedSettings(now, change)
  if (changed.length === 0) return
  const used = fixedSettings(db, run).find(({ setting }) => changed.includes(setting))
  if (used) throw new AppError('bad-arguments', `The setting "${used.setting}" was used by ${used.usedBy} already; ${firstUse[used.setting] === 'plan' || firstUse[used.setting] === 'evaluate' ? 'start a new project to use another' : 'go back to that step to use another'}.`)
  requireNothingHalfDone(db, tip)
  inTransaction(db, () => setSettings(db, tip.id, withChange(tip, now, changed, change)))
}

/** @throws AppError 'bad-arguments' */
export function requireNothingHalfDone(db: Database, iteration: Iteration): void {
  const half = stagesOf(db, iteration.id).find((row) => row.status !== 'done' && hasBegun(db, row))
  if (half) throw new AppError('bad-arguments', `${titleOf(half.stage, iteration)} is half done, and a stage ends with the settings it began with; let it finish first, or go back to it.`)
}
