/** `import`: a whole, checked copy of a model, or of a model with a PEFT adapter merged into it. */
import { importModel } from '../pipeline/import-model.ts'
import { describe } from './inspect.ts'
import { type AddCommand, withSandbox } from './shell.ts'

interface Options {
  readonly to: string
  readonly adapter?: string
}

export const addImport: AddCommand = (program, act) => {
  program.command('import <path>')
    .description('Copies a model into a new folder, which is whole and checked or not there; with --adapter it becomes base + adapter as one set of F32 weights. Stopped, the same command goes on. (A run needs no copy: its "model" may lie anywhere and is held to its sha256.)')
    .requiredOption('--to <dir>', 'the folder to make; absent or empty')
    .option('--adapter <dir>', 'a PEFT LoRA adapter on top of it')
    .action(act<Options>(async ({ to, adapter }, { terminal, signal }, [path]) => {
      let bar: ReturnType<typeof terminal.progress> | null = null
      const progress = (done: number, total: number): void => (bar ??= terminal.progress(`importing ${path}`, total, 'bytes')).reach(done)
      const { folder, sha256, files, bytes, card } = await withSandbox((sandbox) => importModel(sandbox, { from: path!, adapter: adapter ?? null, to }, { signal, progress })).finally(() => bar?.finish())
      if (terminal.json) terminal.object({ folder, sha256, bytes, files, card })
      else terminal.print(`${describe(card)}\n${folder} (${files.length} files, ${(bytes / 1e6).toFixed(1)} MB, sha256 ${sha256})`)
    }))
}
