/** `verify`: re-checks an evidence bundle offline. Exit code 0 = everything follows from its raw rows; 2 = something does not, or it is no bundle. */
import { AppError } from '../../preload/contract/errors.ts'
import { describeDifference } from '../export/verify/evidence.ts'
import { type Verification, verifyBundle } from '../export/verify/verify.ts'
import type { AddCommand } from './shell.ts'

const unsigned = 'A bundle is not signed: this says that its figures follow from its raw rows, not who wrote them, nor that the rows are true.'

export const addVerify: AddCommand = (program, act) => {
  program.command('verify')
    .description('Recomputes rankings, agreement, pairs, labels and spot-check figures of an evidence bundle from its raw rows.')
    .argument('<bundle>', 'the .zip that was exported')
    .action(act(async (_, { terminal, signal }, args) => {
      const [path] = args as [string]
      let bar: ReturnType<typeof terminal.progress> | undefined
      const result = await verifyBundle(path, { signal, progress: (done, total) => (bar ??= terminal.progress('reading', total, 'bytes')).reach(done) }).finally(() => bar?.finish())
      if (terminal.json) terminal.object({ verified: result.difference === null, ...result })
      if (result.difference) throw new AppError('bad-data', `${path} does not verify. The first difference is in ${describeDifference(result.difference)}. ${unsigned}`)
      if (!terminal.json) terminal.print(describeResult(path, result))
    }))
}

function describeResult(path: string, { creamery, run, model, texts, rows }: Verification): string {
  const of = (name: string): string => `${(rows[name] ?? 0).toLocaleString('en')} ${name}`
  return [
    `${path} verifies: ${model ?? 'the run'} of ${run}, written by Creamery ${creamery}, ${texts ? 'with texts' : 'without texts'}.`,
    `Recomputed from ${of('responses')} and ${of('scores')}: ${of('rankings')}, ${of('consistencies')}, ${of('pairs')}, ${of('labels')}, ${of('reports')}.`,
    unsigned,
  ].join('\n')
}
