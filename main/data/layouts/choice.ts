/** Multiple-choice tasks: ARC and OpenBookQA (hub form and original form), SIQA, LLM-Adapters' rewriting of them. */
import type { Choice, Fields, Layout, TaskDraft } from '../layout.ts'
import { has, isFields, labelAt, ownId, refuse, shown, textAt } from '../layout.ts'

/** The answer as it is, where it is one of the choices' labels. */
export function answerAmong(choices: Choice[] | undefined, answer: string): string {
  if (choices !== undefined && !choices.some(({ label }) => label === answer)) refuse(`names the answer ${shown(answer)}, which is none of its choices`)
  return answer
}

function chosen(question: string, choices: Choice[], answer: string): Pick<TaskDraft, 'question' | 'choices' | 'answer'> {
  return { question, choices, answer: answerAmong(choices, answer) }
}

/** The hub's columns {text: […], label: […]}, a list of {text, label}, or bare texts, which become A, B, C …. Labels are A–E, or 1–4 in some ARC rows; they are kept. */
export function choicesAt(row: Fields, key: string): Choice[] {
  const value = row[key]
  const choices = isFields(value) ? columnChoices(value) : Array.isArray(value) ? value.map(choiceOf) : refuse(`has no choices in "${key}"`)
  return choices.length < 2 ? refuse('has fewer than two choices') : choices
}

function columnChoices({ text, label }: Fields): Choice[] {
  if (!Array.isArray(text) || !Array.isArray(label) || text.length !== label.length || text.length < 2) refuse('has no choices with one label each')
  return text.map((entry: unknown, i) => choiceOf({ text: entry, label: label[i] as unknown }, i))
}

function choiceOf(choice: unknown, at: number): Choice {
  if (typeof choice === 'string') return { label: letter(at + 1), text: choice }
  if (!isFields(choice)) refuse('has a choice that is no object')
  return { label: labelAt(choice, 'label'), text: labelAt(choice, 'text') }
}

const hubForm = (name: string, questionKey: string): Layout<TaskDraft> => ({
  name,
  roles: { id: 'id', prompt: questionKey, choices: 'choices', answer: 'answerKey' },
  example: `{"${questionKey}": …, "choices": {"text": […], "label": […]}, "answerKey": …}`,
  fits: (row) => has(row, questionKey, 'choices', 'answerKey') && typeof row[questionKey] === 'string' && isFields(row.choices),
  read: (row) => ({ ...ownId(row as Fields), ...chosen(textAt(row as Fields, questionKey), choicesAt(row as Fields, 'choices'), labelAt(row as Fields, 'answerKey')) }),
})

export const arcHub = hubForm('arc', 'question')
export const openBookHub = hubForm('openbookqa', 'question_stem')

export const stemForm: Layout<TaskDraft> = {
  name: 'arc-stem',
  roles: { id: 'id', prompt: 'question', choices: 'question', answer: 'answerKey' },
  example: '{"question": {"stem": …, "choices": [{"text": …, "label": …}]}, "answerKey": …}',
  fits: (row) => has(row, 'question', 'answerKey') && has(row.question, 'stem', 'choices'),
  read(row) {
    const question = (row as Fields).question as Fields
    return { ...ownId(row as Fields), ...chosen(textAt(question, 'stem'), choicesAt(question, 'choices'), labelAt(row as Fields, 'answerKey')) }
  },
}

export const siqa: Layout<TaskDraft> = {
  name: 'siqa',
  roles: { context: 'context', prompt: 'question', answer: 'label' },
  example: '{"context": …, "question": …, "answerA": …, "answerB": …, "answerC": …, "label": "1"}',
  fits: (row) => has(row, 'context', 'question', 'answerA', 'answerB', 'answerC'),
  read(row) {
    const fields = row as Fields
    if (fields.label === undefined) refuse('has no "label" (lay the file of labels beside it, named like it with "-labels.lst" for its ending)')
    const choices = ['A', 'B', 'C'].map((label) => ({ label, text: textAt(fields, `answer${label}`) }))
    const answer = choices[Number(labelAt(fields, 'label')) - 1]?.label ?? refuse(`has the label ${shown(fields.label)}; 1, 2 or 3 was expected`)
    return { ...ownId(fields), ...chosen(`${textAt(fields, 'context')} ${textAt(fields, 'question')}`, choices, answer) }
  },
}

/** "answer2" of "Answer1: … Answer2: …" becomes choice B, so that these files are scored like the originals; yes/no tasks keep their words. */
export const llmAdapters: Layout<TaskDraft> = {
  name: 'llm-adapters',
  roles: { prompt: 'instruction', answer: 'answer' },
  example: '{"instruction": …, "output": "the correct answer is answer2", "answer": "answer2"}',
  fits: (row) => has(row, 'instruction', 'answer'),
  read(row) {
    const fields = row as Fields
    const instruction = textAt(fields, 'instruction')
    const answer = labelAt(fields, 'answer')
    const number = /^(?:answer|solution|ending|option)(\d)$/.exec(answer)?.[1]
    const body = instruction.replace(/^Please choose the correct [^:\n]*: ?/, '')
    const begin = body.search(/\n\n(?:Answer|Solution|Ending|Option)1: /)
    const end = begin === -1 ? -1 : body.indexOf('\n\n', begin + 2)
    if (number === undefined || end === -1 || !/^\n\n\w{1,20} format:/.test(body.slice(end, end + 40))) return { ...ownId(fields), question: instruction, answer }
    const texts = body.slice(begin + 2, end).split(/(?:Answer|Solution|Ending|Option)\d: /).slice(1)
    const choices = texts.map((text, i) => ({ label: letter(i + 1), text: text.trim() }))
    return { ...ownId(fields), ...chosen(body.slice(0, begin).trim(), choices, letter(Number(number))) }
  },
}

export const letter = (number: number): string => String.fromCharCode(64 + number)
