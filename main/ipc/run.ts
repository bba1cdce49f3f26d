import type { RunStatus, SettingsView } from '../../preload/contract/requests/run.ts'
import { activate, previewBack } from '../pipeline/branch.ts'
import { modelTitle, nameOf } from '../pipeline/locate.ts'
import { railOf } from '../pipeline/rail.ts'
import { continueFrom, modelChoices } from '../pipeline/rounds.ts'
import { changeSettings, fixedSettings, runIn, settingsOf } from '../pipeline/settings.ts'
import type { HandlersOf } from './handler.ts'
import type { Workbench } from './workbench.ts'

export const runHandlers: HandlersOf<'run'> = {
  'run/status': (workbench) => statusOf(workbench),
  'run/start': (workbench, { key, until = null, gate }) => workbench.startJob(key, { until, gate }),
  'run/pause': ({ job }) => {
    job?.pause()
    return job?.view() ?? null
  },
  'run/stop': ({ job }) => {
    job?.stop()
    return job?.view() ?? null
  },
  'run/resume': (workbench, { key }) => workbench.resumeJob(key),
  'run/settings': (workbench, { iterationId }) => settingsView(workbench, iterationId),
  'run/change': (workbench, { settings }) => {
    workbench.requireIdleWriter()
    changeSettings(workbench.project.db, workbench.run, settings)
    workbench.events.publish({ kind: 'settings-changed' })
    return settingsView(workbench)
  },
  'run/preview': (workbench, { iterationId, stage, settings }) => previewBack(workbench.project.db, workbench.iteration(iterationId), stage, settings),
  'run/back': (workbench, { key, iterationId, stage, settings: change }) => moving(workbench, key, () => workbench.write('going back', 'goBack', { iterationId: workbench.iteration(iterationId).id, stage, change })),
  'run/activate': (workbench, { iterationId }) => moving(workbench, null, () => activate(workbench.project.db, workbench.iteration(iterationId))),
  'run/models': ({ project, run }) => modelChoices(project.db, run),
  'run/continue': (workbench, { key, from, settings }) => moving(workbench, key, () => continueFrom(workbench.project.db, workbench.iteration(from), settings)),
}

/** Another path is active from now on; the same key again changes nothing. */
async function moving(workbench: Workbench, key: string | null, move: () => unknown): Promise<RunStatus> {
  await workbench.once(key, async () => {
    workbench.requireIdleWriter()
    await move()
    workbench.events.publish({ kind: 'settings-changed' })
  })
  return statusOf(workbench)
}

function statusOf({ project, run, job, lastEnd }: Workbench): RunStatus {
  return { ...railOf(project.db, run), job: job?.view() ?? null, lastEnd, command: `creamery resume --project ${quoteForShell(project.folder)}` }
}

function settingsView(workbench: Workbench, iterationId?: string): SettingsView {
  const { project, run } = workbench
  const { data } = run.config
  return {
    settings: settingsOf(iterationId === undefined ? run : runIn(project.db, workbench.iteration(iterationId))),
    sources: { model: modelTitle(run.basePath), modelSha256: run.baseSha256, sft: data.sft === undefined ? null : nameOf(data.sft), prompts: nameOf(data.prompts), evaluation: data.evaluation.map(({ name }) => name) },
    fixed: fixedSettings(project.db, run),
  }
}

const quoteForShell = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)
