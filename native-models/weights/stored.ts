import { join } from 'node:path'
import { sizeOf } from '../onnx/types.ts'
import { parseConfig, type ModelConfig } from './config.ts'
import { listNames, ModelError } from './error.ts'
import { readJson, type JsonObject } from './files.ts'
import { CONFIG_FILE, GENERATION_FILE, INDEX_FILE, listFolder, locateWeights } from './layout.ts'
import { openSafetensors, type Safetensors } from './safetensors.ts'
import { EMBEDDING, HEAD, type StoredTensor } from './tensors.ts'

/** Numbers compared at a time. */
const COMPARED_ELEMENTS = 2 ** 20

/** The open weight files of a folder and all their tensors by stored name. */
export type StoredWeights = {
  files: ReadonlyMap<string, Safetensors>
  tensors: ReadonlyMap<string, StoredTensor>
  metadata: Readonly<Record<string, string>>
}

/** `config.json` and, where there is one, `generation_config.json`. @throws ModelError */
export function readConfig(folder: string): { config: ModelConfig; configJson: JsonObject } {
  const names = listFolder(folder)
  const path = join(folder, CONFIG_FILE)
  const configJson = readJson(path)
  const generation = names.includes(GENERATION_FILE) ? readJson(join(folder, GENERATION_FILE)) : undefined
  return { configJson, config: parseConfig(configJson, path, generation) }
}

/** Opens all weight files of a folder and holds them against their index. Close the files when done. @throws ModelError */
export function openWeights(folder: string): StoredWeights {
  const layout = locateWeights(folder)
  const files = new Map<string, Safetensors>()
  try {
    for (const name of layout.files) files.set(name, openSafetensors(join(folder, name)))
    const tensors = new Map<string, StoredTensor>()
    for (const [file, content] of files) {
      for (const [name, { dtype, shape }] of content.tensors) {
        const place = layout.weightMap?.get(name) ?? file // the index decides where a name lies twice
        if (place === file) tensors.set(name, { file, storedAs: name, dtype, shape })
      }
    }
    const absent = [...(layout.weightMap?.keys() ?? [])].filter((name) => !tensors.has(name))
    if (absent.length > 0) {
      throw new ModelError(`${folder}: ${INDEX_FILE} promises tensors that their files do not hold (${listNames(absent)}); download the files again.`)
    }
    const metadata = Object.fromEntries([...files.values()].flatMap((content) => Object.entries(content.metadata)))
    return { files, tensors, metadata }
  } catch (error) {
    closeFiles(files)
    throw error
  }
}

export function closeFiles(files: ReadonlyMap<string, Safetensors>): void {
  for (const file of files.values()) file.close()
}

/**
 * Of a tied model that stores embedding and head both: transformers' versions disagree on which one wins, so they must
 * hold the same numbers. @throws ModelError
 */
export function checkTiedHead(folder: string, { files, tensors }: StoredWeights): void {
  const [embedding, head] = [EMBEDDING, HEAD].map((name) => ({ name, file: files.get(tensors.get(name)!.file)!, elements: sizeOf(tensors.get(name)!.shape) })) as [Whole, Whole]
  const bytesAt = ({ name, file }: Whole, from: number, to: number): Uint8Array => new Uint8Array(file.readFloats(name, [from, to]).buffer)
  let isSame = embedding.elements === head.elements
  for (let from = 0; isSame && from < head.elements; from += COMPARED_ELEMENTS) {
    const to = Math.min(head.elements, from + COMPARED_ELEMENTS)
    isSame = Buffer.compare(bytesAt(embedding, from, to), bytesAt(head, from, to)) === 0
  }
  if (isSame) return
  throw new ModelError(
    `${folder}: config.json says that the head is the embedding, but ${HEAD} differs from ${EMBEDDING}; ` +
      'set "tie_word_embeddings" to false or remove one of them.',
  )
}

interface Whole {
  readonly name: string
  readonly file: Safetensors
  readonly elements: number
}
