/**
 * Two answers to one prompt of which one was preferred: TRL's forms (standard, conversational, implicit prompt), hh-rlhf's transcripts,
 * LLaMA-Factory's ranking files, CREAM's DPO and rewarding files.
 */
import type { Message, PromptInput } from '../../../preload/contract/domain.ts'
import type { Fields, Layout, PreferenceDraft, PromptDraft, SftDraft } from '../layout.ts'
import { endingWithUser, has, isBlank, messagesAt, optional, ownId, promptAt, refuse, textAt } from '../layout.ts'
import { alpacaPrompt } from './pairs.ts'

type Answers = Pick<PreferenceDraft, 'chosen' | 'rejected'>

/** An answer beside its prompt: text, or messages of which the last is the answer (a prompt repeated before it is passed over). */
function answerAt(row: Fields, key: string): string {
  if (typeof row[key] === 'string') return textAt(row, key)
  const last = messagesAt(row, key).at(-1)!
  if (last.role !== 'assistant') refuse(`does not end with a message of the assistant in "${key}"`)
  return last.content.trim() === '' ? refuse(`is empty in "${key}"`) : last.content
}

function distinct<T extends Answers>(pair: T): T {
  return pair.chosen === pair.rejected ? refuse('has the same text as chosen and as rejected') : pair
}

function scoresOf(row: Fields): Pick<PreferenceDraft, 'scores'> {
  const [chosen, rejected] = [row['score_chosen'], row['score_rejected']]
  return typeof chosen === 'number' && typeof rejected === 'number' && Number.isFinite(chosen) && Number.isFinite(rejected) ? { scores: { chosen, rejected } } : {}
}

/** Beside a prompt, or with the prompt inside of both. `keys` name the two answers. */
export function pairAt(row: Fields, chosenKey: string, rejectedKey: string, prompt: PromptInput | null): Omit<PreferenceDraft, 'id'> {
  if (prompt !== null) return distinct({ prompt, chosen: answerAt(row, chosenKey), rejected: answerAt(row, rejectedKey), ...scoresOf(row) })
  const [chosen, rejected] = [row[chosenKey], row[rejectedKey]]
  if (typeof chosen === 'string' && typeof rejected === 'string') {
    const pair = isTranscript(chosen) && isTranscript(rejected) ? splitMessages(transcript(chosen), transcript(rejected)) : splitTexts(chosen, rejected)
    return { ...pair, ...scoresOf(row) }
  }
  return { ...splitMessages(messagesAt(row, chosenKey), messagesAt(row, rejectedKey)), ...scoresOf(row) }
}

/** The messages that both begin with are the prompt; one answer has to follow in each. */
function splitMessages(chosen: Message[], rejected: Message[]): Omit<PreferenceDraft, 'id'> {
  const differs = chosen.findIndex(({ role, content }, i) => rejected[i]?.role !== role || rejected[i].content !== content)
  const at = differs === -1 ? Math.min(chosen.length, rejected.length) : differs
  if (chosen.length <= at || rejected.length <= at) refuse('has the same text as chosen and as rejected, or one that ends where the other goes on')
  if (chosen.length > at + 1 || rejected.length > at + 1) refuse('differs before the last message of chosen and rejected')
  if (chosen[at]!.role !== 'assistant' || rejected[at]!.role !== 'assistant') refuse('differs in a message that is not the assistant\'s')
  const texts = { chosen: chosen[at]!.content, rejected: rejected[at]!.content }
  if (isBlank(texts.chosen) || isBlank(texts.rejected)) refuse('has an empty answer')
  return { prompt: endingWithUser(chosen.slice(0, at)), ...texts }
}

/** TRL's rule: the prompt is the common beginning, without a space at its end. */
function splitTexts(chosen: string, rejected: string): Omit<PreferenceDraft, 'id'> {
  let at = 0
  while (at < chosen.length && at < rejected.length && chosen[at] === rejected[at]) at++
  if (at > 0 && /[\uD800-\uDBFF]/.test(chosen[at - 1]!)) at-- // never between the halves of one character
  if (chosen[at - 1] === ' ') at--
  const pair = { prompt: chosen.slice(0, at), chosen: chosen.slice(at), rejected: rejected.slice(at) }
  if (isBlank(pair.prompt)) refuse('has no prompt: chosen and rejected do not begin alike')
  if (isBlank(pair.chosen) || isBlank(pair.rejected)) refuse('has one text that ends where the other goes on')
  return pair
}

const isTranscript = (text: string): boolean => /^\s*Human:/.test(text) && text.includes('\n\nAssistant:')

/** hh-rlhf: "\n\nHuman: … \n\nAssistant: …". */
function transcript(text: string): Message[] {
  const parts = text.trimStart().split(/(?:^|\n\n)(Human|Assistant):/).slice(1)
  return Array.from({ length: parts.length / 2 }, (_, i) => ({ role: parts[2 * i] === 'Human' ? 'user' : 'assistant', content: parts[2 * i + 1]!.trim() }))
}

const beside = (name: string, promptKey: string, roles: Layout<PreferenceDraft>['roles'], example: string, promptOf: (row: Fields) => PromptInput): Layout<PreferenceDraft> => ({
  name, roles: { prompt: promptKey, chosen: 'chosen', rejected: 'rejected', ...roles }, example,
  fits: (row) => has(row, promptKey, 'chosen', 'rejected'),
  read: (row) => ({ ...ownId(row as Fields), ...pairAt(row as Fields, 'chosen', 'rejected', promptOf(row as Fields)) }),
})

const trl = beside('trl', 'prompt', {}, '{"prompt": …, "chosen": …, "rejected": …}', (row) => promptAt(row, 'prompt'))

const rankingTurns = beside('llama-factory-ranking', 'conversations', { system: 'system' }, '{"conversations": […], "chosen": {"from": "gpt", "value": …}, "rejected": {…}}', (row) => {
  const turns = messagesAt(row, 'conversations')
  return endingWithUser(isBlank(row['system']) || turns[0]?.role === 'system' ? turns : [{ role: 'system', content: textAt(row, 'system') }, ...turns])
})

const rankingAlpaca = beside('llama-factory-ranking', 'instruction', { input: 'input', system: 'system' }, '{"instruction": …, "input": …, "chosen": …, "rejected": …}', alpacaPrompt)

const implicit: Layout<PreferenceDraft> = {
  name: 'chosen/rejected',
  roles: { chosen: 'chosen', rejected: 'rejected' },
  example: '{"chosen": "\\n\\nHuman: … \\n\\nAssistant: …", "rejected": …}',
  fits: (row) => has(row, 'chosen', 'rejected'),
  read: (row) => ({ ...ownId(row as Fields), ...pairAt(row as Fields, 'chosen', 'rejected', null) }),
}

const creamDpo: Layout<PreferenceDraft> = {
  name: 'cream-dpo',
  roles: { id: 'uuid', chosen: 'selected', rejected: 'rejected' },
  example: '{"<uuid>": {"selected": [user, assistant], "rejected": [user, assistant], "consistency": …}}',
  fits: (row) => has(row, 'selected', 'rejected'),
  read: (row) => ({ ...ownId(row as Fields), ...pairAt(row as Fields, 'selected', 'rejected', isBlank((row as Fields)['prompt']) ? null : promptAt(row as Fields, 'prompt')) }),
}

/** The response of the highest reward beside that of the lowest, as CREAM pairs them. */
const creamRewarding: Layout<PreferenceDraft> = {
  name: 'cream-rewarding',
  roles: { id: 'uuid', prompt: 'prompt', chosen: 'response', rejected: 'response' },
  example: '{"<uuid>": {"prompt": …, "response": […], "reward": […]}}',
  fits: (row) => has(row, 'prompt', 'response', 'reward') && Array.isArray(row['response']) && Array.isArray(row['reward']),
  read(row) {
    const { response, reward } = row as { response: unknown[]; reward: unknown[] }
    if (response.length < 2 || response.length !== reward.length || !reward.every((one) => Number.isFinite(one))) refuse('has no two responses with one reward each')
    const rewards = reward as number[]
    const [best, worst] = [rewards.indexOf(rewards.reduce((a, b) => Math.max(a, b))), rewards.indexOf(rewards.reduce((a, b) => Math.min(a, b)))]
    if (best === worst) refuse('has equal rewards for all its responses')
    const text = (at: number): string => answerAt({ [`response ${at + 1}`]: response[at] }, `response ${at + 1}`)
    return { ...ownId(row as Fields), prompt: promptAt(row as Fields, 'prompt'), ...distinct({ chosen: text(best), rejected: text(worst) }), scores: { chosen: rewards[best]!, rejected: rewards[worst]! } }
  },
}

export const preferenceRows: Layout<PreferenceDraft>[] = [trl, rankingTurns, rankingAlpaca, creamDpo, creamRewarding, implicit]

export const chosenOf = ({ id, promptId, prompt, chosen }: PreferenceDraft): SftDraft => ({ ...optional('id', id ?? promptId), prompt, response: chosen })
export const promptOf = ({ id, promptId, prompt }: PreferenceDraft): PromptDraft => ({ ...optional('id', promptId ?? id), prompt })
