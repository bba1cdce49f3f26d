/** `import`: a whole, checked copy of a model, or of a model with a PEFT adapter merged into it; also as a project's own. */
import { resolve } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import { type ImportProgress, importModel } from '../pipeline/import-model.ts'
import { ownBase } from '../pipeline/own-model.ts'
import { withProjectRun } from '../pipeline/session.ts'
import type { Sandbox } from '../sandbox/host.ts'
import { describe } from './inspect.ts'
import { type AddCommand, type Shell, withBar, withSandbox } from './shell.ts'

interface Options {
  readonly to?: string
  readonly into?: string
  readonly adapter?: string
}

export const addImport: AddCommand = (program, act) => {
  program.command('import <path>')
    .description('Copies a model into a new folder, which is whole and checked or not there; with --adapter it becomes base + adapter as one set of F32 weights. Stopped, the same command goes on. (A run needs no copy: its "model" may lie anywhere and is held to its sha256.)')
    .option('--to <dir>', 'the folder to make; absent or empty')
    .option('--into <project>', 'a project whose base model this is: it gets a copy of its own, and needs this one no more')
    .option('--adapter <dir>', 'a PEFT LoRA adapter on top of it; only with --to')
    .action(act<Options>(async ({ to, into, adapter }, { terminal, signal }: Shell, [path]) => {
      if ((to === undefined) === (into === undefined) || (into !== undefined && adapter !== undefined)) throw new AppError('bad-arguments', 'Say where the copy goes: --to with a new folder (and --adapter), or --into with the project whose base model this is.')
      const taking = <T>(take: (sandbox: Sandbox, watch: ImportProgress) => Promise<T>): Promise<T> =>
        withBar(terminal, `importing ${path}`, 'bytes', (progress) => withSandbox((sandbox) => take(sandbox, { signal, progress })))
      if (to === undefined) {
        const folder = await taking((sandbox, watch) => withProjectRun(resolve(into!), (project, run) => ownBase(project, run, sandbox, path!, watch)))
        if (terminal.json) terminal.object({ folder })
        else terminal.print(`${folder} is the project's own base model now`)
        return
      }
      const { folder, sha256, files, bytes, card } = await taking((sandbox, watch) => importModel(sandbox, { from: path!, adapter: adapter ?? null, to }, watch))
      if (terminal.json) terminal.object({ folder, sha256, bytes, files, card })
      else terminal.print(`${describe(card)}\n${folder} (${files.length} files, ${(bytes / 1e6).toFixed(1)} MB, sha256 ${sha256})`)
    }))
}
