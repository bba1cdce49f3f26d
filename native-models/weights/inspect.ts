import { join } from 'node:path'
import { architectureOf } from './config.ts'
import { ModelError } from './error.ts'
import { readJson } from './files.ts'
import { ADAPTER_CONFIG_FILE, CONFIG_FILE, INDEX_FILE, isPickle, listFolder, WEIGHTS_FILE } from './layout.ts'
import { checkTiedHead, closeFiles, openWeights, readConfig, type StoredWeights } from './stored.ts'
import { describeMismatch, matchTensors } from './tensors.ts'

/** What a folder holds, for a person to see before anything is imported. */
export type CheckpointCard = {
  format: 'safetensors' | 'safetensors shards' | 'pickle' | 'adapter' | 'none'
  /** The class name in `config.json`, e.g. "LlamaForCausalLM". */
  architecture: string | null
  /** `openCheckpoint` will accept the folder. */
  supported: boolean
  /** Stored elements of all tensors; a tied head counts once. */
  parameters: number | null
  /** E.g. "BF16", or "BF16, F32" where they are mixed. */
  dtype: string | null
  /** Tokens the positions reach. */
  context: number | null
  /** Tensors that the architecture needs and the files lack. */
  missing: string[]
  /** Sentences that keep the folder from being opened; empty when `supported`. */
  problems: string[]
  /** Sentences worth knowing that do not. */
  warnings: string[]
}

/** Describes a folder without changing it and reads headers only. Whatever is wrong with the folder lands in the card. */
export function inspectCheckpoint(folder: string): CheckpointCard {
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
  const warnings: string[] = []
  let missing: string[] = []
  try {
    if (config && weights) {
      const match = matchTensors(config, weights.tensors, weights.metadata)
      missing = match.missing
      problems.push(...describeMismatch(match).map((fault) => `The weights do not fit config.json: ${fault}.`))
      if (match.hasBothTied && match.wrong.length === 0) attempt(() => checkTiedHead(folder, weights))
    }
    if (config?.eosIds.length === 0) warnings.push('The config names no end-of-text token: every response would end by length.')
    if (names?.some(isPickle) && weights) warnings.push('The folder also holds pickles; they are ignored.')
    return {
      format: formatOf(names ?? []),
      architecture: json ? architectureOf(json) : null,
      supported: problems.length === 0,
      parameters: weights ? countParameters(weights) : null,
      dtype: weights ? describeDtypes(weights) : null,
      context: config?.maxPositions ?? null,
      missing,
      problems,
      warnings,
    }
  } finally {
    if (weights) closeFiles(weights.files)
  }
}

function formatOf(names: readonly string[]): CheckpointCard['format'] {
  if (names.includes(WEIGHTS_FILE)) return 'safetensors'
  if (names.includes(INDEX_FILE)) return 'safetensors shards'
  if (names.includes(ADAPTER_CONFIG_FILE)) return 'adapter'
  return names.some(isPickle) ? 'pickle' : 'none'
}

function countParameters({ tensors }: StoredWeights): number {
  let parameters = 0
  for (const { shape } of tensors.values()) parameters += shape.reduce((product, size) => product * size, 1)
  return parameters
}

function describeDtypes({ tensors }: StoredWeights): string {
  return [...new Set([...tensors.values()].map((tensor) => tensor.dtype))].sort().join(', ')
}
