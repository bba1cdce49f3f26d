/** Which layouts each use of a file accepts, and how a file's layout is found. A new layout is one line here. */
import { rowNames } from '../../preload/contract/columns.ts'
import type { ColumnRoles, DataUse } from '../../preload/contract/requests/place.ts'
import type { Layout, PreferenceDraft, PromptDraft, SftDraft, TaskDraft } from './layout.ts'
import { isFields } from './layout.ts'
import { byColumns, guessRoles } from './layouts/by-columns.ts'
import { arcHub, llmAdapters, openBookHub, siqa, stemForm } from './layouts/choice.ts'
import { conversationPrompts, conversations } from './layouts/messages.ts'
import { oasst, oasstPreferences, oasstPrompts } from './layouts/oasst.ts'
import { creamTask, gsm8k, ownTask } from './layouts/open.ts'
import { alpaca, alpacaPrompts, promptCompletion, promptResponse } from './layouts/pairs.ts'
import { chosenOf, preferenceRows, promptOf } from './layouts/preferences.ts'
import { askedTask, overEach, plainStrings, promptRows, textRows } from './layouts/prompts.ts'

const preferences: Layout<PreferenceDraft>[] = [oasstPreferences, ...preferenceRows]
const tasks: Layout<TaskDraft>[] = [arcHub, openBookHub, stemForm, siqa, gsm8k, creamTask, llmAdapters, ownTask]

export interface Drafts {
  sft: SftDraft
  prompts: PromptDraft
  tasks: TaskDraft
  preferences: PreferenceDraft
}

/** In order of preference: where two layouts fit as many rows, the first wins. A pair's chosen answer is an example, its prompt a prompt. */
const layouts: { [Use in DataUse]: Layout<Drafts[Use]>[] } = {
  sft: [oasst, ...preferenceRows.map((layout) => overEach(layout, chosenOf)), ...conversations, promptResponse, promptCompletion, alpaca],
  prompts: [plainStrings, oasstPrompts, promptRows, ...preferenceRows.map((layout) => overEach(layout, promptOf)), ...conversationPrompts, ...tasks.map(askedTask), textRows, alpacaPrompts],
  tasks,
  preferences,
}

/** For the sentence that says what is accepted: what most files are; docs/data.md has them all. */
const common: { [Use in DataUse]: string[] } = {
  sft: [conversations[0]!.example, promptResponse.example, alpaca.example],
  prompts: [promptRows.example, conversationPrompts[0]!.example, plainStrings.example],
  tasks: [arcHub.example, gsm8k.example, ownTask.example],
  preferences: preferenceRows.slice(0, 2).map(({ example }) => example),
}

/** How many rows at a file's head decide its layout. */
export const detectionRows = 50

export interface Detected<Draft> {
  /** Null when no layout fits a single row, and the columns' names do not say enough. */
  layout: Layout<Draft> | null
  /** Names in the rows' order of appearance. */
  columns: string[]
  /** Why there is no layout, as a sentence's end; empty where there is one. */
  fault: string
}

/** The layout of these columns, else the one that fits most of the first rows, else one made of columns whose names say what they are. */
export function detectLayout<Use extends DataUse>(use: Use, head: readonly unknown[], roles?: ColumnRoles): Detected<Drafts[Use]> {
  const columns = [...new Set(head.filter(isFields).flatMap((row) => Object.keys(row)))].filter((name) => name.length <= 1000).slice(0, 100)
  if (roles !== undefined) return { layout: byColumns(use, roles), columns, fault: '' }
  const counted = layouts[use].map((layout) => ({ layout, fitting: head.filter((row) => layout.fits(row)).length }))
  const best = counted.reduce((a, b) => (b.fitting > a.fitting ? b : a))
  if (best.fitting > 0) return { layout: best.layout, columns, fault: '' }
  const guessed = guessRoles(use, columns)
  if (guessed !== null) return { layout: byColumns(use, guessed), columns, fault: '' }
  const found = columns.length === 0 ? 'no columns' : `the columns ${columns.slice(0, 20).map((key) => JSON.stringify(key.slice(0, 60))).join(', ')}`
  return { layout: null, columns, fault: `has rows of no known layout of ${rowNames[use]} (they have ${found}). Name its columns by hand, or write rows like ${common[use].join('; ')}.` }
}
