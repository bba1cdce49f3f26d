/**
 * The intermediate files of CREAM's reference code, as it writes them (json.dump with indent 4, ASCII, floats as Python's repr),
 * read and written: what was read is written back byte for byte. Its three kinds are keyed by the prompt's uuid:
 * sampling {prompt, responses[]}, rewarding {prompt, response[], score[], ref_score[], reward[]}, DPO {prompt, selected, rejected, consistency}.
 */
import type { Message } from '../../../preload/contract/domain.ts'
import { AppError } from '../../../preload/contract/errors.ts'

/** The reference code keeps a prompt as messages; its scripts also pass a plain text through. */
export type CreamPrompt = string | readonly Message[]
/** A sampled text, or (behind rewarding) the whole conversation with it. */
export type CreamResponse = string | readonly Message[]

export interface CreamSampling {
  readonly prompt: CreamPrompt
  readonly responses: readonly string[]
}

/** Lists are aligned; null where a response was not scored. Without a reference model `ref_score` is 0 and `reward` the score. */
export interface CreamRewarding {
  readonly prompt: CreamPrompt
  readonly response: readonly (CreamResponse | null)[]
  readonly score: readonly (number | null)[]
  readonly ref_score: readonly (number | null)[]
  readonly reward: readonly (number | null)[]
}

export interface CreamPair {
  readonly prompt: CreamPrompt
  readonly selected: CreamResponse
  readonly rejected: CreamResponse
  /** Null takes the mean of the others when it is trained. */
  readonly consistency: number | null
}

/** By uuid, in the file's order (a plain object would put uuids that look like numbers first). */
export type CreamFile =
  | { readonly kind: 'sampling'; readonly rows: ReadonlyMap<string, CreamSampling> }
  | { readonly kind: 'rewarding'; readonly rows: ReadonlyMap<string, CreamRewarding> }
  | { readonly kind: 'dpo'; readonly rows: ReadonlyMap<string, CreamPair> }
export type CreamKind = CreamFile['kind']

type Fields = Readonly<Record<string, unknown>>
type Fail = (what: string) => never

const keysOf: Readonly<Record<CreamKind, readonly string[]>> = {
  sampling: ['prompt', 'responses'],
  rewarding: ['prompt', 'response', 'score', 'ref_score', 'reward'],
  dpo: ['prompt', 'selected', 'rejected', 'consistency'],
}

/** @param name for the sentence. @throws AppError 'bad-data' naming the uuid */
export function parseCreamFile(text: string, name: string): CreamFile {
  const fail: Fail = (what) => {
    throw new AppError('bad-data', `${name} ${what}; it should be CREAM's {uuid: {…}} with ${Object.entries(keysOf).map(([kind, keys]) => `${keys.join(', ')} (${kind})`).join(', or ')}.`)
  }
  const rows = membersOf(text, fail)
  const [first] = rows.values()
  if (first === undefined) fail('holds no prompt')
  const kind = (Object.keys(keysOf) as CreamKind[]).find((one) => isFields(first) && keysOf[one].every((key) => key in first))
  if (kind === undefined) return fail(`has a first row of other fields (${isFields(first) ? Object.keys(first).slice(0, 8).join(', ') : typeof first})`)
  const read = { sampling: readSampling, rewarding: readRewarding, dpo: readPair }[kind]
  return { kind, rows: new Map([...rows].map(([uuid, row]) => {
    const refuse: Fail = (what) => fail(`has at ${JSON.stringify(uuid.slice(0, 80))} ${what}`)
    if (!isFields(row)) return refuse('no object')
    const odd = [...Object.keys(row).filter((key) => !keysOf[kind].includes(key)), ...keysOf[kind].filter((key) => !(key in row))][0]
    if (odd !== undefined) refuse(odd in row ? `the field ${JSON.stringify(odd.slice(0, 80))}, which a ${kind} file has not` : `no ${odd}`)
    return [uuid, read(row, refuse)]
  })) } as CreamFile
}

/** As Python's json.dump(…, indent=4) writes it, without a line feed at the end. */
export function serialiseCreamFile({ rows }: CreamFile): string {
  return [...creamPieces(rows)].join('')
}

/** The same in pieces, row by row. */
export function* creamPieces(rows: Iterable<readonly [string, CreamSampling | CreamRewarding | CreamPair]>): Generator<string> {
  let isFirst = true
  for (const [uuid, row] of rows) {
    yield `${isFirst ? '{' : ','}\n    ${quoted(uuid)}: ${python(row, 1)}`
    isFirst = false
  }
  yield isFirst ? '{}' : '\n}'
}

function readSampling(row: Fields, fail: Fail): CreamSampling {
  const { prompt, responses } = row
  return { prompt: promptAt(prompt, fail), responses: listAt(responses, 'responses', fail).map((one) => (typeof one === 'string' ? one : fail('a response that is no text'))) }
}

function readRewarding(row: Fields, fail: Fail): CreamRewarding {
  const response = listAt(row['response'], 'response', fail).map((one) => (one === null ? null : textAt(one, 'response', fail)))
  const numbers = (key: string): (number | null)[] => {
    const list = listAt(row[key], key, fail).map((one) => (one === null || typeof one === 'number' ? one : fail(`in ${key} something that is no number`)))
    return list.length === response.length ? list : fail(`${list.length} values in ${key} for ${response.length} responses`)
  }
  return { prompt: promptAt(row['prompt'], fail), response, score: numbers('score'), ref_score: numbers('ref_score'), reward: numbers('reward') }
}

function readPair(row: Fields, fail: Fail): CreamPair {
  const { prompt, selected, rejected, consistency } = row
  if (consistency !== null && !(typeof consistency === 'number' && consistency >= 0 && consistency <= 1)) return fail('a consistency that is no share')
  return { prompt: promptAt(prompt, fail), selected: textAt(selected, 'selected', fail), rejected: textAt(rejected, 'rejected', fail), consistency }
}

const promptAt = (value: unknown, fail: Fail): CreamPrompt => textAt(value, 'prompt', fail)
const listAt = (value: unknown, key: string, fail: Fail): readonly unknown[] => (Array.isArray(value) ? value : fail(`in ${key} no list`))

function textAt(value: unknown, key: string, fail: Fail): string | readonly Message[] {
  if (typeof value === 'string') return value
  const isMessage = (one: unknown): one is Message => isFields(one) && Object.keys(one).length === 2 && ['system', 'user', 'assistant'].includes(one['role'] as string) && typeof one['content'] === 'string'
  return Array.isArray(value) && value.length > 0 && value.every(isMessage) ? value : fail(`in ${key} neither a text nor messages of role and content`)
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** An object's members in the order written. Each value is JSON's to judge; here only where it ends is found. */
function membersOf(text: string, fail: Fail): Map<string, unknown> {
  const members = new Map<string, unknown>()
  const isBlank = (at: number): boolean => ' \n\r\t'.includes(text.charAt(at))
  const skip = (at: number): number => {
    while (at < text.length && isBlank(at)) at++
    return at
  }
  const broken = (at: number): never => fail(`is not valid JSON near character ${at + 1}`)
  const parse = (from: number, to: number): unknown => {
    try {
      return JSON.parse(text.slice(from, to))
    } catch {
      return broken(from)
    }
  }
  let at = skip(text.charCodeAt(0) === 0xfeff ? 1 : 0)
  if (text[at] !== '{') broken(at)
  at = skip(at + 1)
  while (text[at] !== '}' || members.size > 0) {
    const key = at
    at = endOfString(text, at)
    const uuid = parse(key, at)
    at = skip(at)
    if (typeof uuid !== 'string' || text[at] !== ':') broken(at)
    const value = at + 1
    at = endOfValue(text, value)
    if (members.has(uuid as string)) fail(`holds ${JSON.stringify((uuid as string).slice(0, 80))} twice`)
    members.set(uuid as string, parse(value, at))
    if (text[at] === '}') break
    if (text[at] !== ',') broken(at)
    at = skip(at + 1)
  }
  if (skip(at + 1) !== text.length) broken(at + 1)
  return members
}

/** Behind the string that begins here. */
function endOfString(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return Math.min(at + 1, text.length)
}

/** At the comma or brace behind the value that begins here. */
function endOfValue(text: string, from: number): number {
  let [at, depth] = [from, 0]
  while (at < text.length) {
    const one = text[at]!
    if (one === '"') {
      at = endOfString(text, at)
      continue
    }
    if (depth === 0 && (one === ',' || one === '}')) return at
    if (one === '{' || one === '[') depth++
    else if (one === '}' || one === ']') depth--
    at++
  }
  return at
}

/** json.dumps' default: everything beyond ASCII escaped. */
const quoted = (text: string): string => JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

function python(value: unknown, level: number, key = ''): string {
  const lines = (open: string, items: readonly string[], close: string): string =>
    items.length === 0 ? open + close : `${open}\n${items.map((item) => `${'    '.repeat(level + 1)}${item}`).join(',\n')}\n${'    '.repeat(level)}${close}`
  if (value === null) return 'null'
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'number') return key === 'ref_score' && value === 0 ? '0' : pythonFloat(value) // 0 is what the reference code fills in without a reference model
  if (Array.isArray(value)) return lines('[', value.map((one) => python(one, level + 1, key)), ']')
  return lines('{', Object.entries(value as Fields).map(([name, one]) => `${quoted(name)}: ${python(one, level + 1, name)}`), '}')
}

/** Python's repr of a float: the shortest digits that read back, as JavaScript's, with another line between fixed and scientific. */
export function pythonFloat(value: number): string {
  if (Object.is(value, -0)) return '-0.0'
  const [digits = '', exponent = ''] = value.toExponential().split('e')
  const power = Number(exponent)
  if (value !== 0 && (power < -4 || power >= 16)) return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
  const plain = power < 0 && value !== 0 ? value.toFixed(Math.max(0, digits.replace(/[-.]/g, '').length - 1 - power)) : String(value)
  return plain.includes('.') ? plain : `${plain}.0`
}
