/** `data`: looks at files of examples, prompts, held-out questions and preference pairs, and writes their usable rows anew. */
import { type FileHandle, open } from 'node:fs/promises'
import { rowNames } from '../../preload/contract/columns.ts'
import { type ColumnRoles, ColumnRole, DataUse } from '../../preload/contract/requests/place.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { Sandbox, Watch } from '../sandbox/host.ts'
import { oneOf, integer } from './options.ts'
import { type AddCommand, type Shell, withBar, withSandbox } from './shell.ts'
import { formatTable } from './table.ts'

interface Shared {
  readonly as: DataUse
  readonly column?: ColumnRoles
}

export const addData: AddCommand = (program, act) => {
  const data = program.command('data').description('Files of examples (sft), prompts, held-out questions (tasks) and preference pairs: JSON, JSON Lines, CSV, Parquet or text, gzipped or not.')
  const add = (name: string, description: string) => data.command(`${name} <file>`).description(description)
    .requiredOption('--as <use>', DataUse.options.join(', '), oneOf('--as', DataUse.options))
    .option('--column <role=name>', `what a column means, once for each; roles: ${ColumnRole.options.join(', ')}`, addColumn)
    .option('--json', 'machine-readable: one JSON object on stdout, progress and errors included as JSON')

  add('preview', 'Shows which layout a file has, its first rows, and which rows cannot be used, with the reason.')
    .option('--rows <n>', 'how many rows to show', integer('--rows', { min: 1, max: 50 }), 5)
    .option('--rejects <file>', 'write all rows that cannot be used into a CSV file')
    .action(act<Shared & { rows: number; rejects?: string }>(async ({ as, column, rows, rejects }, shell, [file]) => {
      const { terminal } = shell
      await withSandbox(async (sandbox) => {
        const preview = await showing(shell, file!, (watch) => sandbox.previewData(as, file!, { rows, roles: column }, watch))
        if (terminal.isRead) terminal.print(describe(as, preview))
        else terminal.object(preview)
        if (rejects !== undefined) await writeRejects(sandbox, { as, ...(column && { column }) }, file!, rejects)
      })
    }))

  add('import', 'Writes the usable rows as JSON Lines of Creamery\'s own layout; of preference pairs the rewards that the method "oracle" reads.')
    .requiredOption('--out <file>', 'the file to write; it must not be there yet')
    .option('--without <file>', 'leave out what this file of held-out questions asks')
    .action(act<Shared & { out: string; without?: string }>(async ({ as, column, out, without }, shell, [file]) => {
      const { terminal } = shell
      await refuseExisting(out)
      const options = { roles: column, without: without === undefined ? [] : [{ path: without, use: 'tasks' as const }] }
      const written = await withSandbox((sandbox) => showing(shell, file!, (watch) => sandbox.writeData(as, file!, out, options, watch)))
      const { usable, rejected, leftOut } = written
      if (terminal.isRead) terminal.print(`${out}: ${usable} ${rowNames[as]}; ${rejected} rows could not be used${without === undefined ? '' : `, ${leftOut} were left out`}.`)
      else terminal.object({ out, ...written })
    }))
}

/** A bar of the file's bytes while it is read; Ctrl-C ends it and leaves nothing. */
const showing = <T>({ terminal, signal }: Shell, file: string, read: (watch: Watch) => Promise<T>): Promise<T> =>
  withBar(terminal, `reading ${file}`, 'bytes', (progress) => read({ signal, onReach: ({ bytes, total }) => total > 0 && progress(bytes, total) }))

/** `prompt=question`, gathered over all its uses. @throws AppError 'bad-arguments' */
function addColumn(text: string, before: ColumnRoles = {}): ColumnRoles {
  const at = text.indexOf('=')
  const role = ColumnRole.safeParse(text.slice(0, at))
  if (at < 1 || !role.success || text.length === at + 1) throw new AppError('bad-arguments', `--column wants a role and a column's name, like prompt=question, not ${JSON.stringify(text)}; roles are ${ColumnRole.options.join(', ')}.`)
  return { ...before, [role.data]: text.slice(at + 1) }
}

function describe(as: DataUse, { format, layout, problem, columns, roles, rows, usable, rejects, rejected, repeated }: Awaited<ReturnType<Sandbox['previewData']>>): string {
  const short = (text: string): string => (text.length > 60 ? `${text.slice(0, 59)}…` : text).replace(/\s+/g, ' ')
  const cells = rows.map(({ prompt, response, rejected: worse, answer, task }) => [typeof prompt === 'string' ? prompt : (prompt.at(-1)?.content ?? ''), response ?? answer ?? '–', worse ?? task ?? '–'].map(short))
  const heads = { sft: ['prompt', 'response', ''], prompts: ['prompt', 'answer', 'task'], tasks: ['question', 'answer', 'task'], preferences: ['prompt', 'chosen', 'rejected'] } as const
  const meant = Object.entries(roles).map(([role, column]) => `${column} (${role})`).join(', ')
  return [
    problem ?? `${usable} usable ${rowNames[as]}, ${rejected} rows that cannot be used, ${repeated} repeated (${format}, ${layout}).`,
    `Columns: ${columns.join(', ') || 'none'}${meant === '' ? '' : `; read: ${meant}`}`,
    ...(cells.length > 0 ? ['', formatTable(heads[as], cells)] : []),
    ...(rejects.length > 0 ? ['', formatTable(['row', 'cannot be used because it'], rejects.map(({ line, reason }) => [String(line), reason]))] : []),
  ].join('\n')
}

async function refuseExisting(path: string): Promise<void> {
  const file = await open(path, 'r').catch(() => null)
  await file?.close()
  if (file !== null) throw new AppError('bad-arguments', `${path} is there already; name another file.`)
}

async function writeRejects(sandbox: Sandbox, { as, column }: Shared, file: string, path: string): Promise<void> {
  await refuseExisting(path)
  const out: FileHandle = await open(path, 'wx').catch((cause: NodeJS.ErrnoException) => { throw new AppError('bad-arguments', `${path} cannot be written (${cause.code}); name another place.`, cause) })
  const cell = (text: string): string => `"${text.replaceAll('"', '""')}"`
  try {
    await out.write('row,reason\r\n')
    for (let from = 0, more = true; more;) {
      const page = await sandbox.listRejects(as, file, { from, limit: 50_000, roles: column })
      await out.write(page.rejects.map(({ row, reason }) => `${row},${cell(reason)}\r\n`).join(''))
      from += page.rejects.length
      ;({ more } = page)
    }
  } finally {
    await out.close()
  }
}
