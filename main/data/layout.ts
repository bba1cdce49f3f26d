/** What a layout is, the rows it gives, and how it reads fields. One file per family lies in layouts/. */
import type { Message, PromptInput } from '../../preload/contract/domain.ts'

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

/** A row without the ids and task names that the file gives. */
export type SftDraft = Omit<SftExample, 'id'> & { id?: string }
export type PromptDraft = Omit<PromptRow, 'id'> & { id?: string }
export type TaskDraft = Omit<TaskItem, 'id' | 'task' | 'prompt'> & { id?: string; task?: string }

export interface Layout<Draft> {
  name: string
  /** What its rows look like, for the sentence that says what is accepted. */
  example: string
  /** Whether a row is meant to be of this layout, judged by its keys; `read` then judges its values. */
  fits(row: unknown): boolean
  /** @throws RowRefusal with the reason the row cannot be used */
  read(row: unknown): Draft
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

export function ownId(row: Fields): { id?: string } {
  for (const key of ['id', 'uuid', 'prompt_id']) {
    const value = row[key]
    if ((typeof value === 'string' && value !== '') || typeof value === 'number') return { id: String(value) }
  }
  return {}
}

/** A message list with plain or part-wise content ({type: "text", text | value}). */
export function messagesAt(row: Fields, key: string): Message[] {
  const value = row[key]
  if (!Array.isArray(value) || value.length === 0) refuse(`has no messages in "${key}"`)
  return value.map((entry: unknown): Message => {
    if (!isFields(entry)) refuse(`has a message in "${key}" that is no object`)
    const { role } = entry
    if (role !== 'system' && role !== 'user' && role !== 'assistant') refuse(`has a message of role ${JSON.stringify(role)}; only system, user and assistant are taken`)
    return { role, content: contentOf(entry.content) }
  })
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

export function endingWithUser(messages: Message[]): Message[] {
  const last = messages.at(-1)
  if (last?.role !== 'user') refuse('has no message of the user before the answer')
  if (last.content.trim() === '') refuse('has an empty message of the user')
  return messages
}
