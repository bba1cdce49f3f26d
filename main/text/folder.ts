/** What a Hugging Face model folder says about text (FORMATS "Models in"): tokenizer, special tokens, end tokens, chat template. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import { parseInPieces } from './json-pieces.ts'

export type Json = Record<string, unknown>

/** The named special tokens, as text; null where the folder names none. */
export interface SpecialTokens {
  bos_token: string | null
  eos_token: string | null
  unk_token: string | null
  pad_token: string | null
}

export interface TextFiles {
  folder: string
  tokenizer: Json
  tokenizerConfig: Json
  specials: SpecialTokens
  /** `eos_token_id` of generation_config.json, else of config.json; empty when neither names one. */
  eosTokenIds: number[]
  template: string | null
  /** sha256 of tokenizer.json, and of the template's text: keys of everything computed from tokens. */
  tokenizerHash: string
  templateHash: string | null
}

/**
 * Reads the text side of a model folder; `alive` is called between the steps.
 * @throws AppError('bad-text') when tokenizer.json is missing or a file is not JSON of the expected form.
 */
export function readTextFiles(folder: string, alive = (): void => undefined): TextFiles {
  const tokenizerPath = join(folder, 'tokenizer.json')
  if (!existsSync(tokenizerPath)) {
    throw new AppError('bad-text', `${folder} has no tokenizer.json. Save the tokenizer in its fast form first: AutoTokenizer.from_pretrained(<model>).save_pretrained(<folder>).`)
  }
  const bytes = read(tokenizerPath)
  const tokenizerHash = sha256(bytes)
  const text = bytes.toString('utf8')
  alive()
  const tokenizer = parseObject(text, tokenizerPath, alive)
  const tokenizerConfig = readObject(folder, 'tokenizer_config.json') ?? {}
  const template = findTemplate(folder, tokenizerConfig)
  return {
    folder,
    tokenizer,
    tokenizerConfig,
    specials: findSpecials(tokenizerConfig, readObject(folder, 'special_tokens_map.json') ?? {}),
    eosTokenIds: findEosIds(folder),
    template,
    tokenizerHash,
    templateHash: template === null ? null : sha256(template),
  }
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')

/** Four times the largest there is. */
const largestFile = 2 ** 27

/** A file of a size that it may have: a device or a pipe would be read for ever. */
function read(path: string): Buffer {
  const file = statSync(path)
  if (!file.isFile()) throw new AppError('bad-text', `${path} is not a file. Download or save the model folder again.`)
  if (file.size > largestFile) throw new AppError('bad-text', `${path} has ${file.size} bytes, more than the ${largestFile} such a file may have. Check that it is the right file.`)
  return readFileSync(path)
}

function readObject(folder: string, name: string): Json | null {
  const path = join(folder, name)
  return existsSync(path) ? parseObject(read(path).toString('utf8'), path) : null
}

function parseObject(text: string, path: string, alive = (): void => undefined): Json {
  let value: unknown
  try {
    value = parseInPieces(text, alive)
  } catch (cause) {
    throw new AppError('bad-text', `${path} is not valid JSON. Download or save the model folder again.`, cause)
  }
  if (!isObject(value)) throw new AppError('bad-text', `${path} should hold one JSON object.`)
  return value
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A special token is written as its text or as an AddedToken object {content, …}. */
function tokenText(value: unknown): string | null {
  if (typeof value === 'string') return value
  return isObject(value) && typeof value.content === 'string' ? value.content : null
}

function findSpecials(config: Json, map: Json): SpecialTokens {
  const named = (name: string): string | null => tokenText(config[name]) ?? tokenText(map[name])
  return { bos_token: named('bos_token'), eos_token: named('eos_token'), unk_token: named('unk_token'), pad_token: named('pad_token') }
}

function findEosIds(folder: string): number[] {
  for (const name of ['generation_config.json', 'config.json']) {
    const value = readObject(folder, name)?.eos_token_id
    if (value === undefined || value === null) continue
    const ids: unknown[] = Array.isArray(value) ? value : [value]
    if (!ids.every((id): id is number => Number.isInteger(id))) {
      throw new AppError('bad-text', `eos_token_id in ${join(folder, name)} should be a token id or a list of token ids.`)
    }
    return ids
  }
  return []
}

/** chat_template.jinja, then chat_template.json, then tokenizer_config.json, as transformers looks for them. */
function findTemplate(folder: string, config: Json): string | null {
  const path = join(folder, 'chat_template.jinja')
  if (existsSync(path)) return read(path).toString('utf8')
  const stored = readObject(folder, 'chat_template.json')?.chat_template ?? config.chat_template
  if (stored === undefined || stored === null) return null
  if (typeof stored === 'string') return stored
  const named = Array.isArray(stored) ? stored.filter(isObject) : []
  const chosen = named.find((entry) => entry.name === 'default') ?? (named.length === 1 ? named[0] : undefined)
  if (typeof chosen?.template === 'string') return chosen.template
  throw new AppError('bad-text', `${folder} has several chat templates and none is called "default". Put the one to use into chat_template.jinja.`)
}
