/** `run` and `resume`: carries a run on in the terminal. */
import { resolve } from 'node:path'
import { Device, Method, Stage, WeightType } from '../../preload/contract/domain.ts'
import type { RunContext, RunEvent } from '../pipeline/context.ts'
import { loadConfig, type Preset, presets } from '../pipeline/config.ts'
import { takeAlong } from '../pipeline/own-model.ts'
import { reportRun } from '../pipeline/report.ts'
import { carryOn } from '../pipeline/runner.ts'
import { requireNoRun, withNewRun, withRun } from '../pipeline/session.ts'
import { changeSettings } from '../pipeline/settings.ts'
import { integer, oneOf } from './options.ts'
import { printReport } from './report.ts'
import { type AddCommand, type Shell, withBar, withSandbox } from './shell.ts'

interface RunOptions {
  readonly project: string
  readonly preset?: Preset
  readonly config?: string
  readonly model?: string
  readonly adapter?: string
  readonly copyModel?: true
  readonly method?: Method
  readonly iterations?: number
  readonly seed?: number
  readonly device?: Device
  readonly weights?: WeightType
  readonly threads?: number
  readonly until?: Stage
  readonly acceptReversed?: true
  readonly gate?: (typeof gates)[number]
}

const gates = ['require', 'skip'] as const

export const addRun: AddCommand = (program, act) => {
  program.command('run')
    .description('Starts a run in a new project folder: SFT, then per iteration sample, score, rank, pair, train, evaluate.')
    .requiredOption('--project <dir>', 'new or empty folder of the project')
    .option('--preset <name>', presets.join(', '), oneOf('--preset', presets))
    .option('--config <file>', 'run configuration (JSON; see "creamery schema")')
    .option('--model <dir>', 'folder of M0 in Hugging Face layout')
    .option('--copy-model', 'copy the model into the project, which then needs nothing outside of it')
    .option('--adapter <dir>', 'a PEFT LoRA adapter for the model: merged, the two are M0, in a copy of the project\'s own')
    .option('--method <name>', Method.options.join(', '), oneOf('--method', Method.options))
    .option('--iterations <n>', 'DPO rounds', integer('--iterations', { min: 1, max: 20 }))
    .option('--seed <n>', 'same seed, same run', integer('--seed', { min: 0, max: 2 ** 32 - 1 }))
    .option('--device <name>', Device.options.join(' or '), oneOf('--device', Device.options))
    .option('--weights <type>', `${WeightType.options.join(' or ')} in memory; fp16 on WebGPU only, not yet run on a real graphics card`, oneOf('--weights', WeightType.options))
    .option('--threads <n>', 'CPU threads; 0 = all cores', integer('--threads', { min: 0, max: 1024 }))
    .option('--until <stage>', 'stop after this stage', oneOf('--until', Stage.options))
    .option('--accept-reversed', 'go on although the mean consistency is below 0.5')
    .option('--gate <what>', 'require a person\'s spot-check before training, or skip it', oneOf('--gate', gates))
    .action(act<RunOptions>(async (options, shell) => {
      const { project, preset, config: file, until, acceptReversed, copyModel, adapter, model, method, iterations, seed, device, weights, threads, gate } = options
      const config = loadConfig({ preset, file, overrides: { model, method, iterations, seed, device, weights, threads, gate, consistency: { acceptReversed } } })
      const folder = resolve(project)
      const own = copyModel || adapter !== undefined ? { model: await copied(folder, { from: config.model, adapter: adapter ?? null }, shell) } : {}
      await withNewRun(folder, { ...config, ...own }, watching(shell), (context) => finish(context, shell, until))
    }))

  program.command('resume')
    .description('Carries the run of a project on from where it stands; the bytes are those of an uninterrupted run.')
    .requiredOption('--project <dir>', 'folder of the project')
    .option('--until <stage>', 'stop after this stage', oneOf('--until', Stage.options))
    .option('--gate <what>', 'from here on, require a person\'s spot-check before training, or skip it', oneOf('--gate', gates))
    .action(act<{ project: string; until?: Stage; gate?: RunOptions['gate'] }>(async ({ project, until, gate }, shell) => {
      await withRun(resolve(project), watching(shell), (context) => {
        if (gate !== undefined) changeSettings(context.project.db, context.run, { gate })
        return finish(context, shell, until)
      })
    }))
}

/** The project's own copy of the model; stopped, the same command goes on. @returns its folder */
async function copied(folder: string, model: { from: string; adapter: string | null }, { terminal, signal }: Shell): Promise<string> {
  await requireNoRun(folder)
  return withBar(terminal, `copying ${model.from}`, 'bytes', (progress) => withSandbox((sandbox) => takeAlong(sandbox, folder, model, { signal, progress })))
}

async function finish(context: RunContext, { terminal }: Shell, until: Stage | undefined): Promise<void> {
  const ended = await carryOn(context, until === undefined ? {} : { until })
  printReport(terminal, reportRun(context.project.db, context.run.id), { project: context.project.folder, ended: ended === 'finished' ? ended : 'stopped' })
}

/** Shows what happens: a line a stage, and a bar within it. */
function watching({ terminal, signal }: Shell): { signal: AbortSignal; emit: (event: RunEvent) => void } {
  let bar: ReturnType<typeof terminal.progress> | null = null
  let title = ''
  let unit = ''
  const tell = (event: RunEvent, line: string): void => (terminal.json ? terminal.object(event) : terminal.note(line))
  const endBar = (): void => {
    bar?.finish()
    bar = null
  }
  return {
    signal,
    emit(event) {
      switch (event.kind) {
        case 'stage-started':
          title = event.title
          tell(event, `${event.title} …`)
          return
        case 'progress':
          if (event.unit !== unit) endBar() // another kind of work within the stage
          unit = event.unit
          bar ??= terminal.progress(title, event.total, event.unit, Math.max(0, event.done - 1))
          bar.reach(event.done)
          return
        case 'stage-done':
          endBar()
          tell(event, `  ${event.summary} (${event.seconds.toFixed(1)} s)`)
          return
        case 'engine-restarted':
          endBar()
          tell(event, `  ${event.reason} It was started again and the stage goes on.`)
          return
        case 'notice':
          endBar()
          tell(event, `  ${event.message}`)
      }
    },
  }
}
