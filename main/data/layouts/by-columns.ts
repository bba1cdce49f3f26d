/** Layouts made of columns that a person named, or whose names say what they are. */
import type { Message, PromptInput } from '../../../preload/contract/domain.ts'
import { AppError } from '../../../preload/contract/errors.ts'
import { neededRoles, rolesOf, rowNames, suffices } from '../../../preload/contract/columns.ts'
import type { ColumnRole, ColumnRoles, DataUse } from '../../../preload/contract/requests/place.ts'
import type { Fields, Layout, PreferenceDraft, PromptDraft, SftDraft, TaskDraft } from '../layout.ts'
import { answered, asked, isBlank, isFields, labelAt, messagesAt, optional, ownId, promptAt, refuse, textAt } from '../layout.ts'
import { answerAmong, choicesAt } from './choice.ts'
import { solvedAnswer } from './open.ts'
import { pairAt } from './preferences.ts'

interface Drafts {
  sft: SftDraft
  prompts: PromptDraft
  tasks: TaskDraft
  preferences: PreferenceDraft
}

/** A layout that reads these columns. @throws AppError('bad-data') naming the role that is missing */
export function byColumns<Use extends DataUse>(use: Use, roles: ColumnRoles): Layout<Drafts[Use]> {
  const stranger = Object.keys(roles).find((role) => !(rolesOf[use] as readonly string[]).includes(role))
  if (stranger !== undefined) throw new AppError('bad-data', `A column cannot be "${stranger}" in a file of ${rowNames[use]}; its columns can be ${rolesOf[use].join(', ')}.`)
  if (!suffices(use, roles)) throw new AppError('bad-data', `A file of ${rowNames[use]} needs a column for ${neededRoles[use].map((set) => set.join(' and ')).join(', or for ')}; name it.`)
  const readers: { [U in DataUse]: (row: Fields, roles: ColumnRoles) => Omit<Drafts[U], 'id'> } = { sft: readExample, prompts: readPrompt, tasks: readTask, preferences: readPair }
  const needed = neededRoles[use].find((set) => set.every((role) => roles[role] !== undefined))!
  const columns = needed.map((role) => roles[role]!)
  return {
    name: 'columns',
    roles,
    example: `{${needed.map((role) => `${JSON.stringify(roles[role])}: <${role}>`).join(', ')}}`,
    fits: (row) => isFields(row) && columns.every((column) => Object.hasOwn(row, column)),
    read: (row) => ({ ...(roles.id === undefined ? ownId(row as Fields) : ownId(row as Fields, [roles.id])), ...readers[use](row as Fields, roles) }) as Drafts[Use],
  }
}

/** The prompt's text with Alpaca's input below and the system message before it. */
function promptBy(row: Fields, { prompt, input, system }: ColumnRoles): PromptInput {
  const asText = typeof row[prompt!] === 'string'
  const text = asText && input !== undefined && !isBlank(row[input]) ? `${textAt(row, prompt!)}\n\n${textAt(row, input)}` : promptAt(row, prompt!)
  return withSystem(row, system, text)
}

function withSystem(row: Fields, system: string | undefined, prompt: PromptInput): PromptInput {
  if (system === undefined || isBlank(row[system])) return prompt
  const messages: Message[] = typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt
  return messages[0]?.role === 'system' ? messages : [{ role: 'system', content: textAt(row, system) }, ...messages]
}

function readExample(row: Fields, roles: ColumnRoles): Omit<SftDraft, 'id'> {
  if (roles.messages === undefined) return { prompt: promptBy(row, roles), response: responseAt(row, roles.response!) }
  const { prompt, response } = answered(messagesAt(row, roles.messages))
  return { prompt: withSystem(row, roles.system, prompt), response }
}

function responseAt(row: Fields, column: string): string {
  if (!Array.isArray(row[column]) && !isFields(row[column])) return textAt(row, column)
  const [only, ...others] = messagesAt(row, column)
  return only?.role === 'assistant' && others.length === 0 && only.content.trim() !== '' ? only.content : refuse(`has no single answer of the assistant in "${column}"`)
}

function readPrompt(row: Fields, roles: ColumnRoles): Omit<PromptDraft, 'id'> {
  const prompt = roles.messages === undefined ? promptBy(row, roles) : withSystem(row, roles.system, asked(messagesAt(row, roles.messages)))
  return { prompt, ...optional('answer', labelBy(row, roles.answer)), ...optional('task', labelBy(row, roles.task)) }
}

function readTask(row: Fields, roles: ColumnRoles): Omit<TaskDraft, 'id'> {
  const context = roles.context === undefined || isBlank(row[roles.context]) ? '' : `${textAt(row, roles.context)} `
  const choices = roles.choices === undefined || isBlank(row[roles.choices]) ? undefined : choicesAt(row, roles.choices)
  const answer = labelBy(row, roles.answer) ?? refuse(`has no answer in "${roles.answer}"`)
  const label = choices?.find(({ text }) => text === answer)?.label
  return { question: `${context}${textAt(row, roles.prompt!)}`, ...(choices && { choices }), answer: answerAmong(choices, choices?.some((choice) => choice.label === answer) ? answer : (label ?? answer)), ...optional('task', labelBy(row, roles.task)) }
}

function readPair(row: Fields, roles: ColumnRoles): Omit<PreferenceDraft, 'id'> {
  const prompt = roles.prompt === undefined || isBlank(row[roles.prompt]) ? null : promptBy(row, roles)
  return pairAt(row, roles.chosen!, roles.rejected!, prompt)
}

function labelBy(row: Fields, column: string | undefined): string | undefined {
  if (column === undefined || isBlank(row[column])) return undefined
  const label = labelAt(row, column)
  return label.includes('####') ? solvedAnswer(label) : label
}

const synonyms: Readonly<Record<ColumnRole, readonly string[]>> = {
  id: ['id', 'uuid', 'prompt_id', 'example_id'],
  messages: ['messages', 'conversations', 'conversation', 'dialogue', 'dialog', 'turns', 'chat'],
  system: ['system', 'system_prompt', 'system_message'],
  context: ['context', 'passage'],
  prompt: ['prompt', 'instruction', 'question', 'query', 'problem', 'user', 'human', 'request'],
  input: ['input'],
  response: ['response', 'completion', 'output', 'answer', 'reply', 'assistant', 'solution', 'target'],
  choices: ['choices', 'options'],
  answer: ['answer', 'label', 'answerkey', 'target', 'gold', 'solution', 'correct_answer'],
  task: ['task', 'subject', 'category'],
  chosen: ['chosen', 'selected', 'preferred'],
  rejected: ['rejected', 'dispreferred'],
}

const known = new Set(Object.values(synonyms).flat())

/** A column whose name any layout knows. */
export const isKnownColumn = (name: string): boolean => known.has(name.trim().toLowerCase()) || ['question_stem', 'text'].includes(name.trim().toLowerCase())

/** What columns mean by their names; null when that is not enough for the use. */
export function guessRoles(use: DataUse, columns: readonly string[]): ColumnRoles | null {
  const free = new Map(columns.map((column) => [column.trim().toLowerCase(), column]))
  const roles: ColumnRoles = {}
  for (const role of rolesOf[use]) {
    const name = synonyms[role].find((synonym) => free.has(synonym))
    if (name === undefined) continue
    roles[role] = free.get(name)!
    free.delete(name)
  }
  return suffices(use, roles) ? roles : null
}
