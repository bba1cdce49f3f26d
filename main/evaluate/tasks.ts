/** Held-out task items: how one becomes a prompt, and what kind of answer it asks for. */
import type { PromptInput } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'

export interface TaskItem {
  id: string
  prompt: PromptInput
  /** Gold: a choice label (A–E, 1–4), a number, or the whole answer. */
  answer: string
  /** Name of the task or family, e.g. `arc-challenge`, `gsm8k`, `sort`. */
  task?: string | undefined
}

/** What the paper appends to every question (METHOD §5); the run's `evaluation.suffix` when real models are evaluated. */
export const paperSuffix =
  "\nAnswer the question by thinking step by step. At the end, output the final answer, starting with 'Answer:'."

/** The item's prompt with the suffix behind its last user turn (behind the text, if it is raw text). */
export function toPrompt(item: TaskItem, suffix: string): PromptInput {
  if (suffix === '') return item.prompt
  if (typeof item.prompt === 'string') return item.prompt + suffix
  const last = item.prompt.at(-1)
  if (last?.role !== 'user') {
    throw new AppError('bad-data', `Task item ${item.id} does not end with a user turn; end its conversation with the question.`)
  }
  return [...item.prompt.slice(0, -1), { ...last, content: last.content + suffix }]
}

export type AnswerKind = 'choice' | 'number'

/**
 * The kind of answer the scorers `cream` and `strict` look for. The task's name decides where it is known (GSM8K: a
 * number; ARC, OpenBookQA, SIQA: a choice), else the gold answer does: labels are choices, other numbers are numbers.
 */
export function answerKindOf(item: TaskItem): AnswerKind {
  const task = item.task?.toLowerCase() ?? ''
  if (task.includes('gsm8k')) return 'number'
  if (/(?<![a-z])arc(?![a-z])|openbook|obqa|siqa|social/.test(task)) return 'choice'
  const gold = item.answer.trim()
  if (/^(?:[A-E]|[1-4])$/i.test(gold)) return 'choice'
  if (/^-?\$?[\d,]*\.?\d+$/.test(gold)) return 'number'
  throw new AppError(
    'bad-data',
    `Task item ${item.id} has a gold answer that is neither a choice label nor a number; score it with 'exact'.`,
  )
}
