/** Which layouts each use of a file accepts, and how a file's layout is found. A new layout is one line here. */
import { AppError } from '../../preload/contract/errors.ts'
import type { Layout, PromptDraft, SftDraft, TaskDraft } from './layout.ts'
import { isFields } from './layout.ts'
import { arcHub, llmAdapters, openBookHub, siqa, stemForm } from './layouts/choice.ts'
import { messagePrompts, messages } from './layouts/messages.ts'
import { oasst, oasstPrompts } from './layouts/oasst.ts'
import { creamTask, gsm8k, ownTask } from './layouts/open.ts'
import { alpaca, alpacaPrompts, promptCompletion, promptResponse } from './layouts/pairs.ts'
import { askedTask, plainStrings, promptRows, textRows } from './layouts/prompts.ts'

/** In order of preference: where two layouts fit as many rows, the first wins. */
export const sftLayouts: Layout<SftDraft>[] = [oasst, messages, promptResponse, promptCompletion, alpaca]

export const taskLayouts: Layout<TaskDraft>[] = [arcHub, openBookHub, stemForm, siqa, gsm8k, creamTask, llmAdapters, ownTask]

export const promptLayouts: Layout<PromptDraft>[] = [
  plainStrings, oasstPrompts, promptRows, messagePrompts, ...taskLayouts.map(askedTask), textRows, alpacaPrompts,
]

/** How many rows at a file's head decide its layout. */
export const detectionRows = 50

/**
 * The layout that fits most of the first rows.
 * @throws AppError('bad-data') when none fits a single row
 */
export function detectLayout<Draft>(layouts: Layout<Draft>[], head: unknown[], path: string): Layout<Draft> {
  const counted = layouts.map((layout) => ({ layout, fitting: head.filter((row) => layout.fits(row)).length }))
  const best = counted.reduce((a, b) => (b.fitting > a.fitting ? b : a))
  if (best.fitting > 0) return best.layout
  const seen = head.find((row) => isFields(row))
  const found = seen === undefined ? 'no objects' : `the keys ${Object.keys(seen).map((key) => JSON.stringify(key)).join(', ')}`
  throw new AppError('bad-data', `${path} has rows of no known layout (its rows have ${found}). Accepted are: ${layouts.map(({ example }) => example).join('; ')}.`)
}
