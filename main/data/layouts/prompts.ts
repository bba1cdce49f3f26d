/** Unlabelled prompts: JSON strings, {prompt | text}, and tasks whose question is asked. */
import type { Fields, Layout, PromptDraft, TaskDraft, TaskItem } from '../layout.ts'
import { has, isBlank, labelAt, optional, ownId, promptAt, refuse, textAt } from '../layout.ts'

export const plainStrings: Layout<PromptDraft> = {
  name: 'strings',
  roles: {},
  example: '"one prompt per line"',
  fits: (row) => typeof row === 'string',
  read(row) {
    if (typeof row !== 'string') refuse('is not a text')
    return row.trim() === '' ? refuse('is empty') : { prompt: row }
  },
}

export const goldOf = (row: Fields): Pick<PromptDraft, 'answer' | 'task'> => ({
  ...optional('answer', isBlank(row.answer) ? undefined : labelAt(row, 'answer')),
  ...optional('task', isBlank(row.task) ? undefined : labelAt(row, 'task')),
})

export const promptRows: Layout<PromptDraft> = {
  name: 'prompt',
  roles: { prompt: 'prompt', answer: 'answer', task: 'task' },
  example: '{"prompt": …, "answer": …, "task": …}',
  fits: (row) => has(row, 'prompt'),
  read: (row) => ({ ...ownId(row as Fields), prompt: promptAt(row as Fields, 'prompt'), ...goldOf(row as Fields) }),
}

export const textRows: Layout<PromptDraft> = {
  name: 'text',
  roles: { prompt: 'text', answer: 'answer', task: 'task' },
  example: '{"text": …}',
  fits: (row) => has(row, 'text'),
  read: (row) => ({ ...ownId(row as Fields), prompt: textAt(row as Fields, 'text'), ...goldOf(row as Fields) }),
}

/** The rows of a task file as prompts with a gold answer (the paper's D_U holds train splits of its tasks). */
export function askedTask(layout: Layout<TaskDraft>): Layout<PromptDraft> {
  return overEach(layout, ({ id, task, ...item }) => ({ ...optional('id', id), prompt: questionText(item), answer: item.answer, ...optional('task', task) }))
}

/** A layout that gives something else of every draft. */
export function overEach<From, To>(layout: Layout<From>, give: (draft: From) => To): Layout<To> {
  return {
    ...layout,
    read(row) {
      const read = layout.read(row)
      return Array.isArray(read) ? read.map(give) : give(read)
    },
  }
}

/** `TaskItem.prompt` of a question. */
export function questionText({ question, choices = [] }: Pick<TaskItem, 'question' | 'choices'>): string {
  return [question, ...choices.map(({ label, text }) => `${label}. ${text}`)].join('\n')
}
