import { join } from 'node:path'
import { sizeOf } from '../onnx/types.ts'
import { readAdapter } from './adapter.ts'
import { architectureOf, type ModelConfig } from './config.ts'
import { ModelError } from './error.ts'
import { readJson } from './files.ts'
import { ADAPTER_CONFIG_FILE, CONFIG_FILE, INDEX_FILE, isPickle, listFolder, modelFiles, WEIGHTS_FILE } from './layout.ts'
import { checkTiedHead, closeFiles, openWeights, readConfig, type StoredWeights } from './stored.ts'
import { describeMismatch, matchTensors } from './tensors.ts'

/** What a folder holds, for a person to see before anything is imported. */
export type CheckpointCard = {
  format: 'safetensors' | 'safetensors shards' | 'pickle' | 'adapter' | 'none'
  /** The class name in `config.json`, e.g. "LlamaForCausalLM". */
  architecture: string | null
  /** `openCheckpoint` will accept the folder, and `readAdapter` the adapter. */
  supported: boolean
  /** Stored elements of all tensors; a tied head counts once. */
  parameters: number | null
  /** E.g. "BF16", or "BF16, F32" where they are mixed. */
  dtype: string | null
  /** Tokens the positions reach. */
  context: number | null
  /** Rows of the embedding: token ids that the model knows. */
  vocabulary: number | null
  /** Of the files that make it this model. */
  bytes: number | null
  /** Tensors that the architecture needs and the files lack. */
  missing: string[]
  adapter: AdapterCard | null
  /** Sentences that keep the folder from being opened; empty when `supported`. */
  problems: string[]
  /** Sentences worth knowing that do not. */
  warnings: string[]
}

export type AdapterCard = { rank: number; alpha: number; targets: readonly string[] | null; modules: number; base: string | null }

/** WebGPU's buffers end here where nobody asked the adapter for more. */
const GPU_BUFFER_BYTES = 512 * 2 ** 20

/**
 * Describes a folder without changing it and reads headers only (of an adapter on top of it, everything). Whatever is wrong
 * lands in the card.
 */
export function inspectCheckpoint(folder: string, adapterFolder: string | null = null): CheckpointCard {
  const problems: string[] = []
  const attempt = <T>(step: () => T): T | undefined => {
    try {
      return step()
    } catch (error) {
      if (!(error instanceof ModelError)) throw error
      if (!problems.includes(error.message)) problems.push(error.message)
      return undefined
    }
  }

  const names = attempt(() => listFolder(folder))
  const json = names && attempt(() => readJson(join(folder, CONFIG_FILE)))
  const config = json && attempt(() => readConfig(folder).config)
  const weights = names && attempt(() => openWeights(folder))
  const files = weights && attempt(() => modelFiles(folder))
  const warnings: string[] = []
  let missing: string[] = []
  try {
    if (config && weights) {
      const match = matchTensors(config, weights.tensors, weights.metadata)
      missing = match.missing
      problems.push(...describeMismatch(match).map((fault) => `The weights do not fit config.json: ${fault}.`))
      if (match.hasBothTied && match.wrong.length === 0) attempt(() => checkTiedHead(folder, weights))
    }
    const adapter = config && adapterFolder !== null ? attempt(() => describeAdapter(adapterFolder, config)) : null
    if (config) warnings.push(...warningsOf(config))
    if (names?.some(isPickle) && weights) warnings.push('The folder also holds pickles; they are ignored.')
    return {
      format: formatOf(names ?? []),
      architecture: json ? architectureOf(json) : null,
      supported: problems.length === 0,
      parameters: weights ? countParameters(weights) : null,
      dtype: weights ? describeDtypes(weights) : null,
      context: config?.maxPositions ?? null,
      vocabulary: config?.vocabSize ?? null,
      bytes: files ? files.reduce((sum, { bytes }) => sum + bytes, 0) : null,
      missing,
      adapter: adapter ?? null,
      problems,
      warnings,
    }
  } finally {
    if (weights) closeFiles(weights.files)
  }
}

function describeAdapter(folder: string, config: ModelConfig): AdapterCard {
  const { config: { rank, alpha, targets, base }, modules } = readAdapter(folder, config)
  return { rank, alpha, targets, modules: modules.size, base }
}

function warningsOf({ eosIds, vocabSize, hiddenSize }: ModelConfig): string[] {
  const warnings: string[] = []
  if (eosIds.length === 0) warnings.push('The config names no end-of-text token: every response would end by length.')
  const embeddingBytes = 4 * vocabSize * hiddenSize
  if (embeddingBytes > GPU_BUFFER_BYTES) {
    warnings.push(`Its embedding takes ${Math.round(embeddingBytes / 2 ** 20)} MB in one piece, more than WebGPU's buffers of ${GPU_BUFFER_BYTES / 2 ** 20} MB hold: compute on the CPU.`)
  }
  return warnings
}

function formatOf(names: readonly string[]): CheckpointCard['format'] {
  if (names.includes(WEIGHTS_FILE)) return 'safetensors'
  if (names.includes(INDEX_FILE)) return 'safetensors shards'
  if (names.includes(ADAPTER_CONFIG_FILE)) return 'adapter'
  if (names.some((name) => name.endsWith('.safetensors'))) return 'safetensors'
  return names.some(isPickle) ? 'pickle' : 'none'
}

const countParameters = ({ tensors }: StoredWeights): number => [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0)

const describeDtypes = ({ tensors }: StoredWeights): string => [...new Set([...tensors.values()].map(({ dtype }) => dtype))].sort().join(', ')
