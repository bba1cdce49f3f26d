/** Unlabelled prompts: JSON strings, {prompt | text}, and tasks whose question is asked. */
import type { Fields, Layout, PromptDraft, TaskDraft, TaskItem } from '../layout.ts'
import { has, labelAt, optional, ownId, promptAt, refuse, textAt } from '../layout.ts'

export const plainStrings: Layout<PromptDraft> = {
  name: 'strings',
  example: '"one prompt per line"',
  fits: (row) => typeof row === 'string',
  read(row) {
    if (typeof row !== 'string') refuse('is not a text')
    return row.trim() === '' ? refuse('is empty') : { prompt: row }
  },
}

const goldOf = (row: Fields): Pick<PromptDraft, 'answer' | 'task'> => ({
  ...optional('answer', row.answer === undefined || row.answer === null ? undefined : labelAt(row, 'answer')),
  ...optional('task', row.task === undefined || row.task === null ? undefined : labelAt(row, 'task')),
})

export const promptRows: Layout<PromptDraft> = {
  name: 'prompt',
  example: '{"prompt": …, "answer": …, "task": …}',
  fits: (row) => has(row, 'prompt'),
  read: (row) => ({ ...ownId(row as Fields), prompt: promptAt(row as Fields, 'prompt'), ...goldOf(row as Fields) }),
}

export const textRows: Layout<PromptDraft> = {
  name: 'text',
  example: '{"text": …}',
  fits: (row) => has(row, 'text'),
  read: (row) => ({ ...ownId(row as Fields), prompt: textAt(row as Fields, 'text'), ...goldOf(row as Fields) }),
}

/** The rows of a task file as prompts with a gold answer (the paper's D_U holds train splits of its tasks). */
export function askedTask(layout: Layout<TaskDraft>): Layout<PromptDraft> {
  return {
    ...layout,
    read(row) {
      const { id, task, ...item } = layout.read(row)
      return { ...optional('id', id), prompt: questionText(item), answer: item.answer, ...optional('task', task) }
    },
  }
}

/** `TaskItem.prompt` of a question. */
export function questionText({ question, choices = [] }: Pick<TaskItem, 'question' | 'choices'>): string {
  return [question, ...choices.map(({ label, text }) => `${label}. ${text}`)].join('\n')
}
