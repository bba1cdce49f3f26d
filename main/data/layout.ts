/** What a layout is, the rows it gives, and how it reads fields. One file per family lies in layouts/. */
import type { Message, PromptInput } from '../../preload/contract/domain.ts'
import type { ColumnRoles } from '../../preload/contract/requests/place.ts'

/** A seed example of D_S: the model is trained on the response alone. */
export interface SftExample {
  id: string
  prompt: PromptInput
  response: string
}

/** A row of D_U; the gold answer, where there is one, is for reports and the oracle, never for the model. */
export interface PromptRow {
  id: string
  prompt: PromptInput
  answer?: string
  task?: string
}

export interface Choice {
  label: string
  text: string
}

/** A held-out question. With choices, `answer` is the label of the right one. */
export interface TaskItem {
  id: string
  question: string
  /** The question as it is asked: its text, then one line per choice ("B. Mars"). */
  prompt: string
  choices?: Choice[]
  answer: string
  task: string
}

/** Two answers to one prompt of which one was preferred. */
export interface PreferencePair {
  id: string
  /** The id that the row's prompt gets where the same file is read as prompts; several pairs may share it. */
  promptId: string
  prompt: PromptInput
  chosen: string
  rejected: string
  /** Both or none; higher is better. */
  scores?: { chosen: number; rejected: number }
}

/** A row without the ids and task names that the file gives. */
export type SftDraft = Omit<SftExample, 'id'> & { id?: string }
export type PromptDraft = Omit<PromptRow, 'id'> & { id?: string }
export type TaskDraft = Omit<TaskItem, 'id' | 'task' | 'prompt'> & { id?: string; task?: string }

export type PreferenceDraft = Omit<PreferencePair, 'id' | 'promptId'> & { id?: string; promptId?: string }

export interface Layout<Draft> {
  name: string
  /** Which columns it reads, and as what. */
  roles: ColumnRoles
  /** What its rows look like, for the sentence that says what is accepted. */
  example: string
  /** Whether a row is meant to be of this layout, judged by its keys; `read` then judges its values. */
  fits(row: unknown): boolean
  /** What the row gives, where it gives several things a list of at least one. @throws RowRefusal with the reason the row cannot be used */
  read(row: unknown): Draft | Draft[]
}

export class RowRefusal extends Error {}

export function refuse(reason: string): never {
  throw new RowRefusal(reason)
}

export type Fields = Record<string, unknown>

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function has(row: unknown, ...keys: string[]): row is Fields {
  return isFields(row) && keys.every((key) => row[key] !== undefined && row[key] !== null)
}

/** A field that has to hold text. Kept as written; only its emptiness is judged without white space. */
export function textAt(row: Fields, key: string): string {
  const value = row[key]
  if (typeof value !== 'string') refuse(`has no text in "${key}"`)
  if (value.trim() === '') refuse(`is empty in "${key}"`)
  return value
}

/** A label or an answer: text or a number, without surrounding white space. */
export function labelAt(row: Fields, key: string): string {
  const value = row[key]
  if (typeof value === 'number') return String(value)
  return textAt(row, key).trim()
}

/** Optional fields leave no key behind, so that rows compare and serialise the same. */
export function optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: string }
}

export function ownId(row: Fields, keys: readonly string[] = ['id', 'uuid', 'prompt_id']): { id?: string } {
  for (const key of keys) {
    const value = row[key]
    if ((typeof value === 'string' && value !== '') || typeof value === 'number') return { id: String(value) }
  }
  return {}
}

/** Fields that say nothing in their column: absent, null, or an empty cell. */
export const isBlank = (value: unknown): boolean => value === undefined || value === null || (typeof value === 'string' && value.trim() === '')

const speakers: Readonly<Record<string, Message['role']>> = {
  system: 'system', user: 'user', human: 'user', prompter: 'user', assistant: 'assistant', gpt: 'assistant', chatgpt: 'assistant', bot: 'assistant', model: 'assistant',
}

/**
 * A conversation: [{role, content}] with plain or part-wise content ({type: "text", text | value}), ShareGPT's [{from, value}],
 * or texts that begin with the user's and alternate (CREAM). One message may stand without the list.
 */
export function messagesAt(row: Fields, key: string): Message[] {
  const value = row[key]
  const turns = isFields(value) ? [value] : value
  if (!Array.isArray(turns) || turns.length === 0) refuse(`has no messages in "${key}"`)
  return turns.map((turn: unknown, i): Message => {
    if (typeof turn === 'string') return { role: i % 2 === 0 ? 'user' : 'assistant', content: turn }
    if (!isFields(turn)) refuse(`has a message in "${key}" that is no object`)
    const speaker = turn['role'] ?? turn['from']
    const role = typeof speaker === 'string' && Object.hasOwn(speakers, speaker) ? speakers[speaker] : undefined
    if (role === undefined) refuse(`has a message of role ${shown(speaker)}; only system, user and assistant are taken`)
    return { role, content: contentOf('content' in turn ? turn['content'] : turn['value']) }
  })
}

/** A value in a sentence: short, whatever it is. */
export function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  return JSON.stringify(typeof value === 'string' && value.length > 60 ? `${value.slice(0, 60)}…` : value) ?? 'nothing'
}

function contentOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) refuse('has a message without text')
  return content.map((part: unknown) => {
    const text = isFields(part) && part.type === 'text' ? (part.text ?? part.value) : undefined
    return typeof text === 'string' ? text : refuse('has a message with a part that is no text')
  }).join('')
}

/** A prompt field: raw text, or messages that end with the user's turn. */
export function promptAt(row: Fields, key: string): PromptInput {
  return typeof row[key] === 'string' ? textAt(row, key) : endingWithUser(messagesAt(row, key))
}

/** The conversation before its last message, and that message, which has to be the assistant's. */
export function answered(conversation: Message[]): { prompt: PromptInput; response: string } {
  const last = conversation.at(-1)
  if (last?.role !== 'assistant') refuse('does not end with a message of the assistant')
  if (last.content.trim() === '') refuse('has an empty answer')
  return { prompt: endingWithUser(conversation.slice(0, -1)), response: last.content }
}

/** The conversation up to the user's last message: an answer at its end is left out. */
export function asked(conversation: Message[]): Message[] {
  return endingWithUser(conversation.at(-1)?.role === 'assistant' ? conversation.slice(0, -1) : conversation)
}

export function endingWithUser(messages: Message[]): Message[] {
  const last = messages.at(-1)
  if (last?.role !== 'user') refuse('has no message of the user before the answer')
  if (last.content.trim() === '') refuse('has an empty message of the user')
  return messages
}
