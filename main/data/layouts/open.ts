/** Tasks with a free answer: GSM8K, CREAM's test files, our own {prompt, answer}. */
import type { Fields, Layout, TaskDraft } from '../layout.ts'
import { has, isBlank, labelAt, optional, ownId, refuse, textAt } from '../layout.ts'
import { answerAmong, choicesAt } from './choice.ts'

/** The worked solution ends with "#### 72"; the number, without thousands commas, is the answer. */
/** @throws RowRefusal when nothing stands behind the mark */
export function solvedAnswer(solution: string): string {
  const answer = solution.split('####').at(-1)!.trim().replaceAll(',', '')
  return answer === '' ? refuse('has no number after "####"') : answer
}

export const gsm8k: Layout<TaskDraft> = {
  name: 'gsm8k',
  roles: { prompt: 'question', answer: 'answer' },
  example: '{"question": …, "answer": "… #### 72"}',
  fits: (row) => has(row, 'question', 'answer') && typeof row.answer === 'string' && row.answer.includes('####'),
  read(row) {
    const fields = row as Fields
    return { ...ownId(fields), question: textAt(fields, 'question'), answer: solvedAnswer(textAt(fields, 'answer')) }
  },
}

export const creamTask: Layout<TaskDraft> = {
  name: 'cream-task',
  roles: { id: 'uuid', prompt: 'question', answer: 'label' },
  example: '{"uuid": …, "question": …, "label": …}',
  fits: (row) => has(row, 'uuid', 'question', 'label'),
  read: (row) => ({ ...ownId(row as Fields), question: textAt(row as Fields, 'question'), answer: labelAt(row as Fields, 'label') }),
}

export const ownTask: Layout<TaskDraft> = {
  name: 'prompt/answer',
  example: '{"prompt": …, "choices": {"text": […], "label": […]}, "answer": …, "task": …}',
  roles: { prompt: 'prompt', choices: 'choices', answer: 'answer', task: 'task' },
  fits: (row) => has(row, 'answer') && (typeof row.prompt === 'string' || typeof row.question === 'string'),
  read(row) {
    const fields = row as Fields
    const question = textAt(fields, typeof fields.prompt === 'string' ? 'prompt' : 'question')
    const choices = isBlank(fields.choices) ? {} : { choices: choicesAt(fields, 'choices') }
    return { ...ownId(fields), question, ...choices, answer: answerAmong(choices.choices, labelAt(fields, 'answer')), ...optional('task', isBlank(fields.task) ? undefined : labelAt(fields, 'task')) }
  },
}
