/** The evidence bundle: one zip with every raw row on the way to a model, and the figures made of them. What it holds is told in docs/evidence.md. */
import { readFileSync, statSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import type { WrittenFile } from '../../../native-models/weights/files.ts'
import { AppError } from '../../../preload/contract/errors.ts'
import type { Database } from '../../store/database.ts'
import { type Iteration, iterationOf } from '../../store/iterations.ts'
import { databaseName } from '../../store/project.ts'
import type { Run } from '../../store/runs.ts'
import { checkResults, differenceIn, recompute, type Recomputed } from '../verify/check.ts'
import { addRow, describeDifference, Differs, type Difference, emptyEvidence, type Evidence } from '../verify/evidence.ts'
import { kindNames, type KindName, type RowOf } from '../verify/rows.ts'
import { heldFor, type Paired, reportSessions } from '../verify/sessions.ts'
import { takeTexts } from '../verify/texts.ts'
import { verifyBundle } from '../verify/verify.ts'
import type { Format } from '../format.ts'
import { check, looking, proofOf } from '../proof/proof.ts'
import { createArchive } from './bundle-archive.ts'
import { type Path, rowsOf, withoutFolders } from './bundle-rows.ts'

export interface BundleOptions {
  /** Prompts, responses, answers and notes, or their hashes alone. */
  readonly texts: boolean
  /** Of the program that writes. */
  readonly creamery: string
  /** The model whose way it is, by name; null: as far as the run has come. */
  readonly model: string | null
  readonly signal?: AbortSignal
  readonly progress?: (done: number, total: number) => void
}

/**
 * Writes the way through `iterations` (iteration 0 first) into a new file. The rows are checked as `verify` checks them, before the
 * file is finished: a project that does not hold together leaves no bundle.
 * @throws AppError 'bad-data' naming the first difference, 'cancelled', 'disk-full', 'bad-arguments' where the file is there already
 */
export async function writeBundle(db: Database, run: Run, iterations: readonly Iteration[], path: string, options: BundleOptions): Promise<WrittenFile> {
  const { texts, creamery, model, signal, progress } = options
  const way: Path = { db, run, iterations, texts }
  const archive = createArchive(path)
  try {
    const environment = { creamery, node: process.version, platform: process.platform, arch: process.arch, cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length }
    const { id, seed, baseSha256, config } = run
    const head = { id, seed, baseSha256, config: withoutFolders(config) as Record<string, unknown> }
    const evidence = emptyEvidence({ texts, model, creamery, environment, run: head })
    await archive.add('run.json', [head])
    await archive.add('environment.json', [environment])

    let recomputed: Recomputed = { iterations: [], paired: [] }
    for (const [i, name] of kindNames.entries()) {
      if (name === 'sessions') refuse(await differenceIn(async () => void (recomputed = await recompute(evidence))))
      const rows = name === 'reports' ? reportSessions(evidence, recomputed.paired) : name === 'sessions' ? held(recomputed.paired, rowsOf.sessions(way)) : rowsOf[name](way)
      await archive.add(`${name}.jsonl`, gathered(evidence, name, rows, signal))
      progress?.(i + 1, kindNames.length)
    }
    refuse(await differenceIn(() => checkResults(evidence, recomputed)))
    return { path, ...(await archive.finish({ creamery, texts, model })) }
  } catch (error) {
    archive.abandon()
    throw error
  }
}

function* held(paired: readonly Paired[], sessions: Iterable<RowOf<'sessions'>>): Generator<RowOf<'sessions'>> {
  for (const session of sessions) yield { ...session, heldFor: heldFor(paired, session) }
}

/** The rows, as they pass into the evidence. */
function* gathered<Name extends KindName>(evidence: Evidence, name: Name, rows: Iterable<RowOf<Name>>, signal: AbortSignal | undefined): Generator<RowOf<Name>> {
  for (const row of rows) {
    if (signal?.aborted) throw new AppError('cancelled', 'Stopped on request.')
    try {
      addRow(evidence, name, takeTexts(evidence, name, row))
    } catch (error) {
      refuse(error instanceof Differs ? error.difference : null)
      throw error
    }
    yield row
  }
}

function refuse(difference: Difference | null): void {
  if (difference) throw new AppError('bad-data', `The project does not hold together, so that no bundle of it would verify (${describeDifference(difference)}); it was changed by hand, or this is a fault of Creamery's to report.`)
}

const creamery = (JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }).version

export const bundle: Format<'bundle'> = {
  kind: 'file',
  title: 'Evidence bundle',
  use: 'For whoever is to believe the figures: every raw row, re-checked offline by creamery verify.',
  variants: [
    { choice: { format: 'bundle', texts: true }, label: 'With texts' },
    { choice: { format: 'bundle', texts: false }, label: 'Hashes of the texts' },
  ],
  estimate: ({ project }, { texts }) => Math.ceil(statSync(join(project.folder, databaseName)).size / (texts ? 4 : 6)), // rows pack well
  refuse: ({ model }) => (model.kind === 'base' ? `${model.name} is where the run starts from: there is no evidence about it. Choose a model that was trained.` : null),

  async write({ project: { db }, run, model, lineage }, target, { texts }, { signal, progress }) {
    const iterations = lineage.rounds.map(({ iterationId }) => iterationOf(db, iterationId)!)
    const file = await writeBundle(db, run, iterations, target, { texts, creamery, model: model.name, signal, progress: (done, total) => progress(done, total, 'files') })
    return { files: [file], notes: [] }
  },

  /** As anyone would verify it. */
  prove: async (_, target, __, { signal }) => proofOf(await looking('recomputed', async () => {
    const { difference, rows } = await verifyBundle(target, { signal })
    const count = Object.values(rows).reduce((sum, one) => sum + one, 0)
    return [check('recomputed', difference === null, difference ? `The first difference: ${describeDifference(difference)}.` : `Rankings, agreement, pairs, labels and figures recomputed from ${count} rows are those stored.`)]
  }), null),
}
