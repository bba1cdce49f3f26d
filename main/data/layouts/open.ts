/** Tasks with a free answer: GSM8K, CREAM's test files, our own {prompt, answer}. */
import type { Fields, Layout, TaskDraft } from '../layout.ts'
import { has, labelAt, optional, ownId, refuse, textAt } from '../layout.ts'

/** The worked solution ends with "#### 72"; the number, without thousands commas, is the answer. */
export const gsm8k: Layout<TaskDraft> = {
  name: 'gsm8k',
  example: '{"question": …, "answer": "… #### 72"}',
  fits: (row) => has(row, 'question', 'answer') && typeof row.answer === 'string' && row.answer.includes('####'),
  read(row) {
    const fields = row as Fields
    const answer = textAt(fields, 'answer').split('####').at(-1)!.trim().replaceAll(',', '')
    if (answer === '') refuse('has no number after "####"')
    return { ...ownId(fields), question: textAt(fields, 'question'), answer }
  },
}

export const creamTask: Layout<TaskDraft> = {
  name: 'cream-task',
  example: '{"uuid": …, "question": …, "label": …}',
  fits: (row) => has(row, 'uuid', 'question', 'label'),
  read: (row) => ({ ...ownId(row as Fields), question: textAt(row as Fields, 'question'), answer: labelAt(row as Fields, 'label') }),
}

export const ownTask: Layout<TaskDraft> = {
  name: 'prompt/answer',
  example: '{"prompt": …, "answer": …, "task": …}',
  fits: (row) => has(row, 'answer') && (typeof row.prompt === 'string' || typeof row.question === 'string'),
  read(row) {
    const fields = row as Fields
    const question = textAt(fields, typeof fields.prompt === 'string' ? 'prompt' : 'question')
    return { ...ownId(fields), question, answer: labelAt(fields, 'answer'), ...optional('task', fields.task === undefined ? undefined : labelAt(fields, 'task')) }
  },
}
