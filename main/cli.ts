/** The command line. Each command is a file in cli/; this one gathers them and turns how they end into an exit code. */
import { Command, CommanderError } from 'commander'
import { AppError, exitCodeOf } from '../preload/contract/errors.ts'
import { addBench } from './cli/bench.ts'
import { addConsistency } from './cli/consistency.ts'
import { addData } from './cli/data.ts'
import { addDoctor } from './cli/doctor.ts'
import { addEvaluate } from './cli/evaluate.ts'
import { addExport } from './cli/export.ts'
import { addGenerate } from './cli/generate.ts'
import { addImport } from './cli/import.ts'
import { addInspect } from './cli/inspect.ts'
import { stopOnInterrupt } from './cli/interrupt.ts'
import { addPretrain } from './cli/pretrain.ts'
import { addRun } from './cli/run.ts'
import { addSchema } from './cli/schema.ts'
import { addScore } from './cli/score.ts'
import { addServe } from './cli/serve.ts'
import type { Act, AddCommand, Work } from './cli/shell.ts'
import { addStart } from './cli/start.ts'
import { addStatus } from './cli/status.ts'
import { openTerminal } from './cli/terminal.ts'
import { addVerify } from './cli/verify.ts'
import { creameryVersion } from './cli/version.ts'

const commands: readonly AddCommand[] = [addRun, addStatus, addInspect, addImport, addScore, addGenerate, addConsistency, addData, addEvaluate, addExport, addVerify, addStart, addServe, addDoctor, addSchema, addBench, addPretrain]

function buildProgram(act: Act): Command {
  const program = new Command('creamery')
    .description('Aligns a small language model with itself (CREAM), offline.')
    .version(creameryVersion)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {}, outputError: () => {} }) // errors are told once, below
  for (const add of commands) add(program, act)
  for (const command of program.commands) command.option('--json', 'machine-readable: JSON Lines on stdout, progress and errors included as JSON')
  return program
}

/** Runs one command line. @returns the exit code: 0, 2 = the input is at fault, 1 = ours, 130 = stopped on request */
async function main(argv: readonly string[]): Promise<number> {
  const terminal = openTerminal({ json: argv.includes('--json') })
  const stop = stopOnInterrupt(terminal)
  const act: Act = <Options extends object>(work: Work<Options>) => async (...args: unknown[]) => {
    const command = args.at(-1) as Command
    await work(command.opts<Options>(), { terminal, signal: stop.signal }, command.args)
  }
  const program = buildProgram(act)
  if (argv.length === 0) {
    program.outputHelp()
    return 0
  }
  try {
    await program.parseAsync(argv, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0 // --help, --version
    const told = explain(error, stop.signal)
    terminal.fail(told)
    return exitCodeOf(told)
  } finally {
    stop.release()
  }
}

/** What a person is told. Whatever breaks while a command is being stopped is the stop's doing. */
function explain(error: unknown, signal: AbortSignal): AppError {
  if (signal.aborted) return new AppError('cancelled', 'Stopped on request.', error)
  if (error instanceof AppError) return error
  if (error instanceof CommanderError) {
    const said = error.message.replace(/^error: /, '').replace(/\n\(Did you mean (.*)\?\)$/s, ' (did you mean $1?)')
    return new AppError('bad-arguments', `${said.charAt(0).toUpperCase()}${said.slice(1)}; see --help.`, error)
  }
  const { message } = error instanceof Error ? error : { message: String(error) }
  return new AppError('internal', `Creamery failed unexpectedly (${message.split('\n', 1)[0]}); run it again with CREAMERY_DEBUG=1 and report what it prints.`, error)
}

process.exitCode = await main(process.argv.slice(2))
