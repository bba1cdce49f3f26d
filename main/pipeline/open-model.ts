/** Where a model's two halves meet: weights that the engine runs, and the text side that the sandbox runs. */
import { basename } from 'node:path'
import { closeCheckpoint, openCheckpoint } from '../../native-models/weights/checkpoint.ts'
import type { ModelConfig } from '../../native-models/weights/config.ts'
import { ModelError } from '../../native-models/weights/error.ts'
import { hashCheckpoint } from '../../native-models/weights/hash.ts'
import { inspectCheckpoint } from '../../native-models/weights/inspect.ts'
import { locateModel } from '../../native-models/weights/place.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { ModelCard } from '../../preload/contract/requests/place.ts'
import type { EngineHost } from '../engine/host.ts'
import type { ModelRef, Place } from '../engine/protocol.ts'
import type { Sandbox, SandboxText } from '../sandbox/host.ts'
import { tryText } from './try-text.ts'
import { requireWeights } from './weights.ts'

export interface OpenedModel {
  readonly config: ModelConfig
  readonly text: SandboxText
}

/**
 * Opens a Hugging Face folder for text: checks its headers against its config, and its tokenizer against its vocabulary.
 * Reads no weights: `proveModel` does.
 * @throws AppError 'bad-model' or 'bad-text', with the reader's sentence
 */
export async function openModel(sandbox: Sandbox, folder: string): Promise<OpenedModel> {
  await sandbox.inspectModel(folder, null) // headers that take all memory or time end there, not here
  const config = checkModel(folder)
  const text = await sandbox.openText(folder)
  const { vocabSize } = text.info
  if (vocabSize > config.vocabSize) {
    await text.close()
    throw new AppError('bad-model', tooManyTokens(folder, vocabSize, config.vocabSize))
  }
  return { config, text }
}

/** The checks of `openModel` without the text side, for work on token ids. @throws AppError 'bad-model' */
export function checkModel(folder: string): ModelConfig {
  return explaining(() => {
    const checkpoint = openCheckpoint(folder)
    closeCheckpoint(checkpoint)
    return checkpoint.config
  })
}

/**
 * Loads a model (and its adapter) into the engine, where every weight is checked, and runs it once: what a run does
 * before it writes anything. The engine keeps the weights, so nothing is read twice.
 * @throws AppError 'bad-model', or 'device-unavailable' with the device's own reason
 */
export async function proveModel(engine: EngineHost, ref: ModelRef, place: Place, signal?: AbortSignal): Promise<void> {
  await requireDevice(engine, place)
  const sequences = [{ promptIds: Int32Array.of(0), completionIds: Int32Array.of(0) }]
  const { perTokenLogps } = await engine.call('score', { ...place, models: [ref], sequences, shape: { rows: 1, length: 16, positions: 16 } }, { signal })
  const logp = perTokenLogps[0]![0]![0]!
  if (!Number.isFinite(logp)) throw new AppError('bad-model', `${ref.adapter ?? ref.folder} computes ${logp} as a log-probability; the model is damaged or diverged, use another copy.`)
}

/** The engine never falls back to another device or other weights by itself. @throws AppError 'device-unavailable', 'bad-config' */
export async function requireDevice(engine: EngineHost, place: Pick<Place, 'device' | 'weights'>): Promise<void> {
  const { device, weights } = place
  requireWeights(place)
  if (device === 'cpu') return
  const report = (await engine.call('probe', {})).find((one) => one.device === device)
  const reason = report ? (report.reason ?? (weights === 'fp16' ? report.fp16 : null)) : `This engine knows no device ${device}.`
  if (reason !== null) throw new AppError('device-unavailable', reason)
}

/** What a folder holds, for a person: its headers, and how tokenizer and template do. Whatever is wrong with it lands in the card. */
export async function inspectModel(sandbox: Sandbox, path: string, adapter: string | null = null): Promise<ModelCard> {
  const folder = explaining(() => locateModel(path))
  const { vocabulary: rows, adapter: found, ...card } = await sandbox.inspectModel(folder, adapter && explaining(() => locateModel(adapter)))
  const { problems, warnings, vocabulary, ...text } = await tryText(sandbox, folder)
  if (rows !== null && vocabulary !== null && vocabulary > rows) problems.push(tooManyTokens(folder, vocabulary, rows))
  const all = [...card.problems, ...problems]
  return {
    name: basename(folder), ...card, ...text, vocabulary,
    adapter: found && { name: basename(adapter!), ...found, targets: found.targets && [...found.targets] },
    supported: all.length === 0, problems: all, warnings: [...card.warnings, ...warnings],
  }
}

const tooManyTokens = (folder: string, tokens: number, rows: number): string =>
  `The tokenizer of ${folder} has token ids up to ${tokens - 1}, but the model's vocabulary ends at ${rows - 1}; put the tokenizer and the weights of one model into the folder.`

export interface ModelReport {
  /** As `hashCheckpoint`; null when the folder cannot be used. */
  readonly sha256: string | null
  /** Sentences that keep it from being used. */
  readonly problems: readonly string[]
}

/** What is wrong with a model folder, if anything; never throws for the folder's sake. */
export async function reportModel(folder: string): Promise<ModelReport> {
  const { problems } = inspectCheckpoint(folder)
  return { sha256: problems.length === 0 ? (await hashCheckpoint(folder)).sha256 : null, problems }
}

/** @throws AppError 'bad-model' with the reader's sentence */
function explaining<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw explained(error)
  }
}

export const explained = (error: unknown): unknown => (error instanceof ModelError ? new AppError('bad-model', error.message, error) : error)
