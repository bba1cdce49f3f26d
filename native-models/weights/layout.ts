import { closeSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { listNames, ModelError, quote, show } from './error.ts'
import { openFile, readJson } from './files.ts'

export const CONFIG_FILE = 'config.json'
export const GENERATION_FILE = 'generation_config.json'
export const WEIGHTS_FILE = 'model.safetensors'
export const INDEX_FILE = 'model.safetensors.index.json'
export const ADAPTER_CONFIG_FILE = 'adapter_config.json'
export const ADAPTER_WEIGHTS_FILE = 'adapter_model.safetensors'
export const TOKENIZER_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
] as const

/** What a model's licence and story are in; they go where it goes. */
export const isAccompanying = (name: string): boolean => /^(licen[cs]e|notice|readme|copying)[^/\\]*$/i.test(name)

/** Which files of a folder hold the weights; `weightMap` (tensor → file) where they are sharded. */
export type WeightLayout = { files: readonly string[]; weightMap: ReadonlyMap<string, string> | null }

/** The names in a folder, sorted. @throws ModelError when it is no readable folder */
export function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const what = code === 'ENOENT' ? 'does not exist' : code === 'ENOTDIR' ? 'is not a folder' : `cannot be read (${code})`
    throw new ModelError(`${folder} ${what}; choose the folder that holds the model's config.json.`, error)
  }
}

/**
 * Finds the weight files: `model.safetensors`, else the shards of `model.safetensors.index.json` (transformers' order), else
 * the only safetensors file under whatever name. Pickles and bare adapters are refused with what to do instead.
 * @throws ModelError
 */
export function locateWeights(folder: string): WeightLayout {
  const names = listFolder(folder)
  if (names.includes(WEIGHTS_FILE)) return { files: [WEIGHTS_FILE], weightMap: null }
  if (names.includes(INDEX_FILE)) return readIndex(folder, names)
  const others = names.filter((name) => name.endsWith('.safetensors') && name !== ADAPTER_WEIGHTS_FILE)
  if (others.length === 1) return { files: others, weightMap: null }
  if (others.length > 1) throw new ModelError(`${folder} holds ${others.length} safetensors files (${listNames(others)}) and no ${INDEX_FILE} that says which tensor is where; download that file too.`)
  if (names.includes(ADAPTER_CONFIG_FILE)) {
    throw new ModelError(`${folder} holds a PEFT adapter and no model; open its base model first, then add the adapter.`)
  }
  const pickles = names.filter(isPickle)
  if (pickles.length > 0) {
    throw new ModelError(
      `${folder} holds its weights only as pickles (${listNames(pickles)}), which can run code when opened and are never loaded; ` +
        'convert them on a machine you trust: python -c "from transformers import AutoModelForCausalLM as M; ' +
        `M.from_pretrained('FOLDER').save_pretrained('NEW_FOLDER', safe_serialization=True)".`,
    )
  }
  throw new ModelError(`${folder} holds neither ${WEIGHTS_FILE} nor ${INDEX_FILE}; download the weights in safetensors form.`)
}

/** The files that make a folder this model, by name, with their sizes. @throws ModelError when one is no readable file of a person's own */
export function modelFiles(folder: string): { name: string; bytes: number }[] {
  const weights = locateWeights(folder)
  const wanted = new Set<string>([CONFIG_FILE, GENERATION_FILE, ...TOKENIZER_FILES, ...weights.files])
  if (weights.weightMap) wanted.add(INDEX_FILE)
  return listFolder(folder).filter((name) => wanted.has(name)).map((name) => {
    const { fd, bytes } = openFile(join(folder, name))
    closeSync(fd)
    return { name, bytes }
  })
}

export function isPickle(name: string): boolean {
  return /\.(bin|pt|pth|ckpt|pkl)$/i.test(name)
}

function readIndex(folder: string, names: readonly string[]): WeightLayout {
  const path = join(folder, INDEX_FILE)
  const map = readJson(path).weight_map
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw new ModelError(`${path} has no weight_map; download it again.`)
  }
  const weightMap = new Map<string, string>()
  for (const [tensor, file] of Object.entries(map)) {
    // a shard is a plain name in the same folder: an index must not reach other files
    if (typeof file !== 'string' || !/^[^/\\:]+\.safetensors$/.test(file)) {
      throw new ModelError(`${path} places tensor ${quote(tensor)} in ${show(file)}, which is no safetensors file of its folder; download it again.`)
    }
    weightMap.set(tensor, file)
  }
  const files = [...new Set(weightMap.values())].sort()
  const absent = files.filter((file) => !names.includes(file))
  if (files.length === 0) throw new ModelError(`${path} lists no tensor; download it again.`)
  if (absent.length > 0) throw new ModelError(`${folder} lacks ${absent.length} of its ${files.length} weight files (${listNames(absent)}); finish the download.`)
  return { files, weightMap }
}
