/** From a preset, a file and flags to one checked configuration: preset < file < flags. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RunConfig, type RunConfigInput } from '../../preload/contract/config.ts'
import { AppError } from '../../preload/contract/errors.ts'

/** `demo` and `ci` bring the bundled model and data; `desktop` (LoRA on one machine) and `paper` (METHOD §5) only settings. */
export const presets = ['demo', 'ci', 'desktop', 'paper'] as const
export type Preset = (typeof presets)[number]

type Partially<T> = T extends readonly unknown[] ? T : T extends object ? { [Key in keyof T]?: Partially<T[Key]> | undefined } : T
/** What flags say; `undefined` says nothing. */
export type ConfigOverrides = Partially<RunConfigInput>

export interface ConfigSources {
  readonly preset?: Preset | undefined
  /** A JSON file; its relative paths are relative to its folder. */
  readonly file?: string | undefined
  /** Relative paths are relative to the working directory. */
  readonly overrides?: ConfigOverrides | undefined
}

type Json = Readonly<Record<string, unknown>>

/** One source: what it is called in a sentence, what it says, and the folder of its relative paths. */
interface Layer {
  readonly name: string
  readonly value: Json
  readonly folder: string
}

/**
 * Loads and checks a run's configuration; every path in it becomes absolute.
 * @throws AppError 'bad-config': one sentence that names the source, the key and what is expected there
 */
export function loadConfig({ preset, file, overrides }: ConfigSources): RunConfig {
  const layers: Layer[] = []
  if (preset !== undefined) {
    const path = fileURLToPath(new URL(`./presets/${preset}.json`, import.meta.url))
    layers.push({ name: `preset ${preset}`, value: readObject(path), folder: dirname(path) })
  }
  if (file !== undefined) layers.push({ name: file, value: readObject(file), folder: dirname(resolve(file)) })
  if (overrides !== undefined) layers.push({ name: 'the command line', value: withoutUndefined(overrides), folder: process.cwd() })
  if (layers.length === 0) throw new AppError('bad-config', `No configuration is given; name a preset (${presets.join(', ')}) or a file.`)

  const merged = layers.map(withAbsolutePaths).reduce<Json>(merge, {})
  const parsed = RunConfig.safeParse(merged)
  if (!parsed.success) throw new AppError('bad-config', describeIssues(parsed.error.issues, merged, layers), parsed.error)
  return parsed.data
}

function readObject(path: string): Json {
  const refuse = (fault: string, cause?: unknown): never => {
    throw new AppError('bad-config', `The configuration ${path} ${fault}.`, cause)
  }
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''))
  } catch (error) {
    if (error instanceof SyntaxError) return refuse(`is not valid JSON (${error.message.slice(0, 100)}); repair it`, error)
    const { code, message } = error as NodeJS.ErrnoException
    return refuse(code === 'ENOENT' || code === 'ENOTDIR' ? 'does not exist; check the path' : `cannot be read (${code ?? message}); check that it is a file and may be read`, error)
  }
  return isObject(value) ? value : refuse('should hold one JSON object')
}

/** Every place in a configuration that names a file or folder. */
function withAbsolutePaths({ value, folder }: Layer): Json {
  const absolute = (path: unknown): unknown => (typeof path === 'string' && path !== '' ? resolve(folder, path) : path)
  const { model, data, oracle } = value
  return {
    ...value,
    ...('model' in value && { model: absolute(model) }),
    ...(isObject(data) && {
      data: {
        ...data,
        ...('sft' in data && { sft: absolute(data['sft']) }),
        ...('prompts' in data && { prompts: absolute(data['prompts']) }),
        ...(Array.isArray(data['evaluation']) && { evaluation: data['evaluation'].map((task: unknown) => (isObject(task) && 'file' in task ? { ...task, file: absolute(task['file']) } : task)) }),
      },
    }),
    ...(isObject(oracle) && 'rewards' in oracle && { oracle: { ...oracle, rewards: oracle['rewards'] === 'answers' ? 'answers' : absolute(oracle['rewards']) } }),
  }
}

/** Objects are merged key by key, everything else is replaced; an object of another `kind` is another thing. */
function merge(under: Json, over: Json): Json {
  const merged: Record<string, unknown> = { ...under }
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key]
    const mergeable = isObject(below) && isObject(value) && (value['kind'] === undefined || value['kind'] === below['kind'])
    merged[key] = mergeable ? merge(below, value) : value
  }
  return merged
}

function withoutUndefined(value: object): Json {
  return Object.fromEntries(Object.entries(value).flatMap(([key, one]) => (one === undefined ? [] : [[key, isObject(one) ? withoutUndefined(one) : one]])))
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** zod's, without importing zod: the schema is the contract's. */
type Issue = NonNullable<ReturnType<typeof RunConfig.safeParse>['error']>['issues'][number]

/** The first fault with its source and key; "and 2 more" behind it. */
function describeIssues(issues: readonly Issue[], merged: unknown, layers: readonly Layer[]): string {
  const first = issues[0]!
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : ''
  if (first.code === 'unrecognized_keys') {
    const names = first.keys.map((key) => [...first.path, key].join('.'))
    const { name } = sourceOf([...first.path, first.keys[0]!], layers) ?? layers.at(-1)!
    return `${name} has ${names.length === 1 ? 'the unknown key' : 'the unknown keys'} ${names.join(', ')}${more}; "creamery schema" prints what is known.`
  }
  const key = first.path.join('.')
  const value = valueAt(merged, first.path)
  if (value === undefined) {
    const sources = layers.map(({ name }) => name)
    return `The configuration (${sources.join(', ')}) says nothing of ${key}, which should be ${expectation(first)}${more}; add it to a configuration file${key === 'model' ? ' or use --model' : ''}.`
  }
  const { name } = sourceOf(first.path, layers) ?? layers.at(-1)!
  return `${name}: ${key} should be ${expectation(first)}, not ${show(value)}${more}.`
}

/** The last layer that says something there: it is the one that counts. */
function sourceOf(path: readonly PropertyKey[], layers: readonly Layer[]): Layer | undefined {
  return layers.findLast(({ value }) => valueAt(value, path) !== undefined)
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (at !== null && typeof at === 'object' ? (at as Record<PropertyKey, unknown>)[key] : undefined), value)
}

/** Completes "should be …". */
function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type': return kinds[issue.expected] ?? `a ${issue.expected}`
    case 'invalid_value': return issue.values.length === 1 ? show(issue.values[0]) : `one of ${issue.values.map(show).join(', ')}`
    case 'too_small': return sized(issue.origin, issue.inclusive === false ? `above ${issue.minimum}` : `of at least ${issue.minimum}`, issue.minimum)
    case 'too_big': return sized(issue.origin, issue.inclusive === false ? `below ${issue.maximum}` : `of at most ${issue.maximum}`, issue.maximum)
    case 'invalid_union': return unionOf(issue)
    default: return `valid (${issue.message})`
  }
}

const kinds: Readonly<Record<string, string>> = { int: 'a whole number', number: 'a number', string: 'a text', boolean: 'true or false', object: 'an object', array: 'a list' }

function sized(origin: string, limit: string, bound: number | bigint): string {
  switch (origin) {
    case 'string': return bound === 1 ? 'a text that is not empty' : `a text ${limit} characters`
    case 'array': return bound === 1 ? 'a list that is not empty' : `a list ${limit} entries`
    case 'int': return `a whole number ${limit}`
    default: return `a number ${limit}`
  }
}

function unionOf(issue: Extract<Issue, { code: 'invalid_union' }>): string {
  const branches = [...new Set(issue.errors.map(([first]) => (first ? expectation(first) : '')))].filter(Boolean)
  if (branches.length > 0) return branches.join(' or ')
  const options = 'options' in issue && Array.isArray(issue.options) ? (issue.options as unknown[]) : []
  return options.length > 0 ? `one of ${options.map(show).join(', ')}` : `valid (${issue.message})`
}

function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  return isObject(value) ? 'an object' : (JSON.stringify(value) ?? String(value)).slice(0, 100)
}
