/** Rewards from outside: the tasks' checkable answers, or a file. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { RunConfig } from '../../preload/contract/config.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { RewardsPreview } from '../../preload/contract/requests/place.ts'
import type { Database } from '../store/database.ts'
import { promptOf } from '../store/prompts.ts'
import { type Response, responsesOf } from '../store/responses.ts'
import type { ExternalReward } from '../store/scores.ts'

export interface OutsideRewards {
  /** By response id; responses without one have none. */
  readonly rewards: ReadonlyMap<string, number>
  readonly rows: readonly ExternalReward[]
}

export async function oracleRewards(db: Database, iterationId: string, { rewards: source, negate }: RunConfig['oracle']): Promise<OutsideRewards> {
  const responses = responsesOf(db, iterationId)
  const given = source === 'answers' ? fromAnswers(responses) : await fromFile(source, responses, (promptId) => promptOf(db, promptId)?.sourceId ?? null)
  if (given.size === 0) {
    const fix = source === 'answers' ? 'give the prompts an "answer", or name a rewards file' : 'give each line a response_id of this run, or a prompt_id and the text'
    throw new AppError('bad-data', `No response of this iteration has a reward from ${source}; ${fix}.`)
  }
  const rewards = new Map([...given].map(([id, reward]) => [id, negate ? -reward : reward]))
  return { rewards, rows: [...rewards].map(([responseId, reward]) => ({ responseId, source: negate ? `${source} (negated)` : source, reward })) }
}

/** 1 for a right answer, 0 for a wrong one. */
function fromAnswers(responses: readonly Response[]): Map<string, number> {
  return new Map(responses.flatMap(({ id, isCorrect }) => (isCorrect === null ? [] : [[id, Number(isCorrect)]])))
}

/** JSON lines {response_id, reward} or {prompt_id, text, reward}; a prompt goes by its id here or by that of the file it came from. */
async function fromFile(path: string, responses: readonly Response[], sourceOf: (promptId: string) => string | null): Promise<Map<string, number>> {
  const namesOf = new Map([...new Set(responses.map(({ promptId }) => promptId))].map((promptId) => [promptId, [promptId, sourceOf(promptId) ?? promptId]]))
  const named = responses.flatMap(({ id, promptId, text }) => [...new Set(namesOf.get(promptId))].map((prompt) => ({ id, key: `${prompt}\n${text}` })))
  const byText = Map.groupBy(named, ({ key }) => key)
  const known = new Set(responses.map(({ id }) => id))
  const rewards = new Map<string, number>()
  for await (const { responseId, promptId, text, reward } of rewardsIn(path)) {
    if (responseId !== undefined && known.has(responseId)) rewards.set(responseId, reward)
    else for (const { id } of byText.get(`${promptId}\n${text}`) ?? []) rewards.set(id, reward)
  }
  return rewards
}

/** One line: of a response of this run, or of a text that answers a prompt. */
interface Rewarded {
  readonly responseId?: string
  readonly promptId?: string
  readonly text?: string
  readonly reward: number
}

/** @throws AppError 'bad-data' at the first line that is none, and for a file that holds none */
async function* rewardsIn(path: string): AsyncGenerator<Rewarded> {
  const fail = (what: string, cause?: unknown): never => {
    throw new AppError('bad-data', `The rewards file ${path} ${what}; name a JSONL file of {"response_id", "reward"} lines.`, cause)
  }
  let number = 0
  let found = 0
  try {
    if ((await stat(path)).size > LARGEST) fail(`has more than ${LARGEST / 2 ** 20} MB`)
    for await (const line of createInterface(createReadStream(path, 'utf8'))) {
      number++
      if (line.trim() === '') continue
      found++
      yield parseLine(line, `${path}:${number}`)
    }
  } catch (error) {
    if (error instanceof AppError) throw error
    fail(`cannot be read (${(error as NodeJS.ErrnoException).code})`, error)
  }
  if (found === 0) fail('is empty')
}

const LARGEST = 256 * 2 ** 20
const SHOWN = 5

/** What a rewards file says, for a person; every line is read. @throws AppError 'bad-data' as the run would */
export async function previewRewards(path: string): Promise<RewardsPreview> {
  const preview = { rewards: 0, ofResponses: 0, lowest: Infinity, highest: -Infinity }
  const first: RewardsPreview['first'] = []
  const prompts = new Set<string>()
  for await (const { responseId, promptId, text, reward } of rewardsIn(path)) {
    preview.rewards++
    preview.lowest = Math.min(preview.lowest, reward)
    preview.highest = Math.max(preview.highest, reward)
    if (responseId !== undefined) preview.ofResponses++
    else if (promptId !== undefined) prompts.add(promptId)
    if (first.length < SHOWN) first.push({ of: responseId ?? promptId ?? null, text: text?.slice(0, 2000) ?? null, reward })
  }
  return { ...preview, prompts: prompts.size, first }
}

function parseLine(line: string, where: string): Rewarded {
  const fail = (what: string): never => {
    throw new AppError('bad-data', `${where} ${what}; each line is {"response_id": "…", "reward": 0.5} or {"prompt_id": "…", "text": "…", "reward": 0.5}.`)
  }
  let row: Record<string, unknown>
  try {
    row = JSON.parse(line) as Record<string, unknown>
  } catch {
    return fail('is not JSON')
  }
  const reward = row?.['reward']
  if (typeof reward !== 'number' || !Number.isFinite(reward)) return fail('has no finite "reward"')
  const texts = { responseId: row['response_id'], promptId: row['prompt_id'], text: row['text'] }
  const named = Object.fromEntries(Object.entries(texts).filter(([, value]) => typeof value === 'string'))
  return 'responseId' in named || ('promptId' in named && 'text' in named) ? { ...named, reward } : fail('does not say whose reward it is')
}
