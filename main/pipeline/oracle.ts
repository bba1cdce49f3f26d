/** Rewards from outside: the tasks' checkable answers, or a file. */
import { readFile } from 'node:fs/promises'
import type { RunConfig } from '../../preload/contract/config.ts'
import { AppError } from '../../preload/contract/errors.ts'
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
  const content = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new AppError('bad-data', `The rewards file ${path} cannot be read (${error.code}); name a JSONL file of {"response_id", "reward"} lines.`, error)
  })
  for (const [i, line] of content.split('\n').entries()) {
    if (line.trim() === '') continue
    const { responseId, promptId, text, reward } = parseLine(line, `${path}:${i + 1}`)
    if (responseId !== undefined && known.has(responseId)) rewards.set(responseId, reward)
    else for (const { id } of byText.get(`${promptId}\n${text}`) ?? []) rewards.set(id, reward)
  }
  return rewards
}

function parseLine(line: string, where: string): { responseId?: string; promptId?: string; text?: string; reward: number } {
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
  return { ...Object.fromEntries(Object.entries(texts).filter(([, value]) => typeof value === 'string')), reward }
}
