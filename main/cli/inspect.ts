/** `inspect`: what a model's folder holds and whether it can be aligned here, before anything is taken. */
import { AppError } from '../../preload/contract/errors.ts'
import type { ModelCard } from '../../preload/contract/requests/place.ts'
import { inspectModel } from '../pipeline/open-model.ts'
import { type AddCommand, withSandbox } from './shell.ts'

export const addInspect: AddCommand = (program, act) => {
  program.command('inspect <path>')
    .description('Shows what a model\'s folder (or safetensors file) holds, reading headers only and trying its tokenizer and chat template in a process that can be stopped. Exit code 2 where it cannot be used.')
    .option('--adapter <dir>', 'a PEFT LoRA adapter on top of it')
    .action(act<{ adapter?: string }>(async ({ adapter }, { terminal }, [path]) => {
      const card = await withSandbox((sandbox) => inspectModel(sandbox, path!, adapter ?? null))
      if (terminal.json) terminal.object(card)
      else terminal.print(describe(card))
      if (!card.supported) throw new AppError('bad-model', card.problems[0]!)
    }))
}

/** Problems are told as the error they end in; here are the others. */
export function describe({ name, format, architecture, parameters, dtype, context, bytes, vocabulary, tokenizer, template, adapter, problems, warnings }: ModelCard): string {
  const known = (value: number | null, unit = ''): string => (value === null ? 'unknown' : `${value.toLocaleString('en')}${unit}`)
  return [
    `${name}: ${architecture ?? 'an unknown architecture'} (${format}, ${dtype ?? 'no weights'})`,
    `  parameters  ${known(parameters)}${bytes === null ? '' : `, ${(bytes / 1e6).toFixed(1)} MB on disk`}`,
    `  context     ${known(context, ' tokens')}`,
    `  tokenizer   ${tokenizer ?? 'not tried'}${vocabulary === null ? '' : `, ${known(vocabulary, ' tokens')}`}`,
    `  template    ${template ?? 'not tried'}`,
    ...(adapter ? [`  adapter     ${adapter.name}: rank ${adapter.rank}, alpha ${adapter.alpha}, ${adapter.modules} modules${adapter.base === null ? '' : `, made for ${adapter.base}`}`] : []),
    ...warnings.map((sentence) => `  · ${sentence}`),
    ...problems.slice(1).map((sentence) => `  ✗ ${sentence}`),
  ].join('\n')
}
