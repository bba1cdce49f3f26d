import { basename } from 'node:path'
import type { SettingsView } from '../../preload/contract/requests/run.ts'
import { railOf } from '../pipeline/rail.ts'
import { changeSettings, fixedSettings, settingsOf } from '../pipeline/settings.ts'
import type { HandlersOf } from './handler.ts'
import type { Workbench } from './workbench.ts'

export const runHandlers: HandlersOf<'run'> = {
  'run/status': (workbench) => ({
    ...railOf(workbench.project.db, workbench.run),
    job: workbench.job?.view() ?? null,
    lastEnd: workbench.lastEnd,
    command: `creamery resume --project ${quoteForShell(workbench.project.folder)}`,
  }),
  'run/start': (workbench, { key, until = null }) => workbench.startJob(key, until),
  'run/pause': ({ job }) => {
    job?.pause()
    return job?.view() ?? null
  },
  'run/resume': (workbench, { key }) => workbench.resumeJob(key),
  'run/settings': (workbench) => settingsView(workbench),
  'run/change': (workbench, { settings }) => {
    workbench.requireIdleWriter()
    changeSettings(workbench.project.db, workbench.run, settings)
    workbench.events.publish({ kind: 'settings-changed' })
    return settingsView(workbench)
  },
}

function settingsView({ project, run }: Workbench): SettingsView {
  const { model, data } = run.config
  return {
    settings: settingsOf(run),
    sources: { model: basename(model), modelSha256: run.baseSha256, sft: data.sft === undefined ? null : basename(data.sft), prompts: basename(data.prompts), evaluation: data.evaluation.map(({ name }) => name) },
    fixed: fixedSettings(project.db, run),
  }
}

const quoteForShell = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)
