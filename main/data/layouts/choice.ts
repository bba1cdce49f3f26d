/** Multiple-choice tasks: ARC and OpenBookQA (hub form and original form), SIQA, LLM-Adapters' rewriting of them. */
import type { Choice, Fields, Layout, TaskDraft } from '../layout.ts'
import { has, isFields, labelAt, ownId, refuse, textAt } from '../layout.ts'

function chosen(question: string, choices: Choice[], answer: string): Pick<TaskDraft, 'question' | 'choices' | 'answer'> {
  if (!choices.some(({ label }) => label === answer)) refuse(`names the answer ${JSON.stringify(answer)}, which is none of its choices`)
  return { question, choices, answer }
}

/** The hub's columns {text: […], label: […]}. Labels are A–E, or 1–4 in some ARC rows; they are kept. */
function columnChoices(value: unknown): Choice[] {
  const { text, label } = isFields(value) ? value : {}
  if (!Array.isArray(text) || !Array.isArray(label) || text.length !== label.length || text.length < 2) refuse('has no choices with one label each')
  return text.map((entry: unknown, i) => ({ label: String(label[i]), text: String(entry) }))
}

const hubForm = (name: string, questionKey: string): Layout<TaskDraft> => ({
  name,
  example: `{"${questionKey}": …, "choices": {"text": […], "label": […]}, "answerKey": …}`,
  fits: (row) => has(row, questionKey, 'choices', 'answerKey') && typeof row[questionKey] === 'string' && isFields(row.choices),
  read: (row) => ({ ...ownId(row as Fields), ...chosen(textAt(row as Fields, questionKey), columnChoices((row as Fields).choices), labelAt(row as Fields, 'answerKey')) }),
})

export const arcHub = hubForm('arc', 'question')
export const openBookHub = hubForm('openbookqa', 'question_stem')

export const stemForm: Layout<TaskDraft> = {
  name: 'arc-stem',
  example: '{"question": {"stem": …, "choices": [{"text": …, "label": …}]}, "answerKey": …}',
  fits: (row) => has(row, 'question', 'answerKey') && has(row.question, 'stem', 'choices'),
  read(row) {
    const question = (row as Fields).question as Fields
    if (!Array.isArray(question.choices)) refuse('has no list of choices')
    const choices = question.choices.map((choice: unknown): Choice => {
      if (!isFields(choice)) refuse('has a choice that is no object')
      return { label: labelAt(choice, 'label'), text: textAt(choice, 'text') }
    })
    return { ...ownId(row as Fields), ...chosen(textAt(question, 'stem'), choices, labelAt(row as Fields, 'answerKey')) }
  },
}

export const siqa: Layout<TaskDraft> = {
  name: 'siqa',
  example: '{"context": …, "question": …, "answerA": …, "answerB": …, "answerC": …, "label": "1"}',
  fits: (row) => has(row, 'context', 'question', 'answerA', 'answerB', 'answerC'),
  read(row) {
    const fields = row as Fields
    if (fields.label === undefined) refuse('has no "label" (where labels lie in a .lst file, join them to the rows first)')
    const choices = ['A', 'B', 'C'].map((label) => ({ label, text: textAt(fields, `answer${label}`) }))
    const answer = choices[Number(labelAt(fields, 'label')) - 1]?.label ?? refuse(`has the label ${JSON.stringify(fields.label)}; 1, 2 or 3 was expected`)
    return { ...ownId(fields), ...chosen(`${textAt(fields, 'context')} ${textAt(fields, 'question')}`, choices, answer) }
  },
}

/** "answer2" of "Answer1: … Answer2: …" becomes choice B, so that these files are scored like the originals; yes/no tasks keep their words. */
export const llmAdapters: Layout<TaskDraft> = {
  name: 'llm-adapters',
  example: '{"instruction": …, "output": "the correct answer is answer2", "answer": "answer2"}',
  fits: (row) => has(row, 'instruction', 'answer'),
  read(row) {
    const fields = row as Fields
    const instruction = textAt(fields, 'instruction')
    const answer = labelAt(fields, 'answer')
    const parts = /^(?:Please choose the correct [^:\n]*: ?)?([\s\S]+?)\s*\n\n(?=(?:Answer|Solution|Ending|Option)1: )([\s\S]+?)\s*\n\n\w+ format:/.exec(instruction)
    const number = /^(?:answer|solution|ending|option)(\d)$/.exec(answer)?.[1]
    if (parts === null || number === undefined) return { ...ownId(fields), question: instruction, answer }
    const texts = parts[2]!.split(/\s*(?:Answer|Solution|Ending|Option)\d: /).slice(1)
    const choices = texts.map((text, i) => ({ label: letter(i + 1), text: text.trim() }))
    return { ...ownId(fields), ...chosen(parts[1]!.trim(), choices, letter(Number(number))) }
  },
}

const letter = (number: number): string => String.fromCharCode(64 + number)
