/** A model leaves the project: what it came from is gathered, the files are written and proven, and the row says so. */
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import { ExportChoice, type ExportCard, type ExportRow, Proof } from '../../preload/contract/requests/export.ts'
import { EngineHost } from '../engine/host.ts'
import { exportModel } from '../export/export.ts'
import type { Phase } from '../export/format.ts'
import { allFormats } from '../export/formats.ts'
import { modelCard } from '../export/model-card.ts'
import { type ExportSource, type Lineage, type LineageRound, openSource } from '../export/source.ts'
import { startSandbox } from '../sandbox/host.ts'
import { auditsOfRound } from '../store/audits.ts'
import type { Database } from '../store/database.ts'
import { type Export, exportsOfRun, insertExport } from '../store/exports.ts'
import { type Gate, labelCounts, labelsOf } from '../store/gates.ts'
import { modelName } from '../store/ids.ts'
import { type Iteration, iterationsOf, pathTo } from '../store/iterations.ts'
import { linkForRow, linkIn } from '../store/links.ts'
import { type Model, modelOf, modelsOf } from '../store/models.ts'
import type { Project } from '../store/project.ts'
import type { Run } from '../store/runs.ts'
import { stagesWithShared } from '../store/stages.ts'
import { trainingStepsOf } from '../store/training.ts'
import { askAside } from './aside.ts'
import { gateDecision } from './audit.ts'
import { reportModels } from './compare-runs.ts'
import { modelRef } from './context.ts'
import { baseMissing, modelTitle, nameOf } from './locate.ts'
import { judgedBy } from './report.ts'
import { runIn } from './settings.ts'

export interface ExportAsk {
  readonly project: Project
  readonly run: Run
  /** By its name: "M2". */
  readonly model: string
}

/** Works with a model's source and closes it. @throws AppError 'bad-arguments' for a name the run does not have, 'bad-model' */
export async function withSource<T>({ project, run, model: name }: ExportAsk, work: (source: ExportSource) => T | Promise<T>): Promise<T> {
  const missing = baseMissing(run)
  if (missing !== null) throw new AppError('bad-model', missing)
  const model = modelsOf(project.db, run.id).find((one) => one.name === name || modelName(one.id) === name)
  if (!model) throw new AppError('bad-arguments', `The run has no model ${name}; it has ${modelsOf(project.db, run.id).map(({ id }) => modelName(id)).join(', ')}.`)
  const source = openSource({ project, run, model, ref: modelRef({ project, run }, model.id), lineage: await lineageOf(project, run, model) })
  try {
    return await work(source)
  } finally {
    source.close()
  }
}

/** Every format with its sizes for this model. */
export function cardsOf(source: ExportSource): ExportCard[] {
  return allFormats.map(({ title, use, variants, refuse, estimate }) => {
    const refusal = refuse(source)
    const sized = variants.map(({ choice, label }) => ({ choice: ExportChoice.parse(choice), label, bytes: refusal === null ? Math.round(estimate(source, choice)) : 0 }))
    return { format: variants[0]!.choice.format, title, use, refusal, variants: sized }
  })
}

export const previewCard = (source: ExportSource, choice: ExportChoice): string => modelCard(source, choice, { proof: null, notes: [] })

/** Writes, proves and records. A failed proof is a row too, and no exception. @throws AppError */
export function exportTo(ask: ExportAsk, choice: ExportChoice, target: string, { signal, onPhase }: { readonly signal: AbortSignal; readonly onPhase: (phase: Phase) => void }): Promise<ExportRow> {
  const { project, run } = ask
  return withSource(ask, async (source) => {
    let engine: EngineHost | null = null
    const sandbox = startSandbox()
    try {
      const { path, bytes, sha256, proof } = await exportModel(source, choice, resolve(target), {
        get engine() {
          return (engine ??= EngineHost.start()) // formats without a model need none
        },
        place: { device: 'cpu', weights: 'fp32', threads: run.config.threads }, // whose numbers do not depend on a driver
        text: await sandbox.openText(source.textFolder), openText: (folder) => sandbox.openText(folder), signal, onPhase,
      })
      const row = { modelId: source.model.id, format: choice.format, path: linkForRow(project, path), sha256, verification: { state: proof.passed ? 'proved' : 'failed', choice, bytes, proof } }
      insertExport(project.db, row)
      return rowOf(project, exportsOfRun(project.db, run.id).find((one) => idOf(one) === idOf(row))!)
    } finally {
      await Promise.all([(engine as EngineHost | null)?.close(), sandbox.close()])
    }
  })
}

export const exportsMade = (project: Project, run: Run): ExportRow[] => exportsOfRun(project.db, run.id).map((row) => rowOf(project, row))

/** @throws AppError 'bad-arguments' */
export function proofOfExport(db: Database, run: Run, id: string): Proof {
  const row = exportsOfRun(db, run.id).find((one) => idOf(one) === id)
  if (!row) throw new AppError('bad-arguments', 'This export is not known; reload the page.')
  return Proof.parse(row.verification['proof'])
}

/** Renderers never name a path. */
const idOf = ({ modelId, format, path }: Pick<Export, 'modelId' | 'format' | 'path'>): string => `export-${createHash('sha256').update(JSON.stringify([modelId, format, path])).digest('hex').slice(0, 16)}`

function rowOf(project: Project, row: Export): ExportRow {
  const { state, choice, bytes, proof } = row.verification as { state: ExportRow['state']; choice: ExportChoice; bytes: number; proof: Proof }
  return { id: idOf(row), model: modelName(row.modelId), choice: ExportChoice.parse(choice), path: linkIn(project, row.path), bytes, sha256: row.sha256, state, maxLogitDelta: proof.maxLogitDelta, bound: proof.bound, createdAt: row.createdAt }
}

/** From SFT to the model, along the iterations that made it. */
export async function lineageOf(project: Project, run: Run, model: Model): Promise<Lineage> {
  const { db, folder } = project
  const made = iterationsOf(db, run.id).find(({ producedModelId }) => producedModelId === model.id)
  const path = made ? pathTo(db, made.id) : []
  const rounds: LineageRound[] = []
  for (const iteration of path) rounds.push(await roundOf(project, iteration))
  const names = new Set(['M0', ...rounds.map(({ makes }) => makes)])
  return {
    project: nameOf(folder), runId: run.id, seed: run.seed, base: { name: modelTitle(run.basePath), sha256: run.baseSha256 }, rounds,
    figures: reportModels(db, run.id).filter((figures) => names.has(figures.model) || names.has(modelName(`${run.id}.${figures.model}`))),
  }
}

async function roundOf(project: Project, iteration: Iteration): Promise<LineageRound> {
  const { db } = project
  const { id, t, producedModelId } = iteration
  const gate = t === 0 ? null : gateDecision(db, iteration)
  const training = stagesWithShared(db, iteration).find(({ stage }) => stage === (t === 0 ? 'tune' : 'train'))
  const steps = training ? trainingStepsOf(db, training.id) : []
  const lossOf = (at: number): number | null => steps.at(at)?.metrics['loss'] ?? null
  return {
    iterationId: id, t, makes: modelName(producedModelId!), sha256: modelOf(db, producedModelId!)!.sha256, config: runIn(db, iteration).config,
    judged: t === 0 ? null : judgedBy(db, iteration), gate, labels: gate && labelCounts(db, gate.id), trainedC: gate && trainedWith(db, gate),
    audit: await auditOf(project, iteration), training: steps.length === 0 ? null : { steps: steps.length, firstLoss: lossOf(0), lastLoss: lossOf(-1) },
  }
}

function trainedWith(db: Database, { id }: Gate): number | null {
  const known = labelsOf(db, id).flatMap(({ consistency }) => (consistency === null ? [] : [consistency]))
  return known.length === 0 ? null : known.reduce((sum, c) => sum + c, 0) / known.length
}

/** Rankings are read only where people have judged them. */
async function auditOf(project: Project, { id, t }: Iteration): Promise<LineageRound['audit']> {
  return t === 0 || auditsOfRound(project.db, id).length === 0 ? null : askAside(project, 'closedReport', { iterationId: id })
}
