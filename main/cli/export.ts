/** `export`: a model of a project as files that other tools load. */
import { resolve } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import { ExportChoice, type ExportFormat } from '../../preload/contract/requests/export.ts'
import type { Phase } from '../export/format.ts'
import { allFormats, formats } from '../export/formats.ts'
import { exportTo, proofOfExport } from '../pipeline/export.ts'
import { soleRun } from '../pipeline/session.ts'
import { runNow } from '../pipeline/settings.ts'
import { openProject } from '../store/project.ts'
import { oneOf } from './options.ts'
import type { AddCommand, Shell } from './shell.ts'

interface Options {
  readonly project: string
  readonly model: string
  readonly format: ExportFormat
  readonly precision?: string
  readonly out: string
}

const names = allFormats.map(({ variants }) => variants[0]!.choice.format)

export const addExport: AddCommand = (program, act) => {
  program.command('export')
    .description('Writes a model of a project for other tools, opens it again, holds it against its source, and only then calls it done.')
    .requiredOption('--project <dir>', 'folder of the project')
    .requiredOption('--model <name>', 'M0, M1, M2 …')
    .requiredOption('--format <name>', names.join(', '), oneOf('--format', names))
    .option('--precision <name>', `of merged ${precisionsOf('merged')}; of gguf ${precisionsOf('gguf')}; of onnx fp32, fp16, q4, or several with commas`)
    .requiredOption('--out <path>', 'what it becomes: an absent or empty folder (or an absent file)')
    .action(act<Options>(run))
}

async function run({ project: folder, model, format, precision, out }: Options, { terminal, signal }: Shell): Promise<void> {
  const choice = choiceOf(format, precision)
  const project = openProject(resolve(folder))
  try {
    const bars = progressOf(terminal, model)
    const ask = { project, run: runNow(project.db, soleRun(project)), model }
    const row = await exportTo(ask, choice, out, { signal, onPhase: bars.show }).finally(bars.end)
    const proof = proofOfExport(project.db, ask.run, row.id)
    if (terminal.json) terminal.object({ export: row, proof })
    else {
      for (const { name, passed, finding } of proof.checks) terminal.print(`${passed ? '✓' : '✗'} ${name}: ${finding}`)
      terminal.print(`${row.path} (${row.bytes < 1e6 ? `${(row.bytes / 1e3).toFixed(1)} kB` : `${(row.bytes / 1e6).toFixed(1)} MB`}, sha256 ${row.sha256})`)
    }
    if (row.state === 'failed') throw new AppError('internal', `The proof found that ${row.path} is not the model it was made from; it stays there to look at, and is not to be used.`)
  } finally {
    project.close()
  }
}

/** @throws AppError 'bad-arguments' */
function choiceOf(format: ExportFormat, precision: string | undefined): ExportChoice {
  const member = { merged: 'dtype', gguf: 'precision', onnx: 'precisions', peft: null, preferences: 'form', cream: null, bundle: null }[format]
  if (precision !== undefined && member === null) throw new AppError('bad-arguments', `The format ${format} has no --precision; leave it out.`)
  const parsed = ExportChoice.safeParse({ format, ...(precision !== undefined && member !== null && { [member]: member === 'precisions' ? precision.split(',') : precision }) })
  if (parsed.success) return parsed.data
  throw new AppError('bad-arguments', `--precision should be one of ${precisionsOf(format)} for the format ${format}, not ${JSON.stringify(precision)}.`)
}

function precisionsOf(format: ExportFormat): string {
  const words = (formats[format].variants).flatMap(({ choice }) => ('dtype' in choice ? choice.dtype : 'precision' in choice ? choice.precision : 'form' in choice ? choice.form : 'precisions' in choice ? choice.precisions : []))
  return [...new Set(words)].join(', ')
}

/** One bar for the writing, one for the proof. */
function progressOf(terminal: Shell['terminal'], model: string): { show: (phase: Phase) => void; end: () => void } {
  let [phase, bar]: [Phase['phase'] | null, ReturnType<typeof terminal.progress> | null] = [null, null]
  return {
    show(now) {
      if (now.total === 0) return
      if (now.phase !== phase) {
        bar?.finish()
        phase = now.phase
        bar = terminal.progress(`${now.phase} ${model}`, now.total, now.unit)
      }
      bar!.reach(now.done)
    },
    end: () => bar?.finish(),
  }
}
